//! Kernel and CPU-affinity profiles that one can check, apply and take back.
//!
//! A [`Profile`] is data: settings with a value, a reason, a source and a risk. On a [`Machine`] each setting becomes
//! [`Target`]s: files of the kernel, each with the text it wants there. [`plan`] compares them with what is live, [`apply`]
//! writes the difference after it has written down what was before, [`revert`] puts that back.
//!
//! ```text
//! profiles/*.toml ─► profile ─┐
//!                             ├─► plan ─► check, capacity, export
//! /proc, /sys ─► machine ─────┘     └───► apply ─► state ─► revert
//! ```
//!
//! Everything that touches the machine goes through [`System`], so that tests can kill it at every step.
//!
//! Not here: what Ringwire itself does with the `[ringwire]` part of a profile; its configuration reads that.

pub mod affinity;
pub mod amount;
pub mod apply;
pub mod capacity;
pub mod cli;
pub mod export;
pub mod machine;
pub mod plan;
pub mod profile;
mod report;
pub mod revert;
pub mod state;
pub mod system;
pub mod target;

pub use machine::Machine;
pub use plan::Plan;
pub use profile::Profile;
pub use system::System;
pub use target::Target;
