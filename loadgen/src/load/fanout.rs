//! Publishers and followers: what is published on a schedule comes to followers by several ways, all in one run.
//!
//! The connections of a thread are its share of the publishers, then its share of the followers of each group (`cast`). Followers
//! are all in place before the first publication, because the run starts when each has said so, or never will.

use std::io;
use std::sync::Arc;

use ringwire::client::{ConnId, Conns};
use ringwire::proto::{CloseCode, EncodedHeader, Message, Opcode};

use super::account::{Account, Told};
use super::cast::Role;
use super::publisher::{Published, Publisher};
use super::show::{Line, Show};
use crate::run::{self, Ended, Fleet, Load};
use crate::schedule::Rota;
use crate::sizes::Sizes;
use crate::transport::{Follower, Heard, Refusal, Route, Trouble, Way, v1};

/// Heads and JSON around the payloads of one answer.
const ANSWER_SPARE_BYTES: usize = 4 << 20;

/// Code of the refusal of a publisher's connection.
pub const PUBLISHER: &str = "publisher";

/// Code of what is no answer.
const TROUBLE: &str = "answer";

/// The connections of one thread.
pub struct Fanout {
    show: Arc<Show>,
    /// Number of the first connection.
    first: u32,
    routes: Vec<Route>,
    publisher: Publisher,
    /// By connection, publishers first.
    ids: Vec<Option<ConnId>>,
    followers: Vec<Seat>,
    accounts: Vec<Account>,
    /// Of each group that asks at an interval, with its followers.
    rotas: Vec<(Rota, Vec<u32>)>,
    /// Followers of which it is not known yet whether they are in place, and publishers that are not connected.
    unsettled: u32,
    refusals: Vec<Refusal>,
    has_failed: bool,
    /// Messages that are to come on this thread in all.
    owed: u64,
    now: u64,
    out: Vec<u8>,
}

/// One follower.
struct Seat {
    follower: Follower,
    role: Role,
    /// Its number among the followers of its group on this thread.
    receiver: u32,
    place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Awaited,
    There,
    Gone,
}

/// What one thread found out.
#[derive(Debug)]
pub struct Outcome {
    /// Of each group.
    pub groups: Vec<Told>,
    /// Of its publishers.
    pub published: Published,
    /// What the server did not do; those that end the run first.
    pub refusals: Vec<Refusal>,
    /// Whether the run ended because of one.
    pub has_failed: bool,
}

impl Fanout {
    /// The connections of this thread of `threads`: `count` from `first` on.
    pub fn new(show: Arc<Show>, thread: u32, threads: u32, first: u32, count: u32) -> Self {
        let cast = show.cast;
        let (first_publisher, publishers) = run::share(cast.publishers, threads, thread);
        let first_follower = first - first_publisher;
        let mut counts = vec![0; show.lines.len()];
        let bytes_max = answer_bytes_max(&show.sizes);
        let seats = (first_follower..first_follower + count - publishers).map(|number| {
            let role = cast.role(number);
            let receiver = counts[role.group as usize];
            counts[role.group as usize] += 1;
            let follower = Follower::new(show.lines[role.group as usize].way, bytes_max);
            Seat { follower, role, receiver, place: Place::Awaited }
        });
        let followers: Vec<_> = seats.collect();
        let accounts = show.lines.iter().zip(&counts).map(|(line, &count)| {
            Account::new(show.timed, line.way.may_skip(), count, cast.streams_per_topic(), &show.window)
        });
        let sent =
            |topic| (0..cast.streams_per_topic()).map(|stream| cast.sent(&show.plan, topic, stream)).sum::<u64>();
        let sent: Vec<u64> = (0..cast.topics).map(sent).collect();
        let owing = followers.iter().filter(|seat| !show.lines[seat.role.group as usize].way.may_skip());
        Self {
            first,
            routes: show
                .topics
                .iter()
                .map(|topic| Route { host: show.site.host().to_owned(), topic: topic.clone() })
                .collect(),
            publisher: Publisher::new(&show, first_publisher..first_publisher + publishers),
            ids: vec![None; count as usize],
            accounts: accounts.collect(),
            rotas: rotas(&show, &followers),
            unsettled: count,
            refusals: Vec::new(),
            has_failed: false,
            owed: owing.map(|seat| sent[seat.role.topic as usize]).sum(),
            now: 0,
            out: Vec::new(),
            followers,
            show,
        }
    }

