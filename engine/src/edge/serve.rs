//! `ringwire serve`: the node: its pages, echo at `/ws`, chat at `/chat`, the flipbook's desk, topics at `/connect` and `/topics/NAME`, and the control
//! thread beside it.

use std::sync::Arc;

use super::chat::{self, Chat, Member};
use super::client::{Client, Data, NodeConn};
use super::connect::{self, Connect};
use super::control::Control;
use super::flipbook::{self, Desk, Flipbook};
use super::journal::{Journal, Rules};
use super::node::Beside;
use super::ticker::Ticker;
use super::{StartError, node, pages, topics};
use crate::config::ValidConfig;
use crate::handler::{Accept, Handler};
use crate::http::{OriginRules, Refusal, Request, Routes, TopicsRoute, WebSocketRoute};
use crate::proto::{CloseCode, Message};
use crate::topic::error::PublishError;
use crate::topic::history::Position;
use crate::topic::journal::Kept;
use crate::topic::name::NameLimits;
use crate::topic::settings::TopicRules;

const ECHO_PATH: &str = "/ws";
const CHAT_PATH: &str = "/chat";
const TOPICS_PATH: &str = "/topics";

/// A shard's part of the node.
struct Node {
    chat: Chat,
    connect: Connect,
    flipbook: Desk,
    names: NameLimits,
}

impl Handler for Node {
    type Data = Data;

    fn on_connect(&mut self, request: &Request<'_>) -> Result<Accept<Data>, Refusal> {
        match request.path() {
            CHAT_PATH => Ok(Accept { data: Some(Box::new(Client::Chat(Member::default()))), protocol: None }),
            flipbook::PATH => Ok(Desk::on_connect()),
            connect::PATH => self.connect.on_connect(request),
            path if path.starts_with(topics::PREFIX) => topics::on_connect(request, self.names),
            _ => Ok(Accept::default()),
        }
    }

    fn on_open(&mut self, conn: &mut NodeConn<'_>) {
        match conn.data().as_deref() {
            Some(Client::V1) => conn.speak_ringwire_v1(),
            Some(Client::Topic(_)) => topics::on_open(conn),
            Some(Client::Flipbook) => self.flipbook.on_open(conn),
            Some(Client::Chat(_)) | None => {}
        }
    }

    fn on_message(&mut self, conn: &mut NodeConn<'_>, message: Message<'_>) {
        match conn.data().as_deref() {
            None => {
                let _ = conn.send(message);
            }
            Some(Client::Chat(_)) => self.chat.on_message(conn, message),
            Some(Client::Flipbook) => self.flipbook.on_message(conn, message),
            Some(Client::V1) => self.connect.on_message(conn, message),
            Some(Client::Topic(_)) => topics::on_message(conn, message),
        }
    }

    fn on_published(&mut self, conn: &mut NodeConn<'_>, token: u64, outcome: Result<Option<Position>, PublishError>) {
        match conn.data().as_deref() {
            Some(Client::V1) => self.connect.on_published(conn, token, outcome),
            Some(Client::Topic(_)) => topics::on_published(conn, outcome.map(drop)),
            Some(Client::Chat(_)) => chat::on_published(conn, outcome.map(drop)),
            Some(Client::Flipbook) | None => {}
        }
    }

    fn on_close(&mut self, conn: &mut NodeConn<'_>, _code: CloseCode, _reason: &str) {
        if let Some(Client::Chat(_)) = conn.data().as_deref() {
            self.chat.on_close(conn);
        }
    }
}

/// Serves until the process is told to stop.
///
/// # Errors
/// [`StartError`] when the server cannot start.
pub(super) fn run(config: &ValidConfig) -> Result<(), StartError> {
    let (online, names, flipbook) = (Arc::default(), NameLimits::new(config), Flipbook::new());
    let desk = flipbook.desk();
    let prepare = |config: &_| prepare(config, flipbook);
    node::run(config, routes(config)?, prepare, move |_shard| Node {
        chat: Chat::new(Arc::clone(&online)),
        connect: Connect::new(names),
        flipbook: desk.clone(),
        names,
    })
}

/// Opens the journal if there is one, and starts the control thread, which writes it.
fn prepare(config: &ValidConfig, flipbook: Flipbook) -> Result<Beside, StartError> {
    let (ticker, flipbook) = (config.demo.then(Ticker::default), config.demo.then_some(flipbook));
    let Some(dir) = &config.journal.dir else {
        return Ok(Beside { control: Control::start(config, None)?, kept: None, ticker, flipbook });
    };
    let rules = TopicRules::new(config);
    let rules = Rules {
        limits_of: move |topic: &str| rules.find(topic).history,
        bytes_max: config.history_bytes_max,
        digest: crc32c::crc32c(format!("{:?} {}", config.topics, config.history_bytes_max).as_bytes()),
    };
    let journal = Journal::open(dir, &config.journal, rules)?;
    let Journal { epoch, mut recovered, task, port, status } = journal;
    // A configuration may have become smaller; who has no place begins behind the floor, so that no number is given twice.
    let floor = recovered.keep_newest(config.topics_max as usize);
    let histories = recovered.topics.into_iter().map(|(name, history)| (name.into(), history)).collect();
    let control = Control::start(config, Some((task, status)))?;
    Ok(Beside { control, kept: Some(Kept { epoch, floor, histories, port: Some(port) }), ticker, flipbook })
}

fn routes(config: &ValidConfig) -> Result<Routes, StartError> {
    let origins = OriginRules::parse(&config.origins)?;
    let websocket = |path: &str| WebSocketRoute::new(path).map(|route| route.origins(origins.clone()));
    let mut routes = Routes::builder();
    if config.demo {
        for path in [ECHO_PATH, CHAT_PATH, flipbook::PATH] {
            routes = routes.websocket(websocket(path)?);
        }
    }
    let routes = routes
        .websocket(websocket(connect::PATH)?.protocols([connect::PROTOCOL])?)
        .websocket(websocket(&format!("{}*", topics::PREFIX))?)
        .topics(TopicsRoute::new(TOPICS_PATH)?.origins(origins.clone()));
    Ok(pages::all(config)?.into_iter().fold(routes, |routes, page| routes.page(page)).build()?)
}
