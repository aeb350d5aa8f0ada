//! The list of records, as long as it may be and no longer: a body of 16 MiB could hold half a million.

use std::fmt;

use millstream_core::limit;
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, SeqAccess, Visitor},
};

use crate::kinesis::put::Entry;

/// 1 to 500 records.
pub(super) struct Entries<'a>(pub(super) Vec<Entry<'a>>);

struct Bounded;

impl<'de> Visitor<'de> for Bounded {
    type Value = Entries<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1 to {} records", limit::PUT_RECORDS_COUNT)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Entries<'de>, A::Error> {
        let mut entries = Vec::with_capacity(limit::PUT_RECORDS_COUNT);
        while let Some(entry) = list.next_element()? {
            if entries.len() == limit::PUT_RECORDS_COUNT {
                return Err(A::Error::invalid_length(entries.len() + 1, &self));
            }
            entries.push(entry);
        }
        if entries.is_empty() {
            return Err(A::Error::invalid_length(0, &self));
        }
        Ok(Entries(entries))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Entries<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Bounded)
    }
}
