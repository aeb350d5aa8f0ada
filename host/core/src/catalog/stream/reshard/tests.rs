//! Properties that hold through any sequence of splits, merges and resizes.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::{
    catalog::{NewStream, Request, StreamChange},
    hash_key::HashRange,
    name::StreamName,
    sequence::SequenceNumber,
};

const RULES: Rules = Rules {
    shard_limit: 64,
    change_ms: 0,
};
const NOW: Millis = Millis(1_700_000_000_000);

fn name() -> StreamName {
    "s".try_into().unwrap()
}

fn with_shards(count: u32) -> Catalog {
    let request = Request::CreateStream {
        name: name(),
        settings: NewStream::of(count),
    };
    let decided = Catalog::default().decide(request, NOW, &RULES);
    decided.unwrap().catalog
}

fn change(
    catalog: &Catalog,
    reshard: Reshard,
    now: Millis,
    rules: &Rules,
) -> Result<Change, Refused> {
    let request = Request::ChangeStream {
        name: name(),
        change: StreamChange::Reshard(reshard),
    };
    catalog.decide(request, now, rules)
}

fn why(result: Result<Change, Refused>) -> ReshardRefused {
    match result.unwrap_err() {
        Refused::Reshard { why, .. } => why,
        other => panic!("{other}"),
    }
}

fn shards(catalog: &Catalog) -> &[Shard] {
    &catalog.stream("s").unwrap().shards
}

fn open(catalog: &Catalog) -> Vec<&Shard> {
    let mut open: Vec<_> = catalog.stream("s").unwrap().open_shards().collect();
    open.sort_by_key(|shard| shard.range.start);
    open
}

#[test]
fn a_split_shard_has_two_children_that_begin_later() {
    let catalog = with_shards(2);
    let at = HashKey(1 << 126);
    let change = change(
        &catalog,
        Reshard::Split { shard: 0, at },
        NOW.plus(5),
        &RULES,
    )
    .unwrap();
    assert_eq!(change.commit.closes, [ShardNumber(0)]);
    let [parent, _, low, high] = shards(&change.catalog) else {
        panic!("four shards");
    };
    assert_eq!((low.index, high.index), (2, 3));
    assert_eq!((low.number, high.number), (ShardNumber(2), ShardNumber(3)));
    assert_eq!((low.range.end.0, high.range.start), (at.0 - 1, at));
    assert_eq!(low.parents, [0]);
    // It was created a moment ago, so its children begin ahead of the clock.
    assert_eq!(low.created, NOW.plus(1000));
    assert_eq!(parent.closed, Some(low.created));
    assert!(SequenceNumber::last(parent).to_string() < SequenceNumber::first(low).to_string());
}

#[test]
fn merging_joins_two_neighbours_in_their_order() {
    let catalog = with_shards(3);
    let merge = |shard, adjacent| {
        change(
            &catalog,
            Reshard::Merge { shard, adjacent },
            NOW.plus(5_000),
            &RULES,
        )
    };
    for (a, b) in [(1, 0), (0, 2), (1, 1), (2, 0)] {
        assert_eq!(why(merge(a, b)), ReshardRefused::NotAdjacent(a, b));
    }
    assert_eq!(why(merge(2, 3)), ReshardRefused::NoShard(3));
    let merged = merge(0, 1).unwrap();
    assert_eq!(merged.commit.closes, [ShardNumber(0), ShardNumber(1)]);
    let child = shards(&merged.catalog).last().unwrap();
    assert_eq!((child.index, &child.parents[..]), (3, &[0, 1][..]));
    assert_eq!(child.created, NOW.plus(5_000));
}

#[test]
fn a_shard_is_split_once_and_within_its_keys() {
    let catalog = with_shards(1);
    let split = |catalog: &Catalog, at| {
        change(
            catalog,
            Reshard::Split {
                shard: 0,
                at: HashKey(at),
            },
            NOW,
            &RULES,
        )
    };
    for at in [0, 1, u128::MAX] {
        let refused = why(split(&catalog, at));
        assert!(matches!(refused, ReshardRefused::SplitKey { .. }), "{at}");
    }
    for at in [2, u128::MAX - 1] {
        let after = split(&catalog, at).unwrap().catalog;
        assert_eq!(why(split(&after, 9)), ReshardRefused::Closed(0));
    }
}

