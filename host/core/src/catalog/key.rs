//! The families of keys in the log's key space: `c/` catalog, `l/` lanes, `x/` state, `m/` modules,
//! `q/` queues, `h/` channels, `o/` failure records that wait to be sent.
//!
//! Beside them stands the one key of [`crate::read::token::STORED_AT`].

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{
    name::{ChannelName, FunctionName, QueueName, StreamName, TriggerName},
    position::{Position, ShardNumber},
};

/// The prefix of all catalog entries.
pub const CATALOG: &[u8] = b"c/";
/// The prefix of all lanes' checkpoints.
pub const LANES: &[u8] = b"l/";
/// The prefix of all channels' positions.
pub const CHANNELS: &[u8] = b"h/";

/// The prefix of all failure records that wait to be sent.
pub const OUTBOX: &[u8] = b"o/";

/// Numbers that are never given twice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// The next shard's number.
    pub next_shard: u32,
    /// The next trigger's id.
    pub next_trigger: u64,
    /// The next function version's number, over all functions.
    pub next_version: u64,
    /// The next queue's id.
    #[serde(default)]
    pub next_queue: u64,
    /// The next channel's id.
    #[serde(default)]
    pub next_channel: u64,
}

/// A parsed key under [`CATALOG`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CatalogKey {
    /// `c/s/NAME`
    Stream(StreamName),
    /// `c/f/NAME`
    Function(FunctionName),
    /// `c/t/NAME`
    Trigger(TriggerName),
    /// `c/q/NAME`
    Queue(QueueName),
    /// `c/h/NAME`
    Channel(ChannelName),
    /// `c/a`
    Account,
    /// `c/n`
    Counters,
}

impl CatalogKey {
    /// The key's bytes.
    #[must_use]
    pub fn bytes(&self) -> Bytes {
        match self {
            Self::Stream(name) => format!("c/s/{name}"),
            Self::Function(name) => format!("c/f/{name}"),
            Self::Trigger(name) => format!("c/t/{name}"),
            Self::Queue(name) => format!("c/q/{name}"),
            Self::Channel(name) => format!("c/h/{name}"),
            Self::Account => "c/a".to_owned(),
            Self::Counters => "c/n".to_owned(),
        }
        .into()
    }

    /// From bytes that were stored.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        match text {
            "c/n" => return Some(Self::Counters),
            "c/a" => return Some(Self::Account),
            _ => {}
        }
        let (family, name) = text.strip_prefix("c/")?.split_once('/')?;
        match family {
            "s" => name.try_into().ok().map(Self::Stream),
            "f" => name.try_into().ok().map(Self::Function),
            "t" => name.try_into().ok().map(Self::Trigger),
            "q" => name.try_into().ok().map(Self::Queue),
            "h" => name.try_into().ok().map(Self::Channel),
            _ => None,
        }
    }
}

/// Where a lane (a trigger on one shard) keeps its checkpoint.
#[must_use]
pub fn lane(trigger: u64, shard: ShardNumber) -> Bytes {
    let mut key = lanes_of(trigger).to_vec();
    key.extend_from_slice(&shard.0.to_be_bytes());
    key.into()
}

/// Where a part of a divided shard's lanes keeps its checkpoint; see [`crate::trigger::layout`].
#[must_use]
pub fn part_of_lane(trigger: u64, shard: ShardNumber, part: u8) -> Bytes {
    [&lane(trigger, shard)[..], &[part]].concat().into()
}

/// The prefix of a trigger's lanes.
#[must_use]
pub fn lanes_of(trigger: u64) -> Bytes {
    prefixed(LANES, trigger)
}

/// Where a lane's function keeps what it calls `name`.
///
/// State belongs to a shard's lanes. Where there are several, [`crate::trigger::ledger`] keeps their
/// batches apart.
#[must_use]
pub fn state(trigger: u64, shard: ShardNumber, name: &str) -> Bytes {
    let mut key = states_of(trigger).to_vec();
    key.extend_from_slice(&shard.0.to_be_bytes());
    key.extend_from_slice(name.as_bytes());
    key.into()
}

/// The prefix of all state of a trigger.
#[must_use]
pub fn states_of(trigger: u64) -> Bytes {
    prefixed(b"x/", trigger)
}

/// Where an uploaded module is kept, by its hash in hexadecimal.
#[must_use]
pub fn module(hash: &str) -> Bytes {
    format!("m/{hash}").into()
}

/// Where a channel keeps how far it has delivered a shard: a position, in eight bytes.
#[must_use]
pub fn channel_position(channel: u64, shard: ShardNumber) -> Bytes {
    let mut key = channel_positions_of(channel).to_vec();
    key.extend_from_slice(&shard.0.to_be_bytes());
    key.into()
}

/// The prefix of a channel's positions.
#[must_use]
pub fn channel_positions_of(channel: u64) -> Bytes {
    prefixed(CHANNELS, channel)
}

/// Where an entry of a trigger's outbox is kept that begins with the record at `first`. Its size stands
/// at the end, so that a start need not read the entries to know how much waits.
#[must_use]
pub fn outbox(trigger: u64, shard: ShardNumber, first: Position, bytes: usize) -> Bytes {
    let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
    let mut key = prefixed(OUTBOX, trigger).to_vec();
    key.extend_from_slice(&shard.0.to_be_bytes());
    key.extend_from_slice(&first.0.to_be_bytes());
    key.extend_from_slice(&bytes.to_be_bytes());
    key.into()
}

/// The trigger that such a key names, and the entry's size.
#[must_use]
pub fn outbox_entry(key: &[u8]) -> Option<(u64, usize)> {
    let (trigger, rest) = key.strip_prefix(OUTBOX)?.split_first_chunk::<8>()?;
    let (_, bytes) = rest.split_last_chunk::<4>()?;
    let bytes = u32::from_be_bytes(*bytes) as usize;
    Some((u64::from_be_bytes(*trigger), bytes))
}

fn prefixed(family: &[u8], id: u64) -> Bytes {
    [family, &id.to_be_bytes()].concat().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn catalog_keys_round_trip() {
        let keys = [
            CatalogKey::Stream("a.b".try_into().unwrap()),
            CatalogKey::Function("f".try_into().unwrap()),
            CatalogKey::Trigger("t".try_into().unwrap()),
            CatalogKey::Queue("eu-west-1:q".try_into().unwrap()),
            CatalogKey::Channel("c".try_into().unwrap()),
            CatalogKey::Account,
            CatalogKey::Counters,
        ];
        for key in keys {
            assert_eq!(CatalogKey::parse(&key.bytes()), Some(key.clone()));
        }
        assert_eq!(CatalogKey::parse(b"c/z/x"), None);
    }

    #[test]
    fn a_lane_owns_its_state() {
        assert!(state(1, ShardNumber(2), "k").starts_with(&states_of(1)));
        assert!(lane(1, ShardNumber(2)).starts_with(&lanes_of(1)));
        assert_ne!(state(1, ShardNumber(2), "k"), state(1, ShardNumber(3), "k"));
    }

    #[test]
    fn an_entry_of_the_outbox_names_its_trigger_and_its_size() {
        let key = outbox(7, ShardNumber(2), Position(9), 500);
        assert_eq!(outbox_entry(&key), Some((7, 500)));
        assert_eq!(outbox_entry(&lane(7, ShardNumber(2))), None);
        assert_eq!(outbox_entry(b"o/short"), None);
        let later = outbox(7, ShardNumber(2), Position(10), 1);
        assert!(key < later, "entries are in the order of their records");
    }
}
