//! The machine against a simple model.

use proptest::prelude::*;

use super::*;
use crate::{
    block::BlockBuilder,
    port::{Page, Span},
    queue::receipt::Receipt,
};

const QUEUE: u64 = 7;
const SHARDS: u32 = 3;
const MAX: u32 = 3;

/// A stream with what is durable of a queue on it, and what its workers may rely on.
struct World {
    machine: Machine,
    durable: BTreeMap<Vec<u8>, Vec<u8>>,
    shards: BTreeMap<ShardNumber, Vec<Slice>>,
    now: Millis,
    horizon: Millis,
    max: Option<u32>,
    /// The newest receipt of each record, and until when it is its worker's alone.
    receipts: BTreeMap<Place, (Receipt, Millis)>,
    acknowledged: BTreeSet<Place>,
    /// Receipts that are good for nothing any more.
    spent: Vec<Receipt>,
}

impl World {
    fn new() -> Self {
        let shards = (0..SHARDS).map(|n| (ShardNumber(n), Vec::new())).collect();
        let mut world = Self {
            machine: Machine::load(QUEUE, Vec::<(Vec<u8>, Vec<u8>)>::new()).unwrap(),
            durable: BTreeMap::new(),
            shards,
            now: Millis(1_000),
            horizon: Millis(0),
            max: Some(MAX),
            receipts: BTreeMap::new(),
            acknowledged: BTreeSet::new(),
            spent: Vec::new(),
        };
        world.follow();
        world
    }

    fn follow(&mut self) {
        let starts = self.shards.keys().map(|n| (*n, Position::START)).collect();
        let puts = self.machine.follow(&starts, self.max);
        self.write(puts);
    }

    fn write(&mut self, puts: Vec<Put>) {
        for put in puts {
            match put.value {
                Some(value) => self.durable.insert(put.key.to_vec(), value.to_vec()),
                None => self.durable.remove(&*put.key),
            };
        }
    }

    fn append(&mut self, shard: u32, records: u32) {
        let span = self.span(ShardNumber(shard));
        let mut builder = BlockBuilder::default();
        for _ in 0..records {
            builder.push("k", b"data");
        }
        let slice = Slice {
            block: builder.finish().unwrap(),
            range: 0..records,
            base: span.next,
            arrival: self.now,
        };
        self.shards
            .get_mut(&ShardNumber(shard))
            .unwrap()
            .push(slice);
    }

    fn span(&self, shard: ShardNumber) -> Span {
        let slices = &self.shards[&shard];
        let next = slices.last().map_or(Position::START, Slice::next);
        Span {
            first: slices.first().map_or(next, Slice::first),
            next,
            last_arrival: self.now,
        }
    }

    /// Reads one page, of one slice only, as a shell would.
    fn read(&mut self) {
        let Some((shard, from)) = self.machine.wants(|shard| self.span(shard)) else {
            return;
        };
        let mut slices = self.shards[&shard].iter();
        let slice = slices.find(|slice| slice.next() > from).cloned();
        let skip = |mut slice: Slice| {
            slice.range.start = (from.0.saturating_sub(slice.base.0)) as u32;
            slice
        };
        let page = Page {
            slices: slice.map(skip).into_iter().collect(),
        };
        let before = self.span(shard);
        self.machine.offer(shard, from, page, before);
    }

    fn receive(&mut self, records: usize, hidden_ms: u64, dead: bool) -> usize {
        if !dead {
            self.read();
        }
        let ask = Ask {
            records,
            bytes: 1 << 20,
            hidden_ms,
            dead,
        };
        let received = self.machine.receive(self.now, ask, self.horizon);
        let mut once = BTreeSet::new();
        for Delivery {
            place,
            entry,
            slice,
        } in &received.deliveries
        {
            assert!(once.insert(*place), "{place:?} twice in an answer");
            assert!(!self.acknowledged.contains(place), "{place:?} was done");
            assert!(entry.arrival >= self.horizon);
            assert_eq!(slice.is_some(), entry.delivery == 1);
            if !dead && let Some(max) = self.max {
                assert!(entry.received <= max, "{entry:?}");
            }
            let receipt = Receipt {
                queue: QUEUE,
                place: *place,
                delivery: entry.delivery,
                dead,
            };
            if let Some((before, until)) = self.receipts.insert(*place, (receipt, entry.visible)) {
                assert!(
                    until <= self.now,
                    "{place:?} was somebody's until {until:?}"
                );
                assert!(receipt.delivery > before.delivery);
                self.spent.push(before);
            } else {
                assert_eq!(entry.received, 1);
            }
        }
        self.write(received.puts);
        received.deliveries.len()
    }

