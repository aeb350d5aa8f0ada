//! The same records through two versions of a function: what each made of them, and where the two
//! differ.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use crate::{block::Block, name::StreamName, port::Verdict, position::Position};

/// What a version made of some records of a shard.
#[derive(Debug, Clone, Default)]
pub struct Made {
    /// Records that it gave to streams, in order.
    pub outputs: BTreeMap<StreamName, Vec<Block>>,
    /// What it wrote to its state: the last write of each name.
    pub writes: BTreeMap<String, Option<Bytes>>,
    /// Records that it failed, and why.
    pub failures: BTreeMap<Position, String>,
}

/// A record that was given to a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// Its key.
    pub key: String,
    /// Its data.
    pub data: Vec<u8>,
}

/// One thing in which two versions differ: what the one has, and what the other has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// Of the records that were given to a stream, the one at this place.
    Output {
        /// Which stream.
        stream: StreamName,
        /// Which record, from 0, of those that these records gave it.
        at: usize,
        /// What each has there.
        sides: [Option<Given>; 2],
    },
    /// A name of the state.
    State {
        /// Which.
        name: String,
        /// What it is worth for each afterwards.
        sides: [Option<Bytes>; 2],
    },
    /// Whether a record failed, and why.
    Failure {
        /// Which record.
        position: Position,
        /// What each said of it.
        sides: [Option<String>; 2],
    },
}

impl Made {
    /// Adds what a call gave.
    pub fn add(&mut self, verdict: Verdict) {
        for output in verdict.outputs {
            let blocks = self.outputs.entry(output.stream).or_default();
            blocks.push(output.block);
        }
        self.writes.extend(verdict.writes);
    }

    /// How many records it gave to streams.
    #[must_use]
    pub fn output_records(&self) -> u64 {
        let blocks = self.outputs.values().flatten();
        blocks.map(|block| u64::from(block.len())).sum()
    }

    fn given(&self, stream: &StreamName) -> impl Iterator<Item = (&str, &[u8])> {
        let blocks = self.outputs.get(stream).into_iter().flatten();
        blocks.flat_map(|block| (0..block.len()).map(|i| (block.key(i), block.datum(i))))
    }
}

/// In what the two differ, at most `most` things; `values` tells what a name of the state that one of
/// them wrote is worth for each.
#[must_use]
pub fn differences(
    sides: [&Made; 2],
    values: impl Fn(&str) -> [Option<Bytes>; 2],
    most: usize,
) -> Vec<Difference> {
    let [one, other] = sides;
    let streams: BTreeSet<&StreamName> = one.outputs.keys().chain(other.outputs.keys()).collect();
    let outputs = streams
        .into_iter()
        .flat_map(|stream| outputs(sides, stream));
    let names: BTreeSet<&String> = one.writes.keys().chain(other.writes.keys()).collect();
    let state = names.into_iter().filter_map(|name| {
        let sides = values(name);
        let name = name.clone();
        (sides[0] != sides[1]).then_some(Difference::State { name, sides })
    });
    let failed = one.failures.keys().chain(other.failures.keys());
    let failed: BTreeSet<Position> = failed.copied().collect();
    let failures = failed.into_iter().filter_map(|position| {
        let sides = sides.map(|side| side.failures.get(&position).cloned());
        (sides[0] != sides[1]).then_some(Difference::Failure { position, sides })
    });
    failures.chain(outputs).chain(state).take(most).collect()
}

fn outputs<'a>(
    [one, other]: [&'a Made; 2],
    stream: &'a StreamName,
) -> impl Iterator<Item = Difference> + 'a {
    let (mut ones, mut others) = (one.given(stream), other.given(stream));
    let pairs = std::iter::from_fn(move || match (ones.next(), others.next()) {
        (None, None) => None,
        pair => Some(pair),
    });
    let given = |record: Option<(&str, &[u8])>| {
        record.map(|(key, data)| Given {
            key: key.to_owned(),
            data: data.to_vec(),
        })
    };
    let differ = pairs.enumerate().filter(|(_, (one, other))| one != other);
    differ.map(move |(at, (one, other))| Difference::Output {
        stream: stream.clone(),
        at,
        sides: [given(one), given(other)],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{batch::Output, block::BlockBuilder};

    fn made(outputs: &[&str], writes: &[(&str, &str)], failures: &[(u64, &str)]) -> Made {
        let mut made = Made::default();
        // One call a record, as where a batch was halved.
        for data in outputs {
            let mut block = BlockBuilder::default();
            block.push("k", data.as_bytes());
            made.add(Verdict {
                outputs: vec![Output {
                    stream: "out".try_into().unwrap(),
                    block: block.finish().unwrap(),
                }],
                ..Verdict::default()
            });
        }
        let writes = writes.iter().map(|(name, value)| {
            let value = Bytes::copy_from_slice(value.as_bytes());
            ((*name).to_owned(), Some(value))
        });
        made.writes = writes.collect();
        let failures = failures
            .iter()
            .map(|&(at, why)| (Position(at), why.to_owned()));
        made.failures = failures.collect();
        made
    }

    fn compared(one: &Made, other: &Made, most: usize) -> Vec<Difference> {
        let value = |made: &Made, name: &str| made.writes.get(name).cloned().flatten();
        differences(
            [one, other],
            |name| [value(one, name), value(other, name)],
            most,
        )
    }

    #[test]
    fn what_is_the_same_makes_no_difference() {
        let one = made(&["a", "b"], &[("n", "1")], &[(3, "no")]);
        assert_eq!(compared(&one, &one.clone(), 9), []);
        // However it was divided into calls.
        let mut block = BlockBuilder::default();
        block.push("k", b"a");
        block.push("k", b"b");
        let mut other = one.clone();
        let stream: StreamName = "out".try_into().unwrap();
        other.outputs.insert(stream, vec![block.finish().unwrap()]);
        assert_eq!(compared(&one, &other, 9), []);
    }

    #[test]
    fn each_thing_that_differs_is_told_with_both_sides() {
        let one = made(&["a", "b"], &[("n", "1"), ("m", "1")], &[(3, "no")]);
        let other = made(&["a", "c", "d"], &[("n", "2"), ("m", "1")], &[(4, "no")]);
        let all = compared(&one, &other, 9);
        let given = |data: &str| {
            Some(Given {
                key: "k".into(),
                data: data.into(),
            })
        };
        let output = |at, sides| Difference::Output {
            stream: "out".try_into().unwrap(),
            at,
            sides,
        };
        let failure = |at, sides| Difference::Failure {
            position: Position(at),
            sides,
        };
        let expected = [
            failure(3, [Some("no".to_owned()), None]),
            failure(4, [None, Some("no".to_owned())]),
            output(1, [given("b"), given("c")]),
            output(2, [None, given("d")]),
            Difference::State {
                name: "n".to_owned(),
                sides: [Some("1".into()), Some("2".into())],
            },
        ];
        assert_eq!(all, expected);
        assert_eq!(compared(&one, &other, 2).len(), 2);
    }
}