#[test]
fn a_stream_that_changes_is_not_changed_again() {
    let rules = Rules {
        change_ms: 100,
        ..RULES
    };
    let split = Reshard::Split {
        shard: 0,
        at: HashKey(9),
    };
    let catalog = with_shards(1);
    let after = change(&catalog, split.clone(), NOW, &rules)
        .unwrap()
        .catalog;
    let early = change(&after, split.clone(), NOW.plus(99), &rules);
    assert!(matches!(early, Err(Refused::NotActive { .. })), "{early:?}");
    let later = change(&after, split, NOW.plus(100), &rules);
    assert_eq!(why(later), ReshardRefused::Closed(0));
}

#[test]
fn resizing_makes_as_many_shards_as_kinesis_does() {
    // As recorded: the shards that there are at the end, closed ones included.
    for (from, to, in_all) in [(2, 4, 6), (4, 5, 15), (4, 2, 6), (3, 3, 3)] {
        let catalog = with_shards(from);
        let resized = change(&catalog, Reshard::Resize { target: to }, NOW, &RULES).unwrap();
        let ranges: Vec<_> = open(&resized.catalog).iter().map(|s| s.range).collect();
        assert_eq!(ranges, HashRange::split_all(to));
        assert_eq!(shards(&resized.catalog).len(), in_all, "{from} to {to}");
        let closed = if from == to { 0 } else { from };
        assert_eq!(resized.commit.closes.len(), closed as usize);
    }
}

#[test]
fn resizing_is_limited_in_width_and_number() {
    let catalog = with_shards(5);
    let resize =
        |catalog: &Catalog, target, at| change(catalog, Reshard::Resize { target }, at, &RULES);
    let (open, target) = (5, 11);
    let many = ReshardRefused::TooMany { open, target };
    assert_eq!(why(resize(&catalog, 11, NOW)), many);
    let target = 2;
    let few = ReshardRefused::TooFew { open, target };
    assert_eq!(why(resize(&catalog, 2, NOW)), few);
    let mut catalog = catalog;
    for i in 0..10 {
        catalog = resize(&catalog, 5, NOW.plus(i)).unwrap().catalog;
    }
    let day = NOW.plus(DAY_MS);
    assert_eq!(
        why(resize(&catalog, 5, NOW.plus(DAY_MS - 1))),
        ReshardRefused::TooOften
    );
    assert!(resize(&catalog, 5, day).is_ok());
}

#[test]
fn the_limit_of_shards_holds_for_growth_alone() {
    let catalog = with_shards(2);
    let rules = Rules {
        shard_limit: 2,
        ..RULES
    };
    let at = HashKey(9);
    let split = change(&catalog, Reshard::Split { shard: 0, at }, NOW, &rules);
    assert!(
        matches!(split, Err(Refused::ShardLimit { .. })),
        "{split:?}"
    );
    let (shard, adjacent) = (0, 1);
    let merge = change(&catalog, Reshard::Merge { shard, adjacent }, NOW, &rules);
    assert!(merge.is_ok());
}

#[test]
fn closed_shards_go_when_their_records_have_expired() {
    let catalog = with_shards(1);
    let at = HashKey(1 << 100);
    let split = Reshard::Split { shard: 0, at };
    let catalog = change(&catalog, split, NOW, &RULES).unwrap().catalog;
    let expire = |at| change(&catalog, Reshard::Expire(vec![0, 1]), at, &RULES).unwrap();
    let closed = shards(&catalog)[0].closed.unwrap();
    let end = closed.plus(DAY_MS);
    assert_eq!(expire(end).commit.drops, []);
    let gone = expire(end.plus(1));
    assert_eq!(gone.commit.drops, [ShardNumber(0)]);
    let left = shards(&gone.catalog);
    let indexes: Vec<_> = left.iter().map(|shard| shard.index).collect();
    assert_eq!(indexes, [1, 2]);
    assert_eq!(left[0].parents, [0], "it is still known who it was");
}

#[derive(Debug, Clone)]
enum Step {
    Split(prop::sample::Index, u128),
    Merge(prop::sample::Index),
    Resize(u32),
    Expire(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (any::<prop::sample::Index>(), any::<u128>()).prop_map(|(i, at)| Step::Split(i, at)),
        3 => any::<prop::sample::Index>().prop_map(Step::Merge),
        2 => (1..20u32).prop_map(Step::Resize),
        1 => (0..200_000_000u64).prop_map(Step::Expire),
    ]
}

