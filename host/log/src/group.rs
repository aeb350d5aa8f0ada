//! The commits of one transaction: planned against what is in memory, written, and then shown.
//!
//! Invariant: planning and writing change nothing that readers see, so a failed transaction is
//! forgotten by dropping its group.

use std::{collections::HashMap, sync::Arc};

use millstream_core::{
    block::{Block, BlockBuilder},
    limit,
    port::{Appended, Commit, CommitError, Put},
    position::{Position, ShardNumber},
    time::Millis,
};
use rusqlite::Connection;

use crate::{
    row::{self, Placed},
    shard::{Run, Shard, Shards},
    tail::Budget,
};

/// Blocks of one shard are merged in one row up to this many bytes.
const MERGE_BYTES: usize = 128 << 10;

/// What all commits of a group share.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stamp {
    pub(crate) epoch: u64,
    pub(crate) now: Millis,
    /// The number of the transaction.
    pub(crate) commit: u64,
}

/// What a group does to one shard.
#[derive(Debug)]
struct Draft {
    shard: Arc<Shard>,
    next: u64,
    arrival: Millis,
    gone: bool,
    dropped_here: bool,
    closed: bool,
    closed_here: bool,
    /// The first records of this epoch in the shard.
    run: Option<Run>,
    blocks: Vec<Merge>,
    placed: Vec<Placed>,
}

/// Blocks that become one row.
#[derive(Debug)]
struct Merge {
    base: u64,
    bytes: usize,
    parts: Vec<Block>,
}

impl Merge {
    fn into_block(self) -> Block {
        let Self {
            bytes, mut parts, ..
        } = self;
        if parts.len() == 1 {
            return parts.remove(0);
        }
        let records = parts.iter().map(|part| part.len() as usize).sum();
        let mut builder = BlockBuilder::with_capacity(records, bytes);
        for part in &parts {
            builder.push_block(part, 0..part.len());
        }
        builder
            .finish()
            .expect("a block holds at least one record, so two do")
    }
}

impl Draft {
    fn append(&mut self, block: Block) -> u64 {
        let first = self.next;
        self.next += u64::from(block.len());
        let size = block.bytes().len();
        match self.blocks.last_mut() {
            Some(merge) if merge.bytes + size <= MERGE_BYTES => {
                merge.bytes += size;
                merge.parts.push(block);
            }
            _ => self.blocks.push(Merge {
                base: first,
                bytes: size,
                parts: vec![block],
            }),
        }
        first
    }
}

/// The commits of one transaction.
#[derive(Debug)]
pub(crate) struct Group<'a> {
    shards: &'a Shards,
    stamp: Stamp,
    drafts: Vec<Draft>,
    by_shard: HashMap<ShardNumber, usize>,
    puts: Vec<Put>,
}

impl<'a> Group<'a> {
    pub(crate) fn new(shards: &'a Shards, stamp: Stamp) -> Self {
        Self {
            shards,
            stamp,
            drafts: Vec::new(),
            by_shard: HashMap::new(),
            puts: Vec::new(),
        }
    }

    /// Takes a commit as a whole, or not at all; gives where its appends will stand.
    pub(crate) fn plan(&mut self, commit: Commit) -> Result<Vec<Appended>, CommitError> {
        let Commit {
            appends,
            puts,
            closes,
            drops,
        } = commit;
        for append in &appends {
            if append.shard.0 >= limit::SHARDS_EVER || self.draft(append.shard).gone {
                return Err(CommitError::Gone(append.shard));
            }
            if self.draft(append.shard).closed {
                return Err(CommitError::Closed(append.shard));
            }
        }
        let mut named = closes.iter().chain(&drops);
        if let Some(never) = named.find(|shard| shard.0 >= limit::SHARDS_EVER) {
            return Err(CommitError::Gone(*never));
        }
        let epoch = self.stamp.epoch;
        let mut appended = Vec::with_capacity(appends.len());
        for append in appends {
            let draft = self.draft(append.shard);
            let first = Position::new(epoch, draft.append(append.block));
            appended.push(Appended {
                first,
                arrival: draft.arrival,
            });
        }
        self.puts.extend(puts);
        for shard in closes {
            let draft = self.draft(shard);
            draft.closed_here |= !draft.closed;
            draft.closed = true;
        }
        for shard in drops {
            let draft = self.draft(shard);
            draft.dropped_here |= !draft.gone;
            draft.gone = true;
        }
        Ok(appended)
    }

    fn draft(&mut self, number: ShardNumber) -> &mut Draft {
        let Self {
            shards,
            stamp,
            drafts,
            by_shard,
            ..
        } = self;
        let at = *by_shard.entry(number).or_insert_with(|| {
            let shard = shards.get_or_new(number);
            let state = shard.state();
            let run = Run {
                epoch: stamp.epoch,
                first: state.next,
            };
            let draft = Draft {
                next: state.next,
                arrival: state.arrival.max(stamp.now),
                gone: state.dropped,
                dropped_here: false,
                closed: state.closed,
                closed_here: false,
                run: (state.runs.newest() < stamp.epoch).then_some(run),
                blocks: Vec::new(),
                placed: Vec::new(),
                shard: shard.clone(),
            };
            drop(state);
            drafts.push(draft);
            drafts.len() - 1
        });
        &mut drafts[at]
    }

