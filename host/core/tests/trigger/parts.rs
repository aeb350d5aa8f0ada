//! Several batches of a shard at once: for any records, failures, crashes and changes of the number,
//! a key's records have their effects exactly once and in order, and are never in two batches.

use std::collections::{BTreeMap, BTreeSet};

use millstream_core::trigger::{Action, Machine, Share, layout::Step};
use proptest::prelude::*;
use serde_json::json;

use crate::world::{Answer, Fate, Stop, World, error, numbers, verdict};

struct Lane {
    share: Share,
    machine: Machine,
    /// What it says; none where it waits or has ended.
    says: Option<Action>,
}

/// How the lanes of one layout came to an end.
#[derive(PartialEq, Eq)]
enum End {
    Idle,
    Finished,
    Crash,
    Ordered,
}

/// Lets the lanes take `steps` steps, in the order in which `turns` names them.
fn lanes(
    world: &mut World,
    until: Option<millstream_core::position::Position>,
    steps: usize,
    turns: &mut impl Iterator<Item = usize>,
    function: &mut impl FnMut(&[usize], u32) -> Answer,
) -> End {
    let layout = world.layout();
    let mut lanes: Vec<_> = layout
        .lanes()
        .map(|(share, _)| {
            let (machine, load) = world.machine(share, until);
            let says = Some(load);
            Lane {
                share,
                machine,
                says,
            }
        })
        .collect();
    let mut finished = 0;
    for _ in 0..steps {
        let mut able: Vec<_> = lanes
            .iter_mut()
            .filter(|lane| lane.says.is_some())
            .collect();
        if able.is_empty() {
            return if finished == lanes.len() {
                End::Finished
            } else {
                End::Idle
            };
        }
        let turn = turns.next().unwrap() % able.len();
        let lane = &mut able[turn];
        world.turn_to(lane.share);
        match world.react(lane.says.take().unwrap(), function) {
            Ok(event) => lane.says = Some(lane.machine.step(world.now, event)),
            Err(Stop::Crash) => return End::Crash,
            Err(Stop::Idle) => (),
            Err(Stop::Finished) => finished += 1,
        }
        let mut called = BTreeSet::new();
        for lane in &lanes {
            let Some(Action::Invoke { batch, .. }) = &lane.says else {
                continue;
            };
            let keys: BTreeSet<_> = numbers(batch).iter().map(|&n| world.key_of(n)).collect();
            assert!(keys.iter().all(|key| lane.share.owns(key)));
            assert!(
                keys.into_iter().all(|key| called.insert(key)),
                "a key in two batches"
            );
        }
    }
    End::Ordered
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        6 => Just(Fate::Durable),
        1 => Just(Fate::Full),
        1 => Just(Fate::Ambiguous),
        1 => Just(Fate::Lost),
        1 => Just(Fate::CrashAfter),
        1 => Just(Fate::CrashBefore),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_keys_records_are_done_once_and_in_order(
        puts in prop::collection::vec(1usize..12, 1..8),
        phases in prop::collection::vec((1u8..=10, 1usize..120), 1..5),
        keys in 1usize..12,
        batch_size in 1u32..6,
        retries in 0i32..3,
        bisect: bool,
        poison in 2usize..9,
        fates in prop::collection::vec(fate(), 0..60),
        turns in prop::collection::vec(0usize..1000, 1..100),
    ) {
        let mut world = World::new(json!({"batch_size": batch_size, "maximum_retry_attempts": retries,
            "bisect_batch_on_function_error": bisect}));
        (world.key_count, world.fates) = (keys, fates);
        let mut puts = puts.into_iter();
        let mut turns = turns.into_iter().cycle();
        let mut function = |records: &[usize], _: u32| match records {
            bad if bad.iter().any(|record| record % poison == 1) => error(),
            good => verdict(good, &[]),
        };
        let last = phases.len() - 1;
        for (index, &(parts, steps)) in phases.iter().enumerate() {
            world.put(puts.next().unwrap_or(1));
            if index == last {
                puts.by_ref().for_each(|records| world.put(records));
            }
            let steps = if index == last { 50_000 } else { steps };
            for _ in 0..1_000 {
                let layout = world.layout();
                let end = match layout.step(parts) {
                    Step::Run => lanes(&mut world, None, steps, &mut turns, &mut function),
                    Step::Drain(until) => {
                        let end = lanes(&mut world, Some(until), steps, &mut turns, &mut function);
                        prop_assert!(end != End::Idle);
                        match end {
                            End::Finished if world.replace(&layout, parts, until) => continue,
                            End::Finished => End::Crash,
                            end => end,
                        }
                    }
                    Step::Replace(at) if world.replace(&layout, parts, at) => continue,
                    Step::Replace(_) => End::Crash,
                };
                if end != End::Crash {
                    prop_assert!(index != last || end == End::Idle);
                    break;
                }
                world.crash();
            }
        }
        let mut by_key: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for &record in &world.outputs {
            by_key.entry(world.key_of(record)).or_default().push(record);
        }
        for records in by_key.values() {
            prop_assert!(records.is_sorted_by(|a, b| a < b), "{:?}", records);
        }
        let letters = world.letters.iter().map(|letter| letter.record);
        let mut all: Vec<usize> = world.outputs.iter().copied().chain(letters).collect();
        all.sort_unstable();
        prop_assert_eq!(all, (0..world.records()).collect::<Vec<_>>());
    }
}
