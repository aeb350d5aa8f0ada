//! CBOR 1.1 as Amazon's Java SDK speaks it: the same values as in JSON, but blobs are byte strings and
//! moments are tag 1 with whole milliseconds, in both directions.

mod decode;
mod encode;
mod scan;

pub(crate) use self::{decode::decode, encode::encode, scan::Cbor};

/// The tag of a moment.
pub(crate) const MOMENT: u64 = 1;
