//! A stream: its settings, its shards, who reads it. What may be changed is one file a subject.

mod change;
pub mod consumer;
mod encryption;
pub mod policy;
pub mod reshard;
pub mod setting;
pub mod tags;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

pub use self::{
    consumer::{Consumer, ConsumerChange},
    encryption::Encryption,
    setting::{Distribution, Setting, ShardMetric, StreamMode},
    tags::Tags,
};
use crate::{
    hash_key::{HashKey, HashRange},
    limit,
    name::{ConsumerName, StreamName},
    position::ShardNumber,
    time::Millis,
};

/// What a stream, or something of it, is doing. As Kinesis has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Status {
    /// Was made a moment ago.
    Creating,
    /// Takes and gives records.
    Active,
    /// Was changed a moment ago; takes and gives records.
    Updating,
    /// Its records are gone.
    Deleting,
}

impl Status {
    /// As Kinesis writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Creating => "CREATING",
            Self::Active => "ACTIVE",
            Self::Updating => "UPDATING",
            Self::Deleting => "DELETING",
        }
    }
}

/// A change that still shows. Kinesis takes seconds for what is done here at once; clients wait for
/// the status, so they are given one to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transition {
    /// What shows.
    pub status: Status,
    /// Until when.
    pub until: Millis,
}

impl Transition {
    /// `status` from `now` for `ms`; none where that is no time at all.
    #[must_use]
    pub fn new(status: Status, now: Millis, ms: u64) -> Option<Self> {
        let until = now.plus(ms);
        (ms > 0).then_some(Self { status, until })
    }

    /// What shows at `now` of something that may be in transition.
    #[must_use]
    pub fn status(transition: Option<Self>, now: Millis) -> Status {
        match transition {
            Some(Self { status, until }) if now < until => status,
            _ => Status::Active,
        }
    }

    /// Whether something that may be in transition was deleted and does not show any more.
    #[must_use]
    pub fn is_over(transition: Option<Self>, now: Millis) -> bool {
        transition.is_some_and(|t| t.status == Status::Deleting && t.until <= now)
    }
}

/// A stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stream {
    /// Its name.
    pub name: StreamName,
    /// When it was created.
    pub created: Millis,
    /// The newest change, while it shows.
    #[serde(default)]
    pub transition: Option<Transition>,
    /// Who decides how many shards it has.
    #[serde(default)]
    pub mode: StreamMode,
    /// How long records are kept, in hours.
    pub retention_hours: u32,
    /// KiB of a record's data and key at most.
    #[serde(default = "record_kib")]
    pub record_kib: u32,
    /// MiB a second that an on-demand stream shall always take.
    #[serde(default)]
    pub warm_mibps: Option<u32>,
    /// The key under which it is said to be encrypted. It is kept and shown, nothing more.
    #[serde(default)]
    pub encryption_key: Option<String>,
    /// When it was so.
    #[serde(default)]
    pub encryption: Encryption,
    /// Which figures of its shards are shown.
    #[serde(default)]
    pub monitored: BTreeSet<ShardMetric>,
    /// What decides about a record's shard.
    #[serde(default)]
    pub distribution: Distribution,
    /// Its tags.
    #[serde(default)]
    pub tags: Tags,
    /// Its resource policy, as JSON.
    #[serde(default)]
    pub policy: Option<String>,
    /// Its registered consumers.
    #[serde(default)]
    pub consumers: BTreeMap<ConsumerName, Consumer>,
    /// When it was resized by count, in the last 24 hours.
    #[serde(default)]
    pub resized: Vec<Millis>,
    /// All shards that are left, by index. Open ones have no `closed`.
    pub shards: Vec<Shard>,
}

fn record_kib() -> u32 {
    limit::RECORD_KIB_DEFAULT
}

/// A shard of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// Which of the stream's shards: the number in `shardId-000000000000`.
    pub index: u32,
    /// Which of the cell's.
    pub number: ShardNumber,
    /// The hash keys that it takes.
    pub range: HashRange,
    /// When it was created. Children begin in a later second than their parents did, so this may be
    /// some seconds ahead of the clock.
    pub created: Millis,
    /// When its children begin, where it was closed. Its end is where the log says that it is.
    pub closed: Option<Millis>,
    /// The indexes of the shards that it took over from: one after a split, two after a merge.
    #[serde(default)]
    pub parents: Vec<u32>,
}

impl Shard {
    /// As in Kinesis: `shardId-000000000000`.
    #[must_use]
    pub fn id(&self) -> String {
        format!("shardId-{:012}", self.index)
    }
}

/// What a stream is created with.
#[derive(Debug, Clone, Default)]
pub struct NewStream {
    /// How many shards; as many as Kinesis gives where it is not said.
    pub shards: Option<u32>,
    /// See [`Stream::mode`].
    pub mode: StreamMode,
    /// See [`Stream::record_kib`].
    pub record_kib: Option<u32>,
    /// See [`Stream::warm_mibps`].
    pub warm_mibps: Option<u32>,
    /// See [`Stream::distribution`].
    pub distribution: Distribution,
    /// See [`Stream::tags`].
    pub tags: Tags,
}

impl NewStream {
    /// With that many shards, everything else as by default.
    #[must_use]
    pub fn of(shards: u32) -> Self {
        Self {
            shards: Some(shards),
            ..Self::default()
        }
    }

    /// How many shards the stream begins with.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.shards.unwrap_or(limit::SHARDS_DEFAULT)
    }
}

