//! Tokio tasks that run core's trigger machine: one a lane, that is, a trigger on one shard.
//!
//! Everything that is decided is decided in `millstream_core::trigger`; here it is carried out.
//! An idle lane waits for its shard to grow and costs no CPU. Nothing polls.

mod journal;
mod lane;
mod order;
mod recorder;
mod samples;
mod state;
mod tally;
mod workers;
mod world;

pub use self::{
    recorder::{Recorder, RecorderOptions},
    workers::Workers,
    world::Options,
};
