//! Channels and outboxes over a real log: what comes out is what was put in.

mod deliver;
mod outbox;
mod wait;
mod world;
