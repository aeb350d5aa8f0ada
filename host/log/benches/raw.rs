//! What the log costs beside what it is made of: a bare SQLite writer and a file, with the same syncs.
//!
//! `cargo bench -p millstream-log --bench raw -- [--page BYTES] [--seconds N] [--rounds N] [--size BYTES]`
//! Eight callers, one block of 500 records a call, four shards. Compare within one run only.

use std::{
    fs::{self, File},
    io::Write as _,
    path::Path,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use millstream_core::{
    block::{Block, BlockBuilder},
    port::{Append, Commit, Log, ReadLimits},
    position::{Position, ShardNumber},
};
use millstream_log::{Durability, NullLog, Options, SqliteLog};
use rusqlite::Connection;

const CALLERS: u32 = 8;
const SHARDS: u32 = 4;

#[derive(Debug, Clone)]
struct Setting {
    page: u32,
    run: Duration,
    rounds: usize,
    sizes: Vec<usize>,
    records: usize,
    only: Option<String>,
}

impl Setting {
    fn parse() -> Result<Self> {
        let mut setting = Self {
            page: Options::new("").page_bytes,
            run: Duration::from_secs(3),
            rounds: 3,
            sizes: vec![1024, 100],
            records: 500,
            only: None,
        };
        let mut arguments = std::env::args()
            .skip(1)
            .filter(|argument| argument != "--bench");
        while let Some(name) = arguments.next() {
            let value = arguments
                .next()
                .with_context(|| format!("{name} needs a value"))?;
            match name.as_str() {
                "--page" => setting.page = value.parse()?,
                "--seconds" => setting.run = Duration::from_secs(value.parse()?),
                "--rounds" => setting.rounds = value.parse()?,
                "--size" => setting.sizes = vec![value.parse()?],
                "--records" => setting.records = value.parse()?,
                "--only" => setting.only = Some(value),
                _ => anyhow::bail!("unknown option {name}"),
            }
        }
        Ok(setting)
    }
}

/// What one run measured.
#[derive(Debug, Clone, Default)]
struct Measured {
    records: u64,
    seconds: f64,
    cpu_seconds: f64,
    latencies_us: Vec<u64>,
}

impl Measured {
    fn rate(&self) -> f64 {
        self.records as f64 / self.seconds
    }

    fn cpu_us(&self) -> f64 {
        self.cpu_seconds * 1e6 / self.records as f64
    }

    fn quantile(&self, quantile: f64) -> f64 {
        let last = self.latencies_us.len().saturating_sub(1);
        let at = (last as f64 * quantile) as usize;
        self.latencies_us.get(at).map_or(0.0, |us| *us as f64 / 1e3)
    }
}

/// CPU time of this process, from clock ticks of 10 ms.
fn cpu_seconds() -> Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(") ").context("no process name")?;
    let mut ticks = fields.split(' ').skip(11).map(str::parse::<f64>);
    let user = ticks.next().context("no user time")??;
    let system = ticks.next().context("no system time")??;
    Ok((user + system) / 100.0)
}

fn measure(run: impl FnOnce() -> Result<(u64, Vec<u64>)>) -> Result<Measured> {
    let (began, cpu) = (Instant::now(), cpu_seconds()?);
    let (records, mut latencies_us) = run()?;
    latencies_us.sort_unstable();
    Ok(Measured {
        records,
        seconds: began.elapsed().as_secs_f64(),
        cpu_seconds: cpu_seconds()? - cpu,
        latencies_us,
    })
}

fn block(records: usize, size: usize) -> Block {
    let mut builder = BlockBuilder::with_capacity(records, records * size);
    let data: Vec<u8> = (0..size).map(|i| (i * 31 % 251) as u8).collect();
    for i in 0..records {
        builder.push(&format!("key-{i:012}"), &data);
    }
    builder.finish().expect("there are records")
}

/// Eight tasks that commit one block after another.
fn over_log(log: &dyn Log, block: &Block, run: Duration) -> Result<(u64, Vec<u64>)> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()?;
    let end = Instant::now() + run;
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
        let callers: Vec<_> = (0..CALLERS).map(|i| scope.spawn(move || call(i))).collect();
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

