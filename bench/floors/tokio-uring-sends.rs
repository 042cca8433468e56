//! The floor under a fan-out, on tokio-uring: bytes that are there already go to all connections, all writes at once.
//!
//! It shows what futures over a ring cost for each delivery: why the engine has none. No protocol, no queues, no timers. Each
//! connection is greeted with one byte once it is among the receivers. Prints `listening on ADDR` when ready, and ends by
//! signal.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use anyhow::Result;
use futures_util::future::join_all;
use tokio_uring::buf::IoBuf;
use tokio_uring::net::{TcpListener, TcpStream};

/// What is read at once. Longer input is passed on in parts.
const READ_BYTES: usize = 4096;

type Receivers = Rc<RefCell<Vec<Rc<TcpStream>>>>;

/// Bytes that many writes have at once.
#[derive(Clone)]
struct Shared(Rc<Vec<u8>>);

// SAFETY: nobody can change them, and they stay where they are until the last writer has let go.
unsafe impl IoBuf for Shared {
    fn stable_ptr(&self) -> *const u8 {
        self.0.as_ptr()
    }

    fn bytes_init(&self) -> usize {
        self.0.len()
    }

    fn bytes_total(&self) -> usize {
        self.0.len()
    }
}

fn main() -> Result<()> {
    let listener = ringwire_bench::listen()?;
    tokio_uring::start(async {
        let listener = TcpListener::from_std(listener);
        let receivers = Receivers::default();
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            tokio_uring::spawn(connection(Rc::new(stream), Rc::clone(&receivers)));
        }
    })
}

/// A connection that fails ends alone: the generator, which counts what arrives, is the judge.
async fn connection(stream: Rc<TcpStream>, receivers: Receivers) {
    receivers.borrow_mut().push(Rc::clone(&stream));
    let _ = pass_on(&stream, &receivers).await;
    receivers.borrow_mut().retain(|receiver| !Rc::ptr_eq(receiver, &stream));
}

async fn pass_on(stream: &TcpStream, receivers: &Receivers) -> io::Result<()> {
    stream.write_all(&b"."[..]).await.0?;
    loop {
        let (outcome, bytes) = stream.read(Vec::with_capacity(READ_BYTES)).await;
        if outcome? == 0 {
            return Ok(());
        }
        let shared = Shared(Rc::new(bytes));
        let all = receivers.borrow().clone();
        join_all(all.iter().map(|receiver| receiver.write_all(shared.clone()))).await;
    }
}
