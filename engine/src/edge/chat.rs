//! The chat behind `/demo/chat`: who is there, and what they say, as JSON text messages.
//!
//! A client says `{"type":"join","name":…}` once and `{"type":"say","text":…}` from then on. It hears `welcome`, `joined`, `left`,
//! `said` (its own too) and `error`. What is said goes to a topic with history: who reads that itself, and so can resume, joins with
//! `"hear":false` and gets no `said` here.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde::{Deserialize, Serialize};

use super::client::{Client, NodeConn};
use super::demo::{CHAT, CHAT_PRESENCE};
use crate::proto::Message;
use crate::topic::error::PublishError;

const NAME_CHARS_MAX: usize = 32;
const TEXT_CHARS_MAX: usize = 500;

/// A shard's part of the chat. The members' number is the one thing that all shards share.
pub(super) struct Chat {
    online: Arc<AtomicU32>,
}

/// Somebody in the chat; nameless until they joined.
#[derive(Debug, Default)]
pub(super) struct Member {
    name: Option<String>,
}

/// What clients say.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Said {
    Join {
        name: String,
        #[serde(default = "yes")]
        hear: bool,
    },
    Say {
        text: String,
    },
}

const fn yes() -> bool {
    true
}

/// What clients hear.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Heard<'a> {
    Welcome { id: String, online: u32, at: u64 },
    Joined { name: &'a str, online: u32 },
    Left { name: &'a str, online: u32 },
    Said { id: String, name: &'a str, text: &'a str, at: u64 },
    Error { message: String },
}

impl Chat {
    pub(super) fn new(online: Arc<AtomicU32>) -> Self {
        Self { online }
    }

    pub(super) fn on_message(&mut self, conn: &mut NodeConn<'_>, message: Message<'_>) {
        // The parser works in place, so it gets a copy.
        let mut bytes = message.as_bytes().to_vec();
        let outcome = match simd_json::serde::from_slice(&mut bytes) {
            Ok(Said::Join { name, hear }) => self.join(conn, name.trim(), hear),
            Ok(Said::Say { text }) => say(conn, text.trim()),
            Err(error) => Err(format!(
                "not understood: {error}; send {{\"type\":\"join\",\"name\":…}} or {{\"type\":\"say\",\"text\":…}}"
            )),
        };
        if let Err(message) = outcome {
            send(conn, &Heard::Error { message });
        }
    }

    pub(super) fn on_close(&mut self, conn: &mut NodeConn<'_>) {
        if let Some(name) = member(conn).name.take() {
            let online = self.online.fetch_sub(1, Ordering::Relaxed) - 1;
            announce(conn, &Heard::Left { name: &name, online });
        }
    }

    fn join(&mut self, conn: &mut NodeConn<'_>, name: &str, hear: bool) -> Result<(), String> {
        if !(1..=NAME_CHARS_MAX).contains(&name.chars().count()) {
            return Err(format!("a name has 1 to {NAME_CHARS_MAX} characters"));
        }
        if member(conn).name.is_some() {
            return Err("you have joined already".into());
        }
        let topics = if hear { &[CHAT_PRESENCE, CHAT][..] } else { &[CHAT_PRESENCE] };
        topics.iter().try_for_each(|topic| conn.subscribe(topic)).map_err(|error| error.to_string())?;
        // Who has a name counts as online until the end.
        member(conn).name = Some(name.to_owned());
        let online = self.online.fetch_add(1, Ordering::Relaxed) + 1;
        send(conn, &Heard::Welcome { id: conn.id().to_string(), online, at: conn.now_ms() });
        announce(conn, &Heard::Joined { name, online });
        Ok(())
    }
}

fn say(conn: &mut NodeConn<'_>, text: &str) -> Result<(), String> {
    let Some(name) = member(conn).name.clone() else { return Err("join first, with a name".into()) };
    if text.is_empty() {
        return Err("say something".into());
    }
    let text: String = text.chars().take(TEXT_CHARS_MAX).collect();
    let said = json(&Heard::Said { id: conn.id().to_string(), name: &name, text: &text, at: conn.now_ms() });
    conn.publish_acknowledged(CHAT, said.as_str(), 0).map_err(not_said)
}

/// Tells who said something that was not published after all.
pub(super) fn on_published(conn: &mut NodeConn<'_>, outcome: Result<(), PublishError>) {
    if let Err(error) = outcome {
        send(conn, &Heard::Error { message: not_said(error) });
    }
}

fn not_said(error: PublishError) -> String {
    format!("not said: {error}")
}

fn member<'c>(conn: &'c mut NodeConn<'_>) -> &'c mut Member {
    match conn.data_mut().as_deref_mut() {
        Some(Client::Chat(member)) => member,
        _ => unreachable!("only chat connections come here"),
    }
}

fn send(conn: &mut NodeConn<'_>, heard: &Heard<'_>) {
    // A chat line that a slow reader misses is lost, and no more than that.
    let _ = conn.send(json(heard).as_str());
}

fn announce(conn: &mut NodeConn<'_>, heard: &Heard<'_>) {
    // That somebody came or went is worth no error: each such message tells the number of all.
    let _ = conn.publish(CHAT_PRESENCE, json(heard).as_str());
}

fn json(heard: &Heard<'_>) -> String {
    simd_json::serde::to_string(heard).expect("strings and numbers are always JSON")
}