    /// Writes everything within the caller's transaction; gives whether a block names the commit.
    pub(crate) fn write(&mut self, connection: &Connection) -> rusqlite::Result<Written> {
        let Self {
            stamp,
            drafts,
            puts,
            ..
        } = self;
        let mut written = Written::default();
        for draft in drafts {
            draft.write(connection, *stamp, &mut written)?;
            if draft.closed_here {
                close_shard(connection, draft)?;
                written.closes += 1;
            }
            if draft.dropped_here {
                drop_shard(connection, draft.shard.number)?;
                written.drops += 1;
            }
        }
        for put in &*puts {
            write_put(connection, put)?;
        }
        written.puts = puts.len();
        Ok(written)
    }

    /// Shows to readers what is durable now; gives the shards that were dropped.
    pub(crate) fn publish(self, budget: &mut Budget) -> Vec<ShardNumber> {
        let mut dropped = Vec::new();
        for draft in self.drafts {
            let Draft {
                shard,
                next,
                arrival,
                dropped_here,
                closed,
                run,
                placed,
                ..
            } = draft;
            let mut state = shard.state();
            if !placed.is_empty() {
                if let Some(run) = run {
                    state.runs.push(run);
                }
                (state.next, state.arrival) = (next, arrival);
                for block in placed {
                    budget.hold(&shard, &block);
                    state.volume.add(&block.block);
                    state.tail.push_back(block);
                }
                shard.announce(state.span().next);
            }
            state.closed = closed;
            if dropped_here {
                budget.forget(state.trim(next));
                state.dropped = true;
                dropped.push(shard.number);
            }
        }
        budget.enforce();
        dropped
    }
}

/// What a group wrote.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Written {
    pub(crate) blocks: usize,
    pub(crate) puts: usize,
    pub(crate) closes: usize,
    pub(crate) drops: usize,
    pub(crate) records: usize,
    pub(crate) bytes: usize,
}

impl Written {
    /// Whether a block that stays names the commit.
    pub(crate) fn is_named(self) -> bool {
        self.blocks > 0 && self.drops == 0
    }

    pub(crate) fn is_nothing(self) -> bool {
        self.blocks + self.puts + self.closes + self.drops == 0
    }
}

impl Draft {
    fn write(
        &mut self,
        connection: &Connection,
        stamp: Stamp,
        written: &mut Written,
    ) -> rusqlite::Result<()> {
        let Self {
            shard,
            arrival,
            run,
            blocks,
            placed,
            ..
        } = self;
        if blocks.is_empty() {
            return Ok(());
        }
        if let Some(Run { epoch, first }) = run {
            connection
                .prepare_cached("INSERT INTO run (shard, epoch, first) VALUES (?1, ?2, ?3)")?
                .execute((shard.number.0, epoch.cast_signed(), first.cast_signed()))?;
        }
        for merge in blocks.drain(..) {
            let base = Position::new(stamp.epoch, merge.base);
            let block = Placed {
                base,
                arrival: *arrival,
                block: merge.into_block(),
            };
            block.insert(connection, shard.number, stamp.commit)?;
            written.blocks += 1;
            written.records += block.block.len() as usize;
            written.bytes += block.block.bytes().len();
            placed.push(block);
        }
        Ok(())
    }
}

/// What a shard's blocks tell stays theirs; the row only says that no more come.
fn close_shard(connection: &Connection, draft: &Draft) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO shard (number, next, arrival_ms, state, closed) VALUES (?1, ?2, ?3, 0, 1) \
             ON CONFLICT (number) DO UPDATE SET closed = 1",
        )?
        .execute((
            draft.shard.number.0,
            draft.next.cast_signed(),
            draft.arrival.0.cast_signed(),
        ))?;
    Ok(())
}

fn drop_shard(connection: &Connection, shard: ShardNumber) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO shard (number, next, arrival_ms, state) VALUES (?1, 0, 0, 1) \
             ON CONFLICT (number) DO UPDATE SET state = 1",
        )?
        .execute([shard.0])?;
    Ok(())
}