    fn publishers(&self) -> u32 {
        self.publisher.count()
    }

    fn line(&self, seat: u32) -> &Line {
        &self.show.lines[self.followers[seat as usize].role.group as usize]
    }

    fn open_at(&self, conns: &mut Conns, index: u32) -> io::Result<ConnId> {
        let (site, number) = (&self.show.site, self.first + index);
        let way = index.checked_sub(self.publishers()).map(|seat| self.line(seat).way);
        match way {
            Some(way) if way.is_foreign() => site.open_websocket(conns, number, &[]),
            None if self.show.foreign().is_some() => site.open_websocket(conns, number, &[]),
            None | Some(Way::V1) => site.with_path(v1::PATH.into()).open_websocket(conns, number, &[v1::PROTOCOL]),
            Some(Way::Topic) => {
                let topic = &self.followers[(index - self.publishers()) as usize].role.topic;
                let name = crate::http::encoded(&self.show.topics[*topic as usize]);
                site.with_path(format!("/topics/{name}")).open_websocket(conns, number, &[])
            }
            Some(_) => site.open_raw(conns, number),
        }
    }

    /// Has a follower make something of what came, and does what follows from it. How many updates there were.
    fn hear(&mut self, conns: &mut Conns, index: u32, now: u64, come: Come<'_, '_>) -> u64 {
        let Self { followers, accounts, show, routes, refusals, .. } = self;
        let seat = &mut followers[(index - self.publisher.count()) as usize];
        let (account, topic) = (&mut accounts[seat.role.group as usize], seat.role.topic);
        let (mut said, refused_before) = (Said::default(), refusals.len());
        let mut hear = |heard: Heard<'_>| match heard {
            Heard::Update(payload) => {
                said.updates += 1;
                account.book(seat.receiver, show.read(topic, payload), now);
            }
            Heard::Placed => said.is_placed = true,
            Heard::Answered => said.is_answered = true,
            Heard::AnsweredLast => said.is_last = true,
            Heard::Refused(refusal) => refusals.push(refusal),
        };
        self.out.clear();
        let mut trouble = None;
        match come {
            Come::Open => seat.follower.begin(&routes[topic as usize], &mut self.out, &mut hear),
            Come::Message(message) => trouble = seat.follower.on_message(message, &mut self.out, &mut hear).err(),
            Come::Bytes(bytes) => trouble = seat.follower.on_bytes(bytes, &mut hear).err(),
        }
        said.trouble = trouble;
        said.is_refused = refusals.len() > refused_before;
        self.follow_up(conns, index, now, said);
        self.judge_refusals();
        said.updates
    }

    /// Notes where the follower is now, and asks again or ends its connection.
    fn follow_up(&mut self, conns: &mut Conns, index: u32, now: u64, said: Said) {
        let seat = &mut self.followers[(index - self.publisher.count()) as usize];
        let account = &mut self.accounts[seat.role.group as usize];
        let is_long_poll = self.show.lines[seat.role.group as usize].way == Way::LongPoll;
        if said.is_placed && seat.place == Place::Awaited {
            seat.place = Place::There;
            account.told.opened += 1;
            self.unsettled -= 1;
        }
        if let Some(trouble) = said.trouble {
            self.refusals.push(Refusal { code: TROUBLE.into(), message: trouble.to_string() });
        }
        // A poll that waits would ask a server that refuses as fast as it can.
        let is_lost = said.trouble.is_some() || (said.is_refused && is_long_poll);
        if is_lost && seat.place == Place::There {
            seat.place = Place::Gone;
            account.told.lost += 1;
        }
        if let Some(id) = self.ids[index as usize].filter(|_| said.is_last || is_lost) {
            return conns.close(id, CloseCode::NORMAL, "");
        }
        // A poll that waits follows each answer at once.
        if said.is_answered && is_long_poll && seat.place == Place::There {
            seat.follower.ask(&self.routes[seat.role.topic as usize], &mut self.out);
        }
        self.send(conns, index, now);
    }

    /// Sends the request that a follower has written.
    fn send(&mut self, conns: &mut Conns, index: u32, now: u64) {
        let (Some(id), false) = (self.ids[index as usize], self.out.is_empty()) else { return };
        let seat = &self.followers[(index - self.publisher.count()) as usize];
        let group = seat.role.group as usize;
        let (sent, bytes) = if self.show.lines[group].way.is_websocket() {
            let text = std::str::from_utf8(&self.out).expect("requests are JSON");
            (conns.send(id, Message::Text(text)), framed(self.out.len(), true))
        } else {
            (conns.send_bytes(id, &self.out), self.out.len() as u64)
        };
        // A connection that is not open any more tells so itself.
        if sent.is_ok() {
            self.accounts[group].note_request(bytes, now);
        }
    }

    /// Before the first publication each refusal ends the run; later those that will not pass.
    fn judge_refusals(&mut self) {
        const PASSING: [&str; 6] = ["busy", "closing", "503", "429", "too_fast", TROUBLE];
        let lasting = |refusal: &Refusal| !PASSING.contains(&refusal.code.as_str());
        if let Some(at) = self.refusals.iter().position(|refusal| self.now == 0 || lasting(refusal)) {
            self.refusals.swap(0, at);
            self.has_failed = true;
        }
        // Some are enough to tell what was wrong.
        self.refusals.truncate(100);
    }

    fn ask_due(&mut self, conns: &mut Conns, now: u64) {
        let mut rotas = std::mem::take(&mut self.rotas);
        for (rota, seats) in &mut rotas {
            while let Some((turn, planned)) = rota.due(now) {
                let index = self.publisher.count() + seats[turn];
                let seat = &mut self.followers[seats[turn] as usize];
                if seat.place != Place::There || self.ids[index as usize].is_none_or(|id| !conns.is_open(id)) {
                    continue;
                }
                self.out.clear();
                // Who still waits for an answer leaves this turn out, as pages do.
                if seat.follower.ask(&self.routes[seat.role.topic as usize], &mut self.out) {
                    self.accounts[seat.role.group as usize].note_poll_lag(planned, now);
                    self.send(conns, index, now);
                }
            }
        }
        self.rotas = rotas;
    }

    fn has_all(&self) -> bool {
        let owing = self.show.lines.iter().zip(&self.accounts).filter(|(line, _)| !line.way.may_skip());
        owing.map(|(_, account)| account.arrived).sum::<u64>() >= self.owed
    }
}

