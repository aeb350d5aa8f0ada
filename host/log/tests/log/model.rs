//! The log against a list: whatever is done in whatever order, it gives what the list gives.

use std::collections::BTreeMap;

use bytes::Bytes;
use millstream_core::{
    port::{Commit, Log as _, ReadLimits},
    position::{Position, ShardNumber},
    time::Millis,
};
use millstream_log::{Options, SqliteLog, check};
use proptest::prelude::*;

use crate::world::{ALL, World, append, delete, put, read_from};

#[derive(Debug, Clone)]
enum Step {
    /// Several commits at once, each with appends (shard, records) and a put or delete.
    Commit(Vec<(Appends, u8, bool)>),
    /// Removes what arrived before a share of what is there.
    Trim {
        shard: u32,
        percent: usize,
    },
    Reopen {
        tail_bytes: usize,
    },
    Read {
        shard: u32,
        percent: usize,
        records: usize,
        bytes: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let appends = prop::collection::vec((0..3_u32, 1..5_usize), 0..4);
    let commits = prop::collection::vec((appends, 0..4_u8, any::<bool>()), 1..5);
    let tail = prop::sample::select(vec![0, 500, 2_000, usize::MAX]);
    prop_oneof![
        6 => commits.prop_map(Step::Commit),
        1 => (0..3_u32, 0..110_usize).prop_map(|(shard, percent)| Step::Trim { shard, percent }),
        1 => tail.prop_map(|tail_bytes| Step::Reopen { tail_bytes }),
        3 => (0..3_u32, 0..110_usize, 1..20_usize, 1..100_usize).prop_map(
            |(shard, percent, records, bytes)| Step::Read { shard, percent, records, bytes }
        ),
    ]
}

/// What the log should hold.
#[derive(Default)]
struct Model {
    shards: BTreeMap<u32, Vec<(Position, Millis, String)>>,
    keys: BTreeMap<String, String>,
    written: usize,
}

impl Model {
    fn records(&self, shard: u32) -> Vec<(Position, String)> {
        let shard = self.shards.get(&shard).into_iter().flatten();
        shard
            .map(|(position, _, data)| (*position, data.clone()))
            .collect()
    }
}

fn clock() -> Millis {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NOW: AtomicU64 = AtomicU64::new(1_000_000_000);
    Millis(NOW.fetch_add(10, Ordering::Relaxed))
}

type Appends = Vec<(u32, usize)>;

async fn commit(log: &SqliteLog, model: &mut Model, commits: Vec<(Appends, u8, bool)>) {
    let mut answers = Vec::new();
    for (appends, key, set) in commits {
        let mut named = Vec::new();
        for (shard, count) in appends {
            let data = |i| format!("{}{}", model.written + i, "x".repeat(10 * i));
            named.push((shard, (0..count).map(data).collect::<Vec<_>>()));
            model.written += count;
        }
        let (key, value) = (format!("k{key}"), model.written.to_string());
        let puts = vec![if set { put(&key, &value) } else { delete(&key) }];
        if set {
            model.keys.insert(key, value);
        } else {
            model.keys.remove(&key);
        }
        let appends = named
            .iter()
            .map(|(shard, data)| append(*shard, data))
            .collect();
        answers.push((
            named,
            log.commit(Commit {
                appends,
                puts,
                ..Commit::default()
            }),
        ));
    }
    for (named, answer) in answers {
        let appended = answer.await.unwrap().into_inner();
        assert_eq!(appended.len(), named.len());
        for ((shard, data), at) in named.into_iter().zip(appended) {
            let positions = (0..).map(|i| at.first.plus(i));
            let records = positions.zip(data).map(|(p, data)| (p, at.arrival, data));
            model.shards.entry(shard).or_default().extend(records);
        }
    }
}

async fn trim(log: &SqliteLog, model: &mut Model, shard: u32, percent: usize) {
    let Some(records) = model.shards.get_mut(&shard) else {
        return;
    };
    let past = Millis(u64::MAX);
    let before = records
        .get(records.len() * percent / 100)
        .map_or(past, |record| record.1);
    while log.trim(ShardNumber(shard), before).await.unwrap() > 0 {}
    records.retain(|(_, arrival, _)| *arrival >= before);
}

async fn read(log: &SqliteLog, model: &Model, shard: u32, percent: usize, limits: ReadLimits) {
    let all = model.records(shard);
    let from = match all.get(all.len() * percent / 100) {
        Some((position, _)) => *position,
        None => log.span(ShardNumber(shard)).next,
    };
    let want: Vec<_> = all
        .into_iter()
        .filter(|(position, _)| *position >= from)
        .collect();
    assert_eq!(read_from(log, shard, from, limits).await.unwrap(), want);
}

async fn same(log: &SqliteLog, model: &Model) {
    for shard in 0..3 {
        let records = model.records(shard);
        assert_eq!(
            read_from(log, shard, Position::START, ALL).await.unwrap(),
            records
        );
        let span = log.span(ShardNumber(shard));
        let ends = records.first().zip(records.last());
        if let Some(((first, _), (last, _))) = ends {
            assert_eq!((span.first, span.next), (*first, last.plus(1)));
        } else {
            assert_eq!(span.first, span.next);
        }
        for (_, arrival, _) in model.shards.get(&shard).into_iter().flatten() {
            let mut arrived = model.shards[&shard]
                .iter()
                .filter(|(_, at, _)| at >= arrival);
            let want = arrived.next().unwrap().0;
            assert_eq!(
                log.locate(ShardNumber(shard), *arrival).await.unwrap(),
                want
            );
        }
    }
    let keys = log.scan(Bytes::from("k")).await.unwrap();
    let keys: BTreeMap<_, _> = keys
        .into_iter()
        .map(|(key, value)| {
            let text = |bytes: Bytes| String::from_utf8(bytes.to_vec()).unwrap();
            (text(key), text(value))
        })
        .collect();
    assert_eq!(keys, model.keys);
}

async fn run(steps: Vec<Step>) {
    let world = World::new();
    let open = |tail_bytes| {
        let page_bytes = 1024;
        SqliteLog::open(Options {
            tail_bytes,
            page_bytes,
            clock,
            ..world.options()
        })
        .unwrap()
    };
    let (mut log, mut model) = (open(usize::MAX), Model::default());
    for step in steps {
        match step {
            Step::Commit(commits) => commit(&log, &mut model, commits).await,
            Step::Trim { shard, percent } => trim(&log, &mut model, shard, percent).await,
            Step::Reopen { tail_bytes } => {
                log.close();
                log = open(tail_bytes);
            }
            Step::Read {
                shard,
                percent,
                records,
                bytes,
            } => {
                read(&log, &model, shard, percent, ReadLimits { records, bytes }).await;
            }
        }
    }
    same(&log, &model).await;
    log.close();
    let report = check(world.dir()).unwrap();
    assert!(report.is_sound(), "{report:?}");
    same(&open(500), &model).await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn the_log_agrees_with_a_list(steps in prop::collection::vec(step(), 1..30)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(run(steps));
    }
}