fn write_put(connection: &Connection, put: &Put) -> rusqlite::Result<()> {
    let key = &put.key[..];
    if let Some(value) = &put.value {
        connection
            .prepare_cached("REPLACE INTO key_value (key, crc, value) VALUES (?1, ?2, ?3)")?
            .execute((key, row::key_value_crc(key, value), &value[..]))?;
    } else {
        connection
            .prepare_cached("DELETE FROM key_value WHERE key = ?1")?
            .execute([key])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use millstream_core::port::Append;

    use super::*;

    fn block(records: usize, size: usize) -> Block {
        let mut builder = BlockBuilder::default();
        for _ in 0..records {
            builder.push("k", &vec![1; size]);
        }
        builder.finish().unwrap()
    }

    fn append(shard: u32, block: &Block) -> Append {
        Append {
            shard: ShardNumber(shard),
            block: block.clone(),
        }
    }

    fn stamp(commit: u64) -> Stamp {
        Stamp {
            epoch: 4,
            now: Millis(commit),
            commit,
        }
    }

    fn database() -> Connection {
        let mut connection = Connection::open_in_memory().unwrap();
        crate::schema::migrate(&mut connection, 0).unwrap();
        connection
    }

    fn rows(connection: &Connection) -> i64 {
        connection
            .query_row("SELECT count(*) FROM block", [], |row| row.get(0))
            .unwrap()
    }

    #[test]
    fn small_blocks_share_a_row_and_large_ones_do_not() {
        let (shards, connection) = (Shards::default(), database());
        let mut group = Group::new(&shards, stamp(1));
        let (small, large) = (block(3, 10), block(2, MERGE_BYTES));
        let appends = [
            append(7, &small),
            append(7, &small),
            append(7, &large),
            append(7, &small),
        ];
        let mut first = Vec::new();
        for one in appends {
            let commit = Commit {
                appends: vec![one],
                ..Commit::default()
            };
            first.extend(
                group
                    .plan(commit)
                    .unwrap()
                    .iter()
                    .map(|a| a.first.ordinal()),
            );
        }
        assert_eq!(first, [0, 3, 6, 8]);
        assert_eq!(group.write(&connection).unwrap().blocks, 3);
        assert_eq!(rows(&connection), 3);
        group.publish(&mut Budget::new(usize::MAX));
        let shard = shards.get(ShardNumber(7)).unwrap();
        assert_eq!(shard.state().span().next, Position::new(4, 11));
        assert_eq!(shard.state().tail[0].block, block(6, 10));
    }

    #[test]
    fn a_refused_commit_leaves_the_others_alone() {
        let (shards, connection) = (Shards::default(), database());
        let mut group = Group::new(&shards, stamp(1));
        let one = block(1, 1);
        let drops = vec![ShardNumber(1)];
        group
            .plan(Commit {
                drops,
                ..Commit::default()
            })
            .unwrap();
        let both = Commit {
            appends: vec![append(2, &one), append(1, &one)],
            ..Commit::default()
        };
        assert_eq!(group.plan(both), Err(CommitError::Gone(ShardNumber(1))));
        let beyond = Commit {
            appends: vec![append(u32::MAX, &one)],
            ..Commit::default()
        };
        assert_eq!(
            group.plan(beyond),
            Err(CommitError::Gone(ShardNumber(u32::MAX)))
        );
        let fine = Commit {
            appends: vec![append(2, &one)],
            ..Commit::default()
        };
        assert_eq!(group.plan(fine).unwrap()[0].first, Position::new(4, 0));
        let written = group.write(&connection).unwrap();
        assert_eq!((written.blocks, written.drops), (1, 1));
        assert_eq!(group.publish(&mut Budget::new(0)), [ShardNumber(1)]);
    }

    #[test]
    fn a_closed_shard_takes_no_more_and_keeps_what_it_has() {
        let (shards, connection) = (Shards::default(), database());
        let mut group = Group::new(&shards, stamp(1));
        let one = block(1, 1);
        let put = |shard| Commit {
            appends: vec![append(shard, &one)],
            ..Commit::default()
        };
        group.plan(put(1)).unwrap();
        let close = Commit {
            closes: vec![ShardNumber(1)],
            ..put(2)
        };
        group.plan(close).unwrap();
        let closed = Err(CommitError::Closed(ShardNumber(1)));
        assert_eq!(group.plan(put(1)), closed);
        let written = group.write(&connection).unwrap();
        assert_eq!((written.blocks, written.closes), (2, 1));
        group.publish(&mut Budget::new(usize::MAX));
        let mut group = Group::new(&shards, stamp(2));
        assert_eq!(group.plan(put(1)), closed);
        let shard = shards.get(ShardNumber(1)).unwrap();
        assert_eq!(shard.state().span().next, Position::new(4, 1));
    }

    #[test]
    fn arrival_never_falls() {
        let shards = Shards::default();
        let one = block(1, 1);
        let mut arrivals = Vec::new();
        for now in [5, 3, 9] {
            let connection = database();
            let mut group = Group::new(&shards, stamp(now));
            let commit = Commit {
                appends: vec![append(0, &one)],
                ..Commit::default()
            };
            arrivals.push(group.plan(commit).unwrap()[0].arrival.0);
            group.write(&connection).unwrap();
            group.publish(&mut Budget::new(usize::MAX));
        }
        assert_eq!(arrivals, [5, 5, 9]);
    }
}
