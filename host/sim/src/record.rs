//! What the records of a world are, and what a function of a certain temper does with each: it follows
//! from the record's bytes, so that whoever judges the world can tell without having seen the call.

use millstream_core::{
    name::StreamName,
    position::{Position, ShardNumber},
};

use crate::chance;

/// What a function does with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// Gives it on.
    Fine,
    /// Only counts it.
    Quiet,
    /// Says that trying again is of no use.
    Rejected,
    /// Asks for another try, so many times.
    Retried(u32),
    /// Fails, so many times; none: always.
    Poison(Option<u32>),
    /// Answers what makes no sense, so many times.
    Senseless(u32),
    /// Gives it to a stream that does not exist, so many times.
    Astray(u32),
}

/// What a function remembers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Memory {
    Nothing,
    /// How many records, in one place for all keys.
    Count,
    /// For each key, in which order its records came.
    Keys,
    Both,
}

/// How a function is. Odds are of a thousand.
#[derive(Debug, Clone)]
pub(crate) struct Temper {
    pub(crate) quiet: u64,
    pub(crate) rejected: u64,
    pub(crate) retried: u64,
    pub(crate) poison: u64,
    /// Of the poison, what never gets better.
    pub(crate) endless: u64,
    pub(crate) senseless: u64,
    pub(crate) astray: u64,
    pub(crate) memory: Memory,
    /// Where it gives records to.
    pub(crate) outputs: Vec<StreamName>,
}

impl Temper {
    pub(crate) fn class(&self, trigger: u64, data: &[u8]) -> Class {
        let hash = chance::hash(data) ^ chance::hash(&trigger.to_be_bytes());
        let times = 1 + (hash >> 32) as u32 % 4;
        let kinds = [
            (self.quiet, Class::Quiet),
            (self.rejected, Class::Rejected),
            (self.retried, Class::Retried(times)),
            (self.poison * self.endless / 1000, Class::Poison(None)),
            (self.poison, Class::Poison(Some(times))),
            (self.senseless, Class::Senseless(times)),
            (self.astray, Class::Astray(times)),
        ];
        let mut at = hash % 1000;
        for (odds, class) in kinds {
            if at < odds {
                return class;
            }
            at -= odds;
        }
        Class::Fine
    }

    /// To which streams a record goes that is done, one output each.
    pub(crate) fn targets(&self, trigger: u64, data: &[u8]) -> &[StreamName] {
        match self.class(trigger, data) {
            Class::Quiet | Class::Rejected => &[],
            _ => &self.outputs,
        }
    }
}

/// What an output says: who made it, of what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Origin {
    pub(crate) trigger: u64,
    pub(crate) shard: ShardNumber,
    pub(crate) position: Position,
    /// Which of the record's outputs.
    pub(crate) index: usize,
    /// By which version of the function.
    pub(crate) version: u64,
}

impl Origin {
    pub(crate) fn text(self) -> String {
        let Self {
            trigger,
            shard,
            position,
            index,
            version,
        } = self;
        format!("o|{trigger}|{}|{}|{index}|{version}", shard.0, position.0)
    }

    /// None where the record is no output.
    pub(crate) fn parse(data: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(data).ok()?.strip_prefix("o|")?;
        let mut numbers = text.split('|').map(|number| number.parse::<u64>().ok());
        let mut next = || numbers.next().flatten();
        Some(Self {
            trigger: next()?,
            shard: ShardNumber(u32::try_from(next()?).ok()?),
            position: Position(next()?),
            index: usize::try_from(next()?).ok()?,
            version: next()?,
        })
    }
}

/// What a key's memory is after another record.
pub(crate) fn chained(before: u64, position: Position) -> u64 {
    chance::hash(&[before.to_be_bytes(), position.0.to_be_bytes()].concat())
}
