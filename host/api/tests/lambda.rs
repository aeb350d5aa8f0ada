//! The Lambda API over the model: functions, versions, aliases, mappings, and every error.

mod aliases;
pub(crate) mod client;
pub(crate) mod front_door;
mod functions;
mod invoke;
mod mappings;
mod policies;
mod reads;
mod versions;