/// What a follower made of what came.
#[derive(Debug, Default, Clone, Copy)]
struct Said {
    updates: u64,
    is_placed: bool,
    is_answered: bool,
    is_last: bool,
    is_refused: bool,
    trouble: Option<Trouble>,
}

/// What comes on a follower's connection.
enum Come<'a, 'b> {
    Open,
    Message(Message<'a>),
    Bytes(&'b [u8]),
}

impl Load for Fanout {
    type Outcome = Outcome;

    fn open(&mut self, conns: &mut Conns, index: u32) -> io::Result<ConnId> {
        let opened = self.open_at(conns, index);
        match &opened {
            Ok(id) => self.ids[index as usize] = Some(*id),
            Err(_) => drop(self.on_close(index, self.now)),
        }
        opened
    }

    fn on_open(&mut self, conns: &mut Conns, index: u32, now: u64) {
        if index < self.publishers() {
            self.publisher.note_there(index);
            self.publisher.begin(conns, self.ids[index as usize]);
            self.unsettled -= 1;
        } else {
            self.hear(conns, index, now, Come::Open);
        }
    }

    #[inline]
    fn on_message(&mut self, conns: &mut Conns, index: u32, message: Message<'_>, now: u64) {
        if let Some(seat) = index.checked_sub(self.publishers()) {
            let account = &mut self.accounts[self.followers[seat as usize].role.group as usize];
            account.note_in(framed(message.as_bytes().len(), false), now);
            self.hear(conns, index, now, Come::Message(message));
        } else {
            let id = self.ids[index as usize];
            self.refusals.extend(self.publisher.on_message(&self.show, conns, id, message, now));
            self.judge_refusals();
        }
    }

    fn on_bytes(&mut self, conns: &mut Conns, index: u32, bytes: &[u8], now: u64) -> u64 {
        let group = self.followers[(index - self.publishers()) as usize].role.group;
        self.accounts[group as usize].note_in(bytes.len() as u64, now);
        self.hear(conns, index, now, Come::Bytes(bytes))
    }

    fn on_close(&mut self, index: u32, now: u64) -> Ended {
        let was_asked = self.ids[index as usize].take().is_some();
        let Some(seat) = index.checked_sub(self.publishers()) else {
            if self.publisher.note_gone(index) {
                let message = "a connection that publishes could not be opened".to_owned();
                self.refusals.insert(0, Refusal { code: PUBLISHER.into(), message });
                (self.has_failed, self.unsettled) = (true, self.unsettled - 1);
            }
            return Ended::Failure;
        };
        let Self { followers, accounts, show, .. } = self;
        let seat = &mut followers[seat as usize];
        let account = &mut accounts[seat.role.group as usize];
        let may_end = seat.follower.end(&mut |heard| {
            if let Heard::Update(payload) = heard {
                account.book(seat.receiver, show.read(seat.role.topic, payload), now);
            }
        });
        if may_end && was_asked && seat.place == Place::There {
            return Ended::Reopen;
        }
        match seat.place {
            Place::Awaited => self.unsettled -= 1,
            Place::There => account.told.lost += 1,
            Place::Gone => {}
        }
        seat.place = Place::Gone;
        Ended::Failure
    }

    fn is_ready(&self) -> bool {
        self.unsettled == 0
    }

    fn has_failed(&self) -> bool {
        self.has_failed
    }

    fn on_turn(&mut self, conns: &mut Conns, _fleet: &Fleet, now: u64) {
        self.now = now.max(1);
        self.publisher.send_due(&self.show, conns, &self.ids, now);
        if now < self.show.window.end || !self.has_all() {
            self.ask_due(conns, now);
        }
    }

    fn next_at(&self) -> Option<u64> {
        let polls = self.rotas.iter().filter_map(|(rota, _)| rota.next_at());
        polls.chain(self.publisher.next_at()).min()
    }

    fn is_drained(&self, _now: u64) -> bool {
        // Where nobody is left, nothing comes.
        self.has_all() || self.followers.iter().all(|seat| seat.place != Place::There)
    }

    fn newest_p99(&mut self, now: u64) -> Option<u64> {
        self.accounts.first_mut()?.newest_p99(now)
    }

    fn finish(self) -> Outcome {
        let Self { show, followers, accounts, .. } = self;
        let mut topics = vec![Vec::new(); accounts.len()];
        followers.iter().for_each(|seat| topics[seat.role.group as usize].push(seat.role.topic));
        let groups = accounts.into_iter().zip(&topics).map(|(account, topics)| {
            account.close(|follower, stream| show.cast.sent(&show.plan, topics[follower as usize], stream))
        });
        Outcome {
            groups: groups.collect(),
            published: self.publisher.finish(),
            refusals: self.refusals,
            has_failed: self.has_failed,
        }
    }
}

fn rotas(show: &Show, followers: &[Seat]) -> Vec<(Rota, Vec<u32>)> {
    let asking = show.lines.iter().enumerate().filter(|(_, line)| line.way.has_interval());
    let rota = |(group, line): (usize, &Line)| {
        let of_group = || followers.iter().enumerate().filter(move |(_, seat)| seat.role.group as usize == group);
        let rota = Rota::new(line.interval, of_group().map(|(_, seat)| seat.role.number), show.cast.followers);
        (rota, of_group().map(|(index, _)| index as u32).collect())
    };
    asking.map(rota).collect()
}

/// An answer with a batch of updates may be as long as this.
fn answer_bytes_max(sizes: &Sizes) -> usize {
    4 * sizes.most() + ANSWER_SPARE_BYTES
}

/// Bytes of a message in one frame.
fn framed(payload_bytes: usize, is_masked: bool) -> u64 {
    let header = EncodedHeader::server(Opcode::Binary, payload_bytes as u64);
    (header.as_bytes().len() + payload_bytes + if is_masked { 4 } else { 0 }) as u64
}
