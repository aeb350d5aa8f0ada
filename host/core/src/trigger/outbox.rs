//! What a trigger gives up and one of AWS's services shall hear of: failure records, as entries of
//! the log that the lane's own commit writes, so that no record is given up without its entry.
//!
//! `host/channel` sends entries and removes them; what an entry is and how long it is tried is
//! decided here.

pub mod destination;
pub mod entry;
pub mod patience;
pub mod record;

pub use self::{
    destination::{Destination, InvalidDestinationError, Service},
    entry::{Entry, UnreadableEntryError},
};
