//! Whole lives of triggers on a virtual clock, each from one seed: the real machines of
//! `millstream-core` and the real tasks of `millstream-worker` over a model of a log and functions that
//! follow a script. Hosts crash, shards split, disks fill up, functions fail, settings change; all that
//! is committed is judged as it is committed, and what is left at the end once more.
//!
//! The same seed is the same life, to the last event. A world that goes wrong is told with its end and
//! with the line that tells it again: `MILLSTREAM_SIM_SEED=17 make worlds`, with
//! `MILLSTREAM_SIM_TAIL=100000` from its beginning. `MILLSTREAM_SIM_SEEDS` lives as many from there on.
//! A scenario follows from its seed and from the code that draws it, so a seed is no regression test.
//!
//! `make sim` runs the tests. They are built apart from everything else, since tokio lets its own lots be
//! seeded only with `--cfg tokio_unstable`; without that, the order in which tasks wake is another one
//! each time.

mod audit;
mod chance;
mod clock;
mod fault;
mod ground;
mod guest;
mod host;
mod log;
mod record;
mod scenario;
mod store;
mod trace;
mod world;

mod range;

pub use self::{
    audit::Figures,
    range::{Range, Summary},
    world::{Outcome, run},
};
