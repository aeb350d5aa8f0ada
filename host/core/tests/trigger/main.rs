//! The trigger machine against a simulated log, clock and function.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod bisect;
mod events;
mod failures;
mod filtered;
mod filters;
mod limits;
mod model;
mod packed;
mod parts;
mod tumbling;
mod tumbling_lives;
mod windows;
mod world;
