//! Writers side by side: the log, what it is made of, and the log without its parts.

use std::{fs::File, io::Write as _, path::Path, sync::mpsc, thread, time::Instant};

use anyhow::Result;
use millstream_core::{
    block::Block,
    port::{Append, Commit, Log},
    position::ShardNumber,
};
use millstream_log::{Durability, NullLog, Options, SqliteLog};

use crate::{
    Setting, block, database,
    measured::{Measured, measure, median},
};

const SHARDS: u32 = 4;

/// Callers that commit one block after another.
fn over_log(log: &dyn Log, block: &Block, setting: &Setting) -> Result<(u64, Vec<u64>)> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()?;
    let end = Instant::now() + setting.run();
    let call = |caller: u32| {
        let mut latencies = Vec::new();
        while Instant::now() < end {
            let shard = ShardNumber(caller % SHARDS);
            let appends = vec![Append {
                shard,
                block: block.clone(),
            }];
            let began = Instant::now();
            runtime
                .block_on(log.commit(Commit {
                    appends,
                    ..Commit::default()
                }))?
                .into_inner();
            latencies.push(us(began));
        }
        anyhow::Ok(latencies)
    };
    let latencies = thread::scope(|scope| {
        let call = &call;
        let callers: Vec<_> = (0..setting.callers)
            .map(|i| scope.spawn(move || call(i)))
            .collect();
        join(callers.into_iter().map(|caller| caller.join()))
    })?;
    Ok((latencies.len() as u64 * u64::from(block.len()), latencies))
}

fn us(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX)
}

fn join(callers: impl Iterator<Item = thread::Result<Result<Vec<u64>>>>) -> Result<Vec<u64>> {
    let mut all = Vec::new();
    for caller in callers {
        all.extend(caller.map_err(|_| anyhow::anyhow!("a caller panicked"))??);
    }
    Ok(all)
}

type Request = (u32, Block, mpsc::Sender<()>);

/// Callers that send blocks to `write`, which takes all that waits at once.
fn over_channel(
    block: &Block,
    setting: &Setting,
    mut write: impl FnMut(&[Request]) -> Result<()>,
) -> Result<(u64, Vec<u64>)> {
    let end = Instant::now() + setting.run();
    let (requests, waiting) = mpsc::channel::<Request>();
    let latencies = thread::scope(|scope| {
        let callers: Vec<_> = (0..setting.callers)
            .map(|caller| {
                let requests = requests.clone();
                scope.spawn(move || {
                    let (reply, answer) = mpsc::channel();
                    let mut latencies = Vec::new();
                    while Instant::now() < end {
                        let began = Instant::now();
                        requests.send((caller % SHARDS, block.clone(), reply.clone()))?;
                        answer.recv()?;
                        latencies.push(us(began));
                    }
                    anyhow::Ok(latencies)
                })
            })
            .collect();
        drop(requests);
        while let Ok(first) = waiting.recv() {
            let group: Vec<_> = std::iter::once(first).chain(waiting.try_iter()).collect();
            write(&group)?;
            for (.., reply) in group {
                reply.send(())?;
            }
        }
        join(callers.into_iter().map(|caller| caller.join()))
    })?;
    Ok((latencies.len() as u64 * u64::from(block.len()), latencies))
}

fn bare_blocks(dir: &Path, block: &Block, setting: &Setting) -> Result<(u64, Vec<u64>)> {
    let connection = database(dir, setting.page)?;
    connection.execute_batch("CREATE TABLE block (id INTEGER PRIMARY KEY, columns BLOB)")?;
    let mut next = [0_i64; SHARDS as usize];
    over_channel(block, setting, |group| {
        connection.execute_batch("BEGIN IMMEDIATE")?;
        for (shard, block, _) in group {
            let ordinal = &mut next[*shard as usize];
            let id = i64::from(*shard) << 43 | *ordinal;
            *ordinal += i64::from(block.len());
            connection
                .prepare_cached("INSERT INTO block VALUES (?1, ?2)")?
                .execute((id, &block.bytes()[..]))?;
        }
        connection.execute_batch("COMMIT")?;
        Ok(())
    })
}

