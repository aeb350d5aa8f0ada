//! What a world is and what happens in it, from its seed: streams, triggers that make a graph without
//! circles, and what is done to them at which time.

mod act;
mod setting;

use serde_json::Value;

pub(crate) use self::act::Act;
use self::setting::{faults, settings, temper};
use crate::{chance::Chance, fault::Faults, record::Temper};

/// Streams, in the order in which records go through them. Nothing reads the last one.
pub(crate) const STREAMS: [&str; 5] = ["s0", "s1", "s2", "dead", "sink"];
const DEAD: usize = 3;
const SINK: usize = 4;

#[derive(Debug)]
pub(crate) struct Scenario {
    /// How many shards each stream has.
    pub(crate) shards: Vec<u32>,
    pub(crate) triggers: Vec<Planned>,
    /// At which time, in order.
    pub(crate) acts: Vec<(u64, Act)>,
    pub(crate) faults: Faults,
    pub(crate) grace_ms: u64,
}

/// A trigger and its function, which are named by their number.
#[derive(Debug)]
pub(crate) struct Planned {
    pub(crate) temper: Temper,
    pub(crate) settings: Value,
}

impl Scenario {
    pub(crate) fn new(chance: &mut Chance) -> Self {
        let shards = (0..STREAMS.len())
            .map(|_| chance.from(1, 3) as u32)
            .collect();
        let count = chance.from(1, 4) as usize;
        let triggers: Vec<Planned> = (0..count).map(|i| planned(chance, i)).collect();
        Self {
            shards,
            acts: act::acts(chance, &triggers),
            triggers,
            faults: faults(chance),
            grace_ms: chance.pick(&[0, 500, 3_000]),
        }
    }
}

fn planned(chance: &mut Chance, number: usize) -> Planned {
    // The first one reads what is put; some read what others give, or what was given up.
    let stream = match number {
        0 => 0,
        _ if chance.odds(150) => DEAD,
        _ => chance.below(3) as usize,
    };
    let further = |chance: &mut Chance| match stream {
        DEAD => SINK,
        _ if chance.odds(400) => SINK,
        _ => chance.from(stream as u64 + 1, SINK as u64) as usize,
    };
    let outputs = match chance.below(8) {
        0 => Vec::new(),
        1 => vec![further(chance), further(chance)],
        _ => vec![further(chance)],
    };
    let temper = temper(chance, &outputs);
    let on_failure = match chance.below(8) {
        0 => None,
        1 | 2 => Some(further(chance)),
        _ if stream < DEAD => Some(DEAD),
        _ => Some(SINK),
    };
    let settings = settings(chance, stream, number, on_failure, temper.endless > 0);
    Planned { temper, settings }
}
