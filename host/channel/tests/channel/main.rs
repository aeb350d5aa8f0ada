//! Channels over a real log and a directory: what comes out is what was put in.

mod deliver;
mod wait;
mod world;