/// What a step asks for, of the shards that are open.
fn reshard(step: &Step, catalog: &Catalog) -> Reshard {
    let open = open(catalog);
    match step {
        Step::Split(which, at) => {
            let shard = which.get(&open);
            let HashRange { start, end } = shard.range;
            let width = end.0 - start.0;
            Reshard::Split {
                shard: shard.index,
                at: HashKey(start.0 + at % width.max(1)),
            }
        }
        Step::Merge(which) => {
            let at = which.index(open.len());
            Reshard::Merge {
                shard: open[at].index,
                adjacent: open[(at + 1) % open.len()].index,
            }
        }
        Step::Resize(target) => Reshard::Resize { target: *target },
        Step::Expire(_) => {
            let all = shards(catalog).iter().map(|shard| shard.index);
            Reshard::Expire(all.collect())
        }
    }
}

proptest! {
    #[test]
    fn open_shards_cover_all_hash_keys_once_and_keys_keep_their_order(
        first in 1..6u32,
        steps in prop::collection::vec((step(), 0..3_000u64), 1..25),
        keys in prop::collection::vec(any::<u128>(), 1..20),
    ) {
        let mut catalog = with_shards(first);
        let mut now = NOW;
        // For each key, the sequence numbers that its records got.
        let mut given: BTreeMap<u128, Vec<String>> = BTreeMap::new();
        let mut numbers = BTreeSet::new();
        for (step, pause) in steps {
            now = now.plus(pause);
            if let Step::Expire(ms) = step {
                now = now.plus(ms);
            }
            if let Ok(change) = change(&catalog, reshard(&step, &catalog), now, &RULES) {
                let before: BTreeSet<_> = open(&catalog).iter().map(|s| s.number).collect();
                let after: BTreeSet<_> = open(&change.catalog).iter().map(|s| s.number).collect();
                let closed: BTreeSet<_> = change.commit.closes.iter().copied().collect();
                prop_assert_eq!(closed, before.difference(&after).copied().collect());
                catalog = change.catalog;
            }
            let open = open(&catalog);
            prop_assert_eq!(open[0].range.start, HashKey(0));
            prop_assert_eq!(open.last().unwrap().range.end, HashKey(u128::MAX));
            for pair in open.windows(2) {
                prop_assert_eq!(pair[0].range.end.0 + 1, pair[1].range.start.0);
            }
            for shard in shards(&catalog) {
                prop_assert!(shard.parents.len() <= 2);
                prop_assert!(shard.parents.iter().all(|parent| *parent < shard.index));
                numbers.insert((shard.number, shard.index));
            }
            let position = crate::position::Position::new(1, numbers.len() as u64);
            for key in &keys {
                let home = catalog.stream("s").unwrap().shard_for(HashKey(*key));
                let number = SequenceNumber::of(home, position, now).to_string();
                given.entry(*key).or_default().push(number);
            }
        }
        for numbers in given.values() {
            // Equal where nothing changed in between.
            prop_assert!(numbers.is_sorted(), "{:?}", numbers);
        }
        let indexes: BTreeSet<_> = numbers.iter().map(|(_, index)| *index).collect();
        prop_assert_eq!(indexes.len(), numbers.len(), "no index is given twice");
    }

    #[test]
    fn a_resize_keeps_every_keys_chain_unbroken(from in 1..40u32, to in 1..40u32) {
        prop_assume!(to <= 2 * from && 2 * to >= from);
        let catalog = with_shards(from);
        let after = change(&catalog, Reshard::Resize { target: to }, NOW, &RULES).unwrap().catalog;
        let all = shards(&after);
        for shard in all.iter().filter(|shard| !shard.parents.is_empty()) {
            let parents: Vec<_> = shard.parents.iter().map(|i| &all[*i as usize]).collect();
            for parent in &parents {
                prop_assert!(parent.created.seconds() < shard.created.seconds());
                prop_assert!(parent.closed.is_some_and(|closed| closed <= shard.created));
            }
            let start = parents.iter().map(|parent| parent.range.start).min().unwrap();
            let end = parents.iter().map(|parent| parent.range.end).max().unwrap();
            prop_assert!(start <= shard.range.start && shard.range.end <= end);
        }
    }
}
