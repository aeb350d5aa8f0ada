//! Runs core's queues: reads the records that they deliver, commits what they decide, and waits.
//!
//! Everything that is decided is decided in `millstream_core::queue`; here it is carried out.
//! A queue that nobody asks costs nothing, and one whose workers wait polls nothing.

mod desk;
mod desks;

pub use self::desks::Desks;