    fn any_receipt(&self, at: prop::sample::Index) -> Option<Receipt> {
        let count = self.receipts.len();
        let receipt = (count > 0).then(|| self.receipts.values().nth(at.index(count)));
        receipt.flatten().map(|(receipt, _)| *receipt)
    }

    fn acknowledge(&mut self, receipt: Receipt) {
        match self.machine.acknowledge(&receipt, receipt.dead) {
            Ok(put) => {
                self.write(vec![put]);
                self.acknowledged.insert(receipt.place);
                self.receipts.remove(&receipt.place);
                self.spent.push(receipt);
            }
            Err(refusal) => self.refused(&receipt, refusal),
        }
    }

    /// The newest receipt is refused for one reason only: retention took the record.
    fn refused(&mut self, receipt: &Receipt, refusal: Refusal) {
        assert_eq!(refusal, Refusal::Gone);
        assert!(!self.machine.held.contains_key(&receipt.place));
        self.receipts.remove(&receipt.place);
    }

    fn crash(&mut self) {
        let before = (self.machine.held.clone(), self.machine.waiting.clone());
        self.machine = Machine::load(QUEUE, &self.durable).unwrap();
        self.follow();
        assert_eq!(
            before,
            (self.machine.held.clone(), self.machine.waiting.clone())
        );
    }

    fn check(&mut self) {
        for receipt in std::mem::take(&mut self.spent) {
            assert!(self.machine.acknowledge(&receipt, receipt.dead).is_err());
        }
        let indexed = self.machine.waiting.len() + self.machine.dead.len();
        assert_eq!(indexed, self.machine.held.len());
    }

    /// Everything that is neither acknowledged nor expired comes back in the end.
    fn drain(&mut self) {
        self.now = self.now.plus(100_000);
        let mut left: BTreeSet<Place> = BTreeSet::new();
        for (shard, slices) in &self.shards {
            for slice in slices.iter().filter(|slice| slice.arrival >= self.horizon) {
                let place = |i: u32| Place {
                    shard: *shard,
                    position: slice.base.plus(i.into()),
                };
                left.extend((0..slice.block.len()).map(place));
            }
        }
        left.retain(|place| !self.acknowledged.contains(place));
        for dead in [false, true] {
            // A page may hold nothing but what has expired.
            while self.receive(10, 1_000_000, dead) > 0
                || !dead && self.machine.wants(|shard| self.span(shard)).is_some()
            {}
        }
        let alone = |place: &Place| self.receipts.get(place).is_some_and(|(_, t)| *t > self.now);
        left.retain(|place| !alone(place));
        assert!(left.is_empty(), "lost: {left:?}");
    }
}

#[derive(Debug, Clone)]
enum Step {
    Append(u32, u32),
    Receive(usize, u64, bool),
    Acknowledge(prop::sample::Index),
    Hide(prop::sample::Index, u64),
    Restore(prop::sample::Index),
    Pass(u64),
    Expire(u64),
    Terms(Option<u32>),
    Crash,
}

fn any_step() -> impl Strategy<Value = Step> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        3 => (0..SHARDS, 1..20u32).prop_map(|(shard, n)| Step::Append(shard, n)),
        6 => (1..=10usize, 0..50u64, prop::bool::weighted(0.2))
            .prop_map(|(n, ms, dead)| Step::Receive(n, ms, dead)),
        6 => index().prop_map(Step::Acknowledge),
        2 => (index(), 0..60u64).prop_map(|(at, ms)| Step::Hide(at, ms)),
        2 => index().prop_map(Step::Restore),
        4 => (1..60u64).prop_map(Step::Pass),
        1 => (0..400u64).prop_map(Step::Expire),
        1 => prop::option::of(1..5u32).prop_map(Step::Terms),
        1 => Just(Step::Crash),
    ]
}