/// Eight threads that send blocks to `write`, which takes all that waits at once.
fn over_channel(
    block: &Block,
    run: Duration,
    mut write: impl FnMut(&[Request]) -> Result<()>,
) -> Result<(u64, Vec<u64>)> {
    let end = Instant::now() + run;
    let (requests, waiting) = mpsc::channel::<Request>();
    let latencies = thread::scope(|scope| {
        let callers: Vec<_> = (0..CALLERS)
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

fn database(dir: &Path, page: u32) -> Result<Connection> {
    let connection = Connection::open(dir.join("bare.db"))?;
    connection.pragma_update(None, "page_size", page)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "cache_size", -16384)?;
    connection.pragma_update(None, "wal_autocheckpoint", (32 << 20) / page)?;
    Ok(connection)
}

fn bare_blocks(dir: &Path, block: &Block, setting: &Setting) -> Result<(u64, Vec<u64>)> {
    let connection = database(dir, setting.page)?;
    connection.execute_batch("CREATE TABLE block (id INTEGER PRIMARY KEY, columns BLOB)")?;
    let mut next = [0_i64; SHARDS as usize];
    over_channel(block, setting.run, |group| {
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
    over_channel(block, setting.run, |group| {
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
            let measured = over_log(&log, &block, setting.run)?;
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
        "log, no sync" => over_log(&open(Durability::Off)?, &block, setting.run),
        "no log" => over_log(&NullLog::new(), &block, setting.run),
        "bare SQLite" => bare_blocks(dir.path(), &block, setting),
        "file" => file(dir.path(), &block, setting),
        _ => anyhow::bail!("unknown variant {name}"),
    })
}

fn writes(setting: &Setting) -> Result<()> {
    for &size in &setting.sizes {
        println!(
            "{} x {size} B, pages of {} B, 8 callers, 4 shards",
            setting.records, setting.page
        );
        println!("| variant | records/s | CPU us/record | p50 ms | p99 ms | max ms |");
        println!("|---|---|---|---|---|---|");
        let names = ["log", "bare SQLite", "file", "log, no sync", "no log"];
        let names = names
            .iter()
            .filter(|n| setting.only.as_ref().is_none_or(|only| only == *n));
        let names: Vec<_> = names.collect();
        let mut rounds: Vec<Vec<Measured>> = vec![Vec::new(); names.len()];
        for _ in 0..setting.rounds {
            for (name, rounds) in names.iter().zip(&mut rounds) {
                rounds.push(variant(name, size, setting)?);
            }
        }
        for (name, mut rounds) in names.iter().zip(rounds) {
            rounds.sort_by(|a, b| a.rate().total_cmp(&b.rate()));
            let m = &rounds[rounds.len() / 2];
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
    Ok(())
}

/// Reads a shard of `records` records from the disk, in pages of 10,000.
fn scans(setting: &Setting) -> Result<()> {
    println!("| scan | records/s | CPU us/record |");
    println!("|---|---|---|");
    for &size in &setting.sizes {
        let blocks = (256 << 20) / (size * setting.records);
        let dir = tempfile::tempdir_in(".")?;
        let block = block(setting.records, size);
        let options = || Options {
            page_bytes: setting.page,
            tail_bytes: 0,
            ..Options::new(dir.path())
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let log = SqliteLog::open(options())?;
        for _ in 0..blocks {
            let appends = vec![Append {
                shard: ShardNumber(0),
                block: block.clone(),
            }];
            runtime
                .block_on(log.commit(Commit {
                    appends,
                    ..Commit::default()
                }))?
                .into_inner();
        }
        log.close();
        let log = SqliteLog::open(options())?;
        let limits = ReadLimits {
            records: 10_000,
            bytes: 10 << 20,
        };
        let of_blocks = || {
            let (mut from, mut records) = (Position::START, 0);
            loop {
                let page = runtime.block_on(log.read(ShardNumber(0), from, limits))?;
                from = page.next(from);
                records += page.count() as u64;
                if page.slices.is_empty() {
                    return Ok((records, Vec::new()));
                }
            }
        };
        let rows = database(dir.path(), setting.page)?;
        rows_of(&rows, &block, blocks)?;
        let of_rows = || scan_rows(&rows, limits.records);
        for _ in 0..setting.rounds {
            let blocks = measure(of_blocks)?;
            let rows = measure(of_rows)?;
            anyhow::ensure!(blocks.records == rows.records, "the scans differ");
            println!(
                "| blocks, {size} B | {:.0} | {:.3} |",
                blocks.rate(),
                blocks.cpu_us()
            );
            println!(
                "| rows, {size} B | {:.0} | {:.3} |",
                rows.rate(),
                rows.cpu_us()
            );
        }
    }
    Ok(())
}

fn rows_of(connection: &Connection, block: &Block, blocks: usize) -> Result<()> {
    connection.execute_batch(
        "CREATE TABLE row (shard INTEGER, seq INTEGER, arrival INTEGER, key TEXT, data BLOB, \
         PRIMARY KEY (shard, seq)) WITHOUT ROWID",
    )?;
    let mut seq = 0_i64;
    for _ in 0..blocks {
        connection.execute_batch("BEGIN")?;
        let mut insert = connection.prepare_cached("INSERT INTO row VALUES (0, ?1, 0, ?2, ?3)")?;
        for i in 0..block.len() {
            insert.execute((seq, block.key(i), block.datum(i)))?;
            seq += 1;
        }
        drop(insert);
        connection.execute_batch("COMMIT")?;
    }
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    Ok(())
}

fn scan_rows(connection: &Connection, page: usize) -> Result<(u64, Vec<u64>)> {
    let mut statement = connection.prepare_cached(
        "SELECT seq, arrival, key, data FROM row WHERE shard = 0 AND seq >= ?1 ORDER BY seq LIMIT ?2",
    )?;
    let (mut from, mut records) = (0_i64, 0_u64);
    loop {
        let mut rows = statement.query((from, i64::try_from(page)?))?;
        // As a page that could be answered: every record owned.
        let mut found: Vec<(i64, i64, String, Vec<u8>)> = Vec::new();
        while let Some(row) = rows.next()? {
            found.push((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
        }
        let Some(last) = found.last() else {
            return Ok((records, Vec::new()));
        };
        from = last.0 + 1;
        records += found.len() as u64;
    }
}

/// How long opening takes with many shards and a gigabyte of blocks.
fn opens(setting: &Setting) -> Result<()> {
    let dir = tempfile::tempdir_in(".")?;
    let options = || Options {
        page_bytes: setting.page,
        ..Options::new(dir.path())
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let log = SqliteLog::open(options())?;
    let (small, large) = (block(10, 100), block(500, 1024));
    let commit = |shards: std::ops::Range<u32>, block: &Block| {
        let append = |shard| Append {
            shard: ShardNumber(shard),
            block: block.clone(),
        };
        let appends = shards.map(append).collect();
        runtime.block_on(log.commit(Commit {
            appends,
            ..Commit::default()
        }))
    };
    for _ in 0..2 {
        for first in (0..10_000).step_by(500) {
            commit(first..first + 500, &small)?.into_inner();
        }
    }
    for _ in 0..100 {
        commit(0..20, &large)?.into_inner();
    }
    log.close();
    for _ in 0..setting.rounds {
        let began = Instant::now();
        let log = SqliteLog::open(options())?;
        println!(
            "opened 10,000 shards and {} MiB in {:.0} ms",
            log.stats().database_bytes >> 20,
            began.elapsed().as_secs_f64() * 1e3
        );
    }
    Ok(())
}

fn main() -> Result<()> {
    let setting = Setting::parse()?;
    let only = setting.only.as_deref();
    if only.is_none_or(|only| !matches!(only, "scan" | "open")) {
        writes(&setting)?;
    }
    if only.is_none_or(|only| only == "scan") {
        scans(&setting)?;
    }
    if only.is_none_or(|only| only == "open") {
        opens(&setting)?;
    }
    Ok(())
}
