//! Requests on the data port: pages are served, WebSockets are opened, the rest is refused with a reason.

use std::time::{SystemTime, UNIX_EPOCH};

use super::timers::Timeouts;
use super::{close, polls, recv};
use crate::conn::slot::Phase;
use crate::handler::local::Local;
use crate::handler::{Accept, Conn, Handler, SendStatus};
use crate::http::topics::TopicRequest;
use crate::http::{Date, Head, Refusal, Request, Routed, Routes, WebSocketRoute, read_head, write_page};
use crate::proto::handshake::Upgrade;

/// What answering a request takes: the shard's parts, borrowed for one read.
pub(super) struct Requests<'a, H: Handler> {
    pub(super) local: &'a mut Local<H::Data>,
    pub(super) handler: &'a mut H,
    pub(super) routes: &'a Routes,
    pub(super) timeouts: Timeouts,
    pub(super) scratch: &'a mut Vec<u8>,
}

/// What follows a request on its connection.
pub(super) enum Next {
    /// Another request.
    Request,
    /// The same, when a poll is answered.
    Poll,
    /// Messages.
    Messages,
    /// Events, and nothing is listened to any more.
    Events,
    /// The end.
    Nothing,
}

impl<H: Handler> Requests<'_, H> {
    /// Takes bytes of a connection that speaks HTTP.
    pub(super) fn run(&mut self, slot: u32, bytes: &mut [u8]) {
        if self.local.conns[slot].is_parked() {
            return self.run_parked(slot, bytes);
        }
        let Some(mut held) = self.local.conns[slot].input.take() else {
            return self.run_heads(slot, bytes, 0);
        };
        let searched = held.len();
        held.extend_from_slice(bytes);
        match read_head(&held, searched, self.local.limits.head_bytes_max) {
            Ok(Head::Partial) => self.local.conns[slot].input = Some(held),
            _ => self.run_heads(slot, &mut held, searched),
        }
    }

    /// Answers every whole head, keeps the beginning of another, and hands what follows a handshake to the decoder.
    pub(super) fn run_heads(&mut self, slot: u32, mut bytes: &mut [u8], mut searched: usize) {
        while !bytes.is_empty() {
            let head_bytes = match read_head(bytes, searched, self.local.limits.head_bytes_max) {
                Ok(Head::Complete { bytes }) => bytes,
                Ok(Head::Partial) => {
                    self.local.conns[slot].input = Some(Box::new(bytes.to_vec()));
                    return;
                }
                Err(refusal) => {
                    return refuse(self.local, self.scratch, slot, &self.routes.refusal(bytes, refusal));
                }
            };
            let (head, rest) = bytes.split_at_mut(head_bytes);
            match self.answer(slot, head) {
                Next::Request => self.local.wheel.set(slot, self.timeouts.handshake),
                Next::Messages if rest.is_empty() => return,
                Next::Messages => return recv::run_first(self.local, self.handler, slot, rest),
                Next::Poll if rest.len() > self.local.limits.head_bytes_max => {
                    // So much may not wait; the poll has waited long enough.
                    polls::answer_late(self.local, slot);
                    if self.local.conns[slot].phase != Phase::Http {
                        return;
                    }
                }
                Next::Poll => {
                    self.local.conns[slot].input = (!rest.is_empty()).then(|| Box::new(rest.to_vec()));
                    return;
                }
                Next::Events | Next::Nothing => return,
            }
            (bytes, searched) = (rest, 0);
        }
    }

    fn answer(&mut self, slot: u32, head: &[u8]) -> Next {
        let peer = self.local.conns[slot].peer.into();
        let outcome = Request::parse(head, peer).and_then(|request| match self.routes.route(&request)? {
            Routed::Page(page) => {
                self.scratch.clear();
                write_page(page, &request, self.scratch, &date());
                Ok(self.respond(slot, request.is_keep_alive()))
            }
            Routed::Topics(route) => {
                let request = TopicRequest::parse(&request, &route.place(self.local.limits.names))?;
                self.answer_topic(slot, request)
            }
            Routed::WebSocket { route, upgrade } => self.open(slot, &request, route, &upgrade).map(|()| Next::Messages),
        });
        match outcome {
            Ok(Next::Nothing) => {
                close::end_lingering(self.local, slot);
                Next::Nothing
            }
            Ok(next) => next,
            Err(refusal) => {
                refuse(self.local, self.scratch, slot, &self.routes.refusal(head, refusal));
                Next::Nothing
            }
        }
    }

    /// Sends the response that was composed.
    pub(super) fn respond(&mut self, slot: u32, is_keep_alive: bool) -> Next {
        // One who asks without reading has the connection closed behind the last response that fitted; a response that was
        // left out would make the next one answer the wrong request.
        let fitted = self.local.append(slot, self.scratch) != SendStatus::Dropped;
        if fitted && is_keep_alive { Next::Request } else { Next::Nothing }
    }

    /// Opens the WebSocket, if the application consents.
    fn open(
        &mut self,
        slot: u32,
        request: &Request<'_>,
        route: &WebSocketRoute,
        upgrade: &Upgrade<'_>,
    ) -> Result<(), Refusal> {
        // Not descriptors: those who were refused and linger take nobody's place.
        if !self.local.open_count.try_take() {
            return Err(Refusal::service_unavailable(
                "this server has as many connections as it may (`connections_max`): try again later",
            ));
        }
        if let Err(refusal) = self.consent(slot, request, route, upgrade) {
            self.local.open_count -= 1;
            return Err(refusal);
        }
        self.local.counters.opened += 1;
        self.timeouts.liveness.begin(self.local, slot);
        self.handler.on_open(&mut Conn::new(self.local, slot));
        Ok(())
    }

    /// Asks the application, answers the handshake and makes the connection a WebSocket.
    fn consent(
        &mut self,
        slot: u32,
        request: &Request<'_>,
        route: &WebSocketRoute,
        upgrade: &Upgrade<'_>,
    ) -> Result<(), Refusal> {
        let Accept { data, protocol } = self.handler.on_connect(request)?;
        let protocol = protocol.as_deref().or_else(|| route.choose_protocol(upgrade));
        self.scratch.clear();
        upgrade.write_response(self.scratch, protocol, &[]).map_err(|error| {
            tracing::error!(%error, "on_connect asked for a response that cannot be sent");
            Refusal::internal_error()
        })?;
        let _ = self.local.append(slot, self.scratch);
        let protocol = self.local.protocols.number(protocol);
        let conn = &mut self.local.conns[slot];
        conn.phase = Phase::Open;
        conn.protocol = protocol;
        conn.data = data;
        conn.route = route.index() as u16;
        conn.close_told = false;
        Ok(())
    }
}

/// Sends a refusal and ends the connection.
pub(super) fn refuse<D>(local: &mut Local<D>, scratch: &mut Vec<u8>, slot: u32, refusal: &Refusal) {
    local.counters.refused += 1;
    scratch.clear();
    refusal.write_to(scratch, &date());
    let _ = local.append(slot, scratch);
    close::end_lingering(local, slot);
}

pub(super) fn date() -> Date {
    // A clock before 1970 is printed as 1970.
    Date::from_unix(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}
