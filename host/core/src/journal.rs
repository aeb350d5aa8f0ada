//! What functions log: each call with its lines, kept in memory as far as there is room, and written
//! out in Lambda's words when somebody reads it.
//!
//! Pure: a call that has ended comes in, lines go out. Knows neither who reads nor who waits.

pub mod call;
pub mod line;
pub mod pattern;
pub mod place;
pub mod request;
mod ring;

pub use self::{
    call::Ended,
    line::{Kind, Line},
    pattern::{Pattern, PatternError},
    place::{LogStream, Place},
    request::RequestId,
    ring::{Journal, Kept, Room},
};
