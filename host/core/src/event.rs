//! Lambda's event JSON: what a function that is a command reads, and what its answer says.
//!
//! Pure: an event is made of columns, an answer is read against them. Knows nothing of how the bytes
//! reach a function, nor of what follows for a trigger.

pub mod answer;
pub mod build;
pub mod fault;
pub mod origin;
pub mod window;

pub use self::{
    build::{Event, Room},
    fault::Fault,
    origin::{Identity, Origin},
    window::Window,
};
