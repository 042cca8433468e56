//! What a client may hold.

use std::io;
use std::time::Duration;

/// Limits and sizes of a [`Client`](super::Client). All are bounds: nothing grows beyond them.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// Connections that the ring can hold, 1 to the limit on open files; those that are closing count.
    pub connections_max: u32,
    /// Largest message that is taken, in bytes, after reassembly. A larger one ends its connection with 1009.
    pub message_bytes_max: usize,
    /// Bytes that may wait for one connection's socket; [`SendError::Full`](super::SendError::Full) above.
    pub send_queue_bytes_max: usize,
    /// Buffers that the kernel receives into, a power of two up to 32,768.
    pub recv_buffer_count: u16,
    /// Bytes of each of them.
    pub recv_buffer_bytes: u32,
    /// Entries of the submission queue, a power of two; the completion queue has four times as many.
    pub ring_entries: u32,
    /// Completions that one turn takes, at most.
    pub turn_completions_max: u32,
    /// How long a connection may take to open: TCP and the handshake together.
    pub open_timeout: Duration,
    /// How long the server may take to answer a close frame and to close its end.
    pub close_timeout: Duration,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            connections_max: 1024,
            message_bytes_max: 16 << 20,
            send_queue_bytes_max: 16 << 20,
            recv_buffer_count: 256,
            recv_buffer_bytes: 32 * 1024,
            ring_entries: 1024,
            turn_completions_max: 4096,
            open_timeout: Duration::from_secs(20),
            close_timeout: Duration::from_secs(5),
        }
    }
}

impl ClientConfig {
    /// Refuses what no ring can be made of.
    pub(super) fn check(&self) -> io::Result<()> {
        let wrong = if self.connections_max == 0 {
            "connections_max must be at least 1"
        } else if !self.recv_buffer_count.is_power_of_two() || self.recv_buffer_count > 1 << 15 {
            "recv_buffer_count must be a power of two up to 32768"
        } else if self.recv_buffer_bytes < 1024 {
            "recv_buffer_bytes must be at least 1024"
        } else if !self.ring_entries.is_power_of_two() {
            "ring_entries must be a power of two"
        } else if self.turn_completions_max == 0 {
            "turn_completions_max must be at least 1"
        } else {
            return Ok(());
        };
        Err(io::Error::new(io::ErrorKind::InvalidInput, wrong))
    }
}
