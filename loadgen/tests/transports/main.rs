//! `fanout` and `compare` against a real node, by every transport.

mod compare;
mod cut;
mod fanout;
mod node;

use std::net::SocketAddr;

use clap::Parser;
use ringwire_load::cli::Cli;
use ringwire_load::commands;
use ringwire_load::report::{Group, Report};

/// Runs a command as it is typed; `{addr}` stands for the node's.
///
/// The machine that tests run on may be busy: how late the generator is says nothing of the code.
#[track_caller]
fn load(node: &node::Node, line: &str) -> anyhow::Result<Report> {
    load_at(node.addr, line)
}

/// The same, by another way to the node.
#[track_caller]
fn load_at(addr: SocketAddr, line: &str) -> anyhow::Result<Report> {
    let line = format!("ringwire-load {line} --quiet --offer-lag-max=10s").replace("{addr}", &addr.to_string());
    let plan = Cli::try_parse_from(line.split(' ')).unwrap_or_else(|error| panic!("{error}")).into_plan()?;
    commands::run(&plan)
}

/// All came, once, whole and in order.
#[track_caller]
fn assert_flawless(group: &Group) {
    assert!(group.expected > 0, "{group:?}");
    assert_eq!((group.reach(), group.checks.total()), (Some(1.0), 0), "{}: {:?}", group.name, group.checks);
    let connections = group.connections;
    assert_eq!((connections.opened, connections.lost), (connections.wanted, 0), "{}", group.name);
}
