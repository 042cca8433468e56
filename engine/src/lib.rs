//! Ringwire: a WebSocket server engine on io_uring.
//!
//! One thread, one ring and one set of connections per shard; callbacks instead of futures; payloads borrowed
//! from the kernel's buffers. `ARCHITECTURE.md` has the picture.
//!
//! ```no_run
//! use ringwire::{Config, Conn, Handler, Message, Server};
//!
//! struct Echo;
//!
//! impl Handler for Echo {
//!     type Data = ();
//!
//!     fn on_message(&mut self, conn: &mut Conn<'_, ()>, message: Message<'_>) {
//!         let _ = conn.send(message);
//!     }
//! }
//!
//! fn main() -> Result<(), ringwire::StartError> {
//!     let server = Server::start(Config::default(), |_shard| Echo)?;
//!     println!("listening on {}", server.local_addr());
//!     server.join();
//!     Ok(())
//! }
//! ```

pub mod client;
pub mod config;
mod conn;
#[cfg(feature = "node")]
pub mod edge;
mod handler;
pub mod http;
mod metrics;
pub mod proto;
pub mod ring;
mod server;
mod shard;
mod sys;
mod topic;

/// The doors of the fuzz targets of what is private; no part of the interface.
#[cfg(feature = "sim")]
#[doc(hidden)]
pub mod sim {
    #[cfg(feature = "node")]
    pub use crate::edge::journal::trial::check_bytes as journal_bytes;
    #[cfg(feature = "node")]
    pub use crate::edge::v1::trial::check_bytes as v1_bytes;
    pub use crate::http::topics::trial::check_bytes as topic_request_bytes;
    pub use crate::shard::sim::run_bytes;
}

/// The doors of the benches of what is private; no part of the interface.
#[cfg(feature = "sim")]
#[doc(hidden)]
pub mod bench {
    pub use crate::shard::bench::Turns;
    pub use crate::sys::bench::listeners;
    pub use crate::topic::bench::Table;
}

pub use config::Config;
pub use conn::{ConnId, ParseConnIdError};
pub use handler::{Accept, Conn, ConnError, Handler, ReadyState, Replay, SendStatus, Start, SubscribeError};
pub use http::{Refusal, Request};
pub use metrics::{Counters, Gauges, Latency, Losses, Stats};
pub use proto::{CloseCode, Message};
pub use server::{
    Answer, AnswerFuture, CommandError, Server, ServerBuilder, ServerHandle, ShardHandle, ShardInfo, StartError,
};
pub use shard::command::{ConnDetail, ConnFilter, ConnInfo, ConnPage, ConnQuery, HistoryInfo, HistoryQuery};
pub use shard::command::{TopicInfo, TopicPage, TopicQuery};
pub use topic::error::{Full, PublishError};
pub use topic::history::{ParsePositionError, Position};
pub use topic::name::TopicNameError;