proptest! {
    #[test]
    fn nothing_is_lost_and_nothing_done_comes_again(
        steps in prop::collection::vec(any_step(), 1..120),
    ) {
        let mut world = World::new();
        for step in steps {
            match step {
                Step::Append(shard, records) => world.append(shard, records),
                Step::Receive(records, ms, dead) => {
                    world.receive(records, ms, dead);
                }
                Step::Acknowledge(at) => {
                    if let Some(receipt) = world.any_receipt(at) {
                        world.acknowledge(receipt);
                    }
                }
                Step::Hide(at, ms) => {
                    if let Some(receipt) = world.any_receipt(at) {
                        let visible = world.now.plus(ms);
                        match world.machine.hide(&receipt, receipt.dead, visible) {
                            Ok(put) => {
                                world.write(vec![put]);
                                world.receipts.insert(receipt.place, (receipt, visible));
                            }
                            Err(refusal) => world.refused(&receipt, refusal),
                        }
                    }
                }
                Step::Restore(at) => {
                    if let Some(receipt) = world.any_receipt(at).filter(|r| r.dead) {
                        match world.machine.restore(&receipt, world.now) {
                            Ok(put) => {
                                world.write(vec![put]);
                                world.receipts.remove(&receipt.place);
                                world.spent.push(receipt);
                            }
                            Err(refusal) => world.refused(&receipt, refusal),
                        }
                    }
                }
                Step::Pass(ms) => world.now = world.now.plus(ms),
                Step::Expire(age) => {
                    world.horizon = world.horizon.max(Millis(world.now.0.saturating_sub(age)));
                    let puts = world.machine.expire(world.horizon);
                    world.write(puts);
                }
                Step::Terms(max) => {
                    world.max = max;
                    world.follow();
                }
                Step::Crash => world.crash(),
            }
            world.check();
        }
        world.drain();
    }
}

fn filled(records: u32) -> World {
    let mut world = World::new();
    world.append(0, records);
    world
}

#[test]
fn a_record_is_dead_after_its_last_chance_and_lives_again_restored() {
    let mut world = filled(1);
    for _ in 0..MAX {
        assert_eq!(world.receive(10, 30, false), 1);
        assert_eq!(world.receive(10, 30, true), 0);
        world.now = world.now.plus(30);
    }
    assert_eq!(world.receive(10, 30, false), 0);
    assert_eq!(world.receive(10, 30, true), 1);
    assert_eq!(
        world.receive(10, 30, true),
        0,
        "a dead letter is hidden too"
    );
    let (receipt, _) = *world.receipts.values().next().unwrap();
    let put = world.machine.restore(&receipt, world.now).unwrap();
    world.write(vec![put]);
    world.receipts.clear();
    assert_eq!(
        world.machine.restore(&receipt, world.now),
        Err(Refusal::Stale)
    );
    assert_eq!(world.receive(10, 0, true), 0);
    assert_eq!(world.receive(10, 0, false), 1);
}

#[test]
fn a_receipt_is_good_for_its_own_kind_and_queue() {
    let mut world = filled(1);
    world.receive(1, 30, false);
    let (receipt, _) = *world.receipts.values().next().unwrap();
    let other = Receipt {
        queue: QUEUE + 1,
        ..receipt
    };
    let machine = &mut world.machine;
    assert_eq!(machine.acknowledge(&other, false), Err(Refusal::Foreign));
    assert_eq!(machine.acknowledge(&receipt, true), Err(Refusal::Foreign));
    assert_eq!(machine.restore(&receipt, Millis(0)), Err(Refusal::Foreign));
    assert!(machine.acknowledge(&receipt, false).is_ok());
    assert_eq!(machine.acknowledge(&receipt, false), Err(Refusal::Gone));
}

#[test]
fn neither_new_records_nor_redeliveries_starve_the_others() {
    let mut world = filled(100);
    assert_eq!(world.receive(10, 0, false), 10);
    let mut new = 0;
    for _ in 0..10 {
        let ask = Ask {
            records: 10,
            bytes: 1 << 20,
            hidden_ms: 0,
            dead: false,
        };
        world.read();
        let received = world.machine.receive(world.now, ask, world.horizon);
        new += received
            .deliveries
            .iter()
            .filter(|d| d.entry.delivery == 1)
            .count();
    }
    assert_eq!(new, 50);
}

#[test]
fn an_answer_is_bounded_in_bytes_but_never_empty_for_that() {
    let mut world = filled(3);
    world.read();
    let ask = |bytes| Ask {
        records: 10,
        bytes,
        hidden_ms: 0,
        dead: false,
    };
    let machine = &mut world.machine;
    let count = |received: Received| received.deliveries.len();
    assert_eq!(count(machine.receive(Millis(0), ask(1), Millis(0))), 1);
    assert_eq!(count(machine.receive(Millis(0), ask(10), Millis(0))), 2);
}

#[test]
fn a_shard_that_is_gone_takes_its_records_along() {
    let mut world = filled(20);
    world.receive(10, 30, false);
    world.shards.remove(&ShardNumber(0));
    world.follow();
    let puts = world.machine.expire(world.horizon);
    world.write(puts);
    assert_eq!(world.machine.held(), 0);
    assert!(world.durable.is_empty(), "{:?}", world.durable);
}