fn file(dir: &Path, block: &Block, setting: &Setting) -> Result<(u64, Vec<u64>)> {
    let mut file = File::create(dir.join("file"))?;
    over_channel(block, setting, |group| {
        for (_, block, _) in group {
            file.write_all(block.bytes())?;
        }
        Ok(file.sync_data()?)
    })
}

fn variant(name: &str, size: usize, setting: &Setting) -> Result<Measured> {
    let dir = tempfile::tempdir_in(".")?;
    let block = block(setting.records, size);
    let open = |durability| {
        let page_bytes = setting.page;
        SqliteLog::open(Options {
            page_bytes,
            durability,
            ..Options::new(dir.path())
        })
    };
    measure(|| match name {
        "log" => {
            let log = open(Durability::Full)?;
            let measured = over_log(&log, &block, setting)?;
            let stats = log.stats();
            eprintln!(
                "    {} commits in {} transactions, {} checkpoints, wal {} MiB",
                stats.commits,
                stats.transactions,
                stats.checkpoints,
                stats.wal_bytes >> 20
            );
            Ok(measured)
        }
        "log, no sync" => over_log(&open(Durability::Off)?, &block, setting),
        "no log" => over_log(&NullLog::new(), &block, setting),
        "bare SQLite" => bare_blocks(dir.path(), &block, setting),
        "file" => file(dir.path(), &block, setting),
        _ => anyhow::bail!("unknown variant {name}"),
    })
}

/// Every variant in turn, for each size.
pub(crate) fn writes(setting: &Setting) -> Result<()> {
    let all = ["log", "bare SQLite", "file", "log, no sync", "no log"];
    let wanted = |name: &&str| setting.variant.as_ref().is_none_or(|only| only == name);
    let names: Vec<_> = all.into_iter().filter(wanted).collect();
    for &size in &setting.sizes {
        let mut rounds: Vec<Vec<Measured>> = vec![Vec::new(); names.len()];
        for _ in 0..setting.rounds {
            for (name, rounds) in names.iter().zip(&mut rounds) {
                rounds.push(variant(name, size, setting)?);
            }
        }
        let results: Vec<_> = names.iter().copied().zip(rounds).collect();
        if setting.json {
            json(size, results);
        } else {
            table(size, setting, results);
        }
    }
    Ok(())
}

fn table(size: usize, setting: &Setting, results: Vec<(&str, Vec<Measured>)>) {
    println!(
        "{} x {size} B, pages of {} B, {} callers, {SHARDS} shards",
        setting.records, setting.page, setting.callers
    );
    println!("| variant | records/s | CPU us/record | p50 ms | p99 ms | max ms |");
    println!("|---|---|---|---|---|---|");
    for (name, mut rounds) in results {
        let m = median(&mut rounds);
        println!(
            "| {name} | {:.0} [{:.0}-{:.0}] | {:.3} | {:.2} | {:.2} | {:.1} |",
            m.rate(),
            rounds[0].rate(),
            rounds[rounds.len() - 1].rate(),
            m.cpu_us(),
            m.quantile(0.5),
            m.quantile(0.99),
            m.quantile(1.0)
        );
    }
    println!();
}

fn json(size: usize, results: Vec<(&str, Vec<Measured>)>) {
    let mut fields = format!("\"bytes\":{size}");
    for (name, mut rounds) in results {
        let m = median(&mut rounds);
        let key = match name {
            "bare SQLite" => "block",
            "log, no sync" => "unsynced",
            "no log" => "null",
            name => name,
        };
        let (rate, cpu) = (m.rate(), m.cpu_us());
        fields += &format!(",\"{key}_rate\":{rate:.0},\"{key}_cpu_us\":{cpu:.4}");
    }
    println!("{{{fields}}}");
}
