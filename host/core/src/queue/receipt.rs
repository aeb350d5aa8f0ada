//! Receipt handles: what a worker must show to have a say in a record that it received.

use serde::{Deserialize, Serialize};

use super::entry::Place;
use crate::{
    position::{Position, ShardNumber},
    read::token::TokenKey,
};

const PURPOSE: &str = "receipt";

/// One delivery of one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// The queue's id, which is never given twice.
    pub queue: u64,
    /// The record.
    pub place: Place,
    /// Which of the record's deliveries.
    pub delivery: u32,
    /// Whether it was delivered as a dead letter.
    pub dead: bool,
}

#[derive(Serialize, Deserialize)]
struct Sealed(u64, ShardNumber, Position, u32, bool);

impl Receipt {
    /// As text that cannot be forged.
    #[must_use]
    pub fn seal(&self, key: &TokenKey) -> String {
        let Self {
            queue,
            place,
            delivery,
            dead,
        } = *self;
        let sealed = Sealed(queue, place.shard, place.position, delivery, dead);
        key.seal(PURPOSE, &sealed)
    }

    /// From text that was given out here; none where it was not.
    #[must_use]
    pub fn open(key: &TokenKey, text: &str) -> Option<Self> {
        let Sealed(queue, shard, position, delivery, dead) = key.open(PURPOSE, text)?;
        Some(Self {
            queue,
            place: Place { shard, position },
            delivery,
            dead,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_opens_with_its_key_alone() {
        let receipt = Receipt {
            queue: u64::MAX,
            place: Place {
                shard: ShardNumber(u32::MAX),
                position: Position(u64::MAX),
            },
            delivery: u32::MAX,
            dead: true,
        };
        let text = receipt.seal(&TokenKey([1; 32]));
        assert!(text.len() < 1024, "{text}");
        assert_eq!(Receipt::open(&TokenKey([1; 32]), &text), Some(receipt));
        assert_eq!(Receipt::open(&TokenKey([2; 32]), &text), None);
    }
}