impl Stream {
    /// A new stream with `count` shards, numbered from `first`.
    #[must_use]
    pub fn new(name: StreamName, count: u32, first: ShardNumber, now: Millis) -> Self {
        let shard = |(index, range)| Shard {
            index,
            number: ShardNumber(first.0 + index),
            range,
            created: now,
            closed: None,
            parents: Vec::new(),
        };
        Self {
            name,
            created: now,
            transition: None,
            mode: StreamMode::default(),
            retention_hours: limit::RETENTION_DEFAULT_HOURS,
            record_kib: record_kib(),
            warm_mibps: None,
            encryption_key: None,
            encryption: Encryption::default(),
            monitored: BTreeSet::new(),
            distribution: Distribution::default(),
            tags: Tags::default(),
            policy: None,
            consumers: BTreeMap::new(),
            resized: Vec::new(),
            shards: (0..).zip(HashRange::split_all(count)).map(shard).collect(),
        }
    }

    /// What it is doing.
    #[must_use]
    pub fn status(&self, now: Millis) -> Status {
        Transition::status(self.transition, now)
    }

    /// Whether it was deleted, and does not even show as that any more.
    #[must_use]
    pub fn is_gone(&self, now: Millis) -> bool {
        Transition::is_over(self.transition, now)
    }

    /// Whether it was deleted. Its records are gone, but it may still show.
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        self.transition
            .is_some_and(|t| t.status == Status::Deleting)
    }

    /// Whether a record that arrived then was put as encrypted.
    #[must_use]
    pub fn was_encrypted(&self, arrival: Millis) -> bool {
        let is_on = self.encryption_key.is_some();
        self.encryption.covers(arrival, is_on)
    }

    /// The shards that take records, in the order of their indexes.
    pub fn open_shards(&self) -> impl Iterator<Item = &Shard> {
        self.shards.iter().filter(|shard| shard.closed.is_none())
    }

    /// The open shard that `key` belongs to.
    #[must_use]
    pub fn shard_for(&self, key: HashKey) -> &Shard {
        self.open_shards()
            .find(|shard| shard.range.contains(key))
            .expect("open shards cover all hash keys")
    }

    /// The shard of an id such as `shardId-000000000000`, `shardId-0` or `0`.
    #[must_use]
    pub fn shard(&self, id: &str) -> Option<&Shard> {
        let digits = id.strip_prefix("shardId-").unwrap_or(id);
        let index: u32 = digits.parse().ok()?;
        self.shards.iter().find(|shard| shard.index == index)
    }

    /// The shards that took over from the shard of that index.
    pub fn children(&self, index: u32) -> impl Iterator<Item = &Shard> {
        self.shards
            .iter()
            .filter(move |shard| shard.parents.contains(&index))
    }

    /// Whether `shard` took over, through however many others, from the shard of that index that was
    /// created in that second. One that is not there any more is taken by its word.
    #[must_use]
    pub fn descends(&self, shard: &Shard, from: u32, created: u64) -> bool {
        shard.parents.iter().any(|&parent| {
            let known = self.shards.iter().find(|shard| shard.index == parent);
            match known {
                Some(known) if parent == from => known.created.seconds() == created,
                Some(known) => parent > from && self.descends(known, from, created),
                None => parent >= from && created < shard.created.seconds(),
            }
        })
    }

    /// Records that arrived before this are expired.
    #[must_use]
    pub fn horizon(&self, now: Millis) -> Millis {
        Millis(
            now.0
                .saturating_sub(u64::from(self.retention_hours) * 3_600_000),
        )
    }

    /// Bytes of a record's data and key at most.
    #[must_use]
    pub fn record_bytes(&self) -> usize {
        self.record_kib as usize * 1024
    }

    /// Another name for the same stream, which newer clients may send: 20 and 3 characters.
    /// It is derived, so it needs no room and cannot be given twice within a cell.
    #[must_use]
    pub fn id(&self) -> String {
        let seed = format!("{} {}", self.name, self.created.0);
        let mut rest = HashKey::of(seed.as_bytes()).0;
        let mut digit = || {
            let digit = (rest % 36) as u32;
            rest /= 36;
            char::from_digit(digit, 36).expect("it is below 36")
        };
        let mut id: String = (0..20).map(|_| digit()).collect();
        id.push('-');
        id.extend((0..3).map(|_| digit()));
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream() -> Stream {
        Stream::new("s".try_into().unwrap(), 2, ShardNumber(0), Millis(5))
    }

    #[test]
    fn a_change_shows_for_its_time() {
        let mut stream = stream();
        assert_eq!(stream.status(Millis(5)), Status::Active);
        stream.transition = Transition::new(Status::Creating, Millis(5), 10);
        assert_eq!(stream.status(Millis(14)), Status::Creating);
        assert_eq!(stream.status(Millis(15)), Status::Active);
        assert!(!stream.is_gone(Millis(15)));
        stream.transition = Transition::new(Status::Deleting, Millis(5), 10);
        assert!(!stream.is_gone(Millis(14)));
        assert!(stream.is_gone(Millis(15)));
        assert_eq!(Transition::new(Status::Creating, Millis(5), 0), None);
    }

    #[test]
    fn an_older_entry_is_still_read() {
        let stored = r#"{"name":"s","created":5,"status":"ACTIVE","retention_hours":24,"shards":[
            {"index":0,"number":3,"created":5,"closed":null,
             "range":{"start":"0","end":"340282366920938463463374607431768211455"}}]}"#;
        let read: Stream = serde_json::from_str(stored).unwrap();
        let new = Stream::new("s".try_into().unwrap(), 1, ShardNumber(3), Millis(5));
        assert_eq!(read, new);
    }

    #[test]
    fn ids_have_the_form_of_kinesis() {
        let id = stream().id();
        let (front, back) = id.split_once('-').unwrap();
        assert_eq!((front.len(), back.len()), (20, 3));
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        assert!(front.chars().chain(back.chars()).all(plain), "{id}");
    }
}
