//! The command line. What is typed (`options`) becomes what is meant (`plan`), or an error that says what to type instead.
//!
//! Not here: what the commands do.

mod options;
mod outputs;
mod plan;
mod settings;
mod usage;

#[cfg(test)]
mod tests;

use clap::{Parser, Subcommand};

use options::{Compare, Connect, Echo, Fanout, Idle};
pub use outputs::{Outputs, PlaceError, WriteError};
pub use plan::{
    Common, ComparePlan, ConnectPlan, EchoPlan, FanoutPlan, IdlePlan, Messages, Pace, Plan, THREADS_MAX, TOPICS_PATH,
    Task, Transport, Window,
};
pub use usage::UsageError;

/// Examples and what they are for, how values are written, and what the exit codes say; lines of at most 98 columns.
macro_rules! after {
    ($($purpose:literal => $example:literal,)*) => {
        concat!("Examples:\n", $("  # ", $purpose, "\n  ringwire-load ", $example, "\n",)* "\n\
Sizes are bytes, or have a unit: 64, 16KiB, 1MiB. Durations have a unit: 250ms, 30s, 2m. Rates are
per second, of all senders together: 0.5, 1000, 20k, 1.5M.
Exit codes: 0 all objectives met, 1 one was missed, 2 the command line or what it names is wrong,
3 the run is invalid or could not be made.")
    };
}

const EXAMPLES: &str = after!(
    "how long do answers take?" => "echo ws://127.0.0.1:9001/ws --connections=1000 --rate=20k --p99-max=5ms",
    "do all subscribers get everything?" => "fanout ws://127.0.0.1:9001 --subscribers=10k --rate=100 --reach-min=1",
    "what does a connection cost?" => "idle ws://127.0.0.1:9001/ws --connections=100k --server-pid=$(pidof ringwire)",
    "what does a WebSocket buy?" => "compare ws://127.0.0.1:9001 --viewers=100 --frames=30 --html=compare.html",
);
const ECHO: &str = after!(
    "50 connections, 1,000 messages per second" => "echo ws://127.0.0.1:9001/ws",
    "an objective, which the exit code tells" => "echo ws://127.0.0.1:9001/ws --connections=1000 --rate=20k --p99-max=5ms",
    "as much as the server can do" => "echo ws://127.0.0.1:9001/ws --depth=16 --duration=30s",
    "few large messages among many small ones" => "echo ws://127.0.0.1:9001/ws --size=list:64*95,16KiB*5 --form=text",
);
const FANOUT: &str = after!(
    "10,000 subscribers, and none may miss anything" => "fanout ws://127.0.0.1:9001 --subscribers=10k --rate=100 --reach-min=1",
    "by three transports" => "fanout ws://127.0.0.1:9001 --transports=websocket,sse,long-poll --topics=10",
    "any server that sends to all what one sends" => "fanout ws://127.0.0.1:8080/room --transports=broadcast --subscribers=500",
);
const IDLE: &str = after!(
    "memory of the server per connection" => "idle ws://127.0.0.1:9001/ws --connections=100k --server-pid=$(pidof ringwire)",
    "do they hold for ten minutes?" => "idle ws://127.0.0.1:9001/ws --connections=1000 --duration=10m",
);
const CONNECT: &str = after!(
    "handshakes alone" => "connect ws://127.0.0.1:9001/ws --rate=2k --p99-max=10ms",
    "2,500 connections that come and go" => "connect ws://127.0.0.1:9001/ws --rate=500 --hold=5s",
);
const COMPARE: &str = after!(
    "all transports, thirty frames a second" => "compare ws://127.0.0.1:9001 --viewers=100 --frames=30 --html=compare.html",
    "two of them" => "compare ws://127.0.0.1:9001 --transports=websocket,short-poll --poll-intervals=1s",
);

/// Load on WebSocket servers, on a schedule: latency from the planned send, and every message checked.
#[derive(Debug, Clone, PartialEq, Parser)]
#[command(name = "ringwire-load", version, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Clone, PartialEq, Subcommand)]
enum Command {
    /// Send messages to a server that sends them back
    #[command(after_help = ECHO)]
    Echo(Echo),
    /// Publish to many subscribers, by one transport or several
    #[command(after_help = FANOUT)]
    Fanout(Fanout),
    /// Open connections, hold them, and see what they cost the server
    #[command(after_help = IDLE)]
    Idle(Idle),
    /// Open and close connections
    #[command(after_help = CONNECT)]
    Connect(Connect),
    /// Compare WebSocket with Server-Sent Events, long polling and short polling
    #[command(after_help = COMPARE)]
    Compare(Compare),
}

impl Cli {
    /// What is to be done.
    ///
    /// # Errors
    ///
    /// [`UsageError`] when options do not go together, or a value is out of its range.
    pub fn into_plan(self) -> Result<Plan, UsageError> {
        match self.command {
            Command::Echo(typed) => typed.meant(),
            Command::Fanout(typed) => typed.meant(),
            Command::Idle(typed) => typed.meant(),
            Command::Connect(typed) => typed.meant(),
            Command::Compare(typed) => typed.meant(),
        }
    }
}
