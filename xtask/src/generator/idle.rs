//! Idle: connections that are open and say nothing.

use std::net::TcpStream;

use anyhow::Result;

use super::connect::open_all;
use super::{Goal, Load, Options};

pub(super) struct Idle {
    _connections: Vec<TcpStream>,
}

impl Idle {
    pub(super) fn open(options: &Options) -> Result<Self> {
        Ok(Self { _connections: open_all(options)? })
    }
}

impl Load for Idle {
    fn run(&mut self, _goal: Goal) -> Result<u64> {
        Ok(0)
    }
}
