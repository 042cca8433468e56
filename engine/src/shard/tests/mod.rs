//! The shard on a simulated ring: seeded runs, the rules one by one, timers, and bugs that were found.

mod behind;
mod found;
mod intake;
mod journal;
mod latency;
mod losses;
mod rests;
mod resumers;
mod rules;
mod runs;
mod stage;
mod timers;
