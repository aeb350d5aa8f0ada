//! A block as a row of the database: its id, its checksum, its statements. Knows one row at a time.

use bytes::Bytes;
use millstream_core::{
    block::Block,
    limit,
    port::ReadError,
    position::{ORDINAL_BITS, ORDINAL_MAX, Position, ShardNumber},
    time::Millis,
};
use rusqlite::{Connection, MAIN_DB, Row, blob::Blob, types::ValueRef};

use crate::recent::Recent;

/// The columns of a block, in the order that [`Stored::read`] expects.
pub(crate) const COLUMNS: &str = "id, epoch, count, arrival_ms, commit_number, crc, columns";
/// The same but for columns that [`Large`] is to read.
pub(crate) const COLUMNS_IF_SMALL: &str = "id, epoch, count, arrival_ms, commit_number, crc, \
    CASE WHEN length(columns) < 32768 THEN columns END";

const INSERT: &str = "INSERT INTO block \
    (id, epoch, count, arrival_ms, commit_number, crc, columns) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

/// The row id of the block whose first record is `ordinal`.
///
/// Invariant: a shard's blocks are neighbours, in order, so a range of ids is a range of a shard.
pub(crate) fn id(shard: ShardNumber, ordinal: u64) -> i64 {
    assert!(
        shard.0 < limit::SHARDS_EVER && ordinal <= ORDINAL_MAX,
        "id out of range"
    );
    (i64::from(shard.0) << ORDINAL_BITS) | ordinal.cast_signed()
}

/// The ordinal in a row id.
pub(crate) fn ordinal(id: i64) -> u64 {
    id.cast_unsigned() & ORDINAL_MAX
}

/// The shard in a row id.
pub(crate) fn shard(id: i64) -> ShardNumber {
    let number = id.cast_unsigned() >> ORDINAL_BITS;
    ShardNumber(u32::try_from(number).unwrap_or(u32::MAX))
}

/// The ids that a block of `shard` can have; both ends included.
pub(crate) fn ids(shard: ShardNumber) -> (i64, i64) {
    (id(shard, 0), id(shard, ORDINAL_MAX))
}

/// A block and what the log gave it.
#[derive(Debug, Clone)]
pub(crate) struct Placed {
    pub(crate) base: Position,
    pub(crate) arrival: Millis,
    pub(crate) block: Block,
}

impl Placed {
    /// The ordinal after its last record.
    pub(crate) fn end(&self) -> u64 {
        self.base.ordinal() + u64::from(self.block.len())
    }

    /// Writes the row; it becomes durable with the transaction around it.
    pub(crate) fn insert(
        &self,
        connection: &Connection,
        shard: ShardNumber,
        commit: u64,
    ) -> rusqlite::Result<()> {
        let id = id(shard, self.base.ordinal());
        let header = Header {
            id,
            epoch: self.base.epoch(),
            count: self.block.len().into(),
            arrival: self.arrival.0,
            commit,
        };
        connection.prepare_cached(INSERT)?.execute((
            id,
            header.epoch.cast_signed(),
            header.count.cast_signed(),
            header.arrival.cast_signed(),
            header.commit.cast_signed(),
            header.crc(self.block.bytes()),
            &self.block.bytes()[..],
        ))?;
        Ok(())
    }
}

/// Everything that the checksum covers besides the columns.
struct Header {
    id: i64,
    epoch: u64,
    count: u64,
    arrival: u64,
    commit: u64,
}

impl Header {
    /// The header of a row of [`COLUMNS`], and the checksum.
    fn read(row: &Row<'_>) -> rusqlite::Result<(Self, u64)> {
        let word = |i: usize| row.get::<_, i64>(i).map(i64::cast_unsigned);
        let header = Self {
            id: row.get(0)?,
            epoch: word(1)?,
            count: word(2)?,
            arrival: word(3)?,
            commit: word(4)?,
        };
        Ok((header, word(5)?))
    }

    /// The row as it was written, where the checksum says so.
    fn verify(&self, crc: u64, columns: Bytes) -> Result<Stored, ReadError> {
        let id = self.id;
        if u64::from(self.crc(&columns)) != crc {
            return Err(corrupt(id, "the checksum does not match"));
        }
        let block = Block::decode(columns).map_err(|error| corrupt(id, &error.to_string()))?;
        if u64::from(block.len()) != self.count {
            return Err(corrupt(id, "the count does not match"));
        }
        Ok(Stored {
            id,
            commit: self.commit,
            placed: Placed {
                // The checksum holds, so epoch and ordinal are as they were when they fit a position.
                base: Position::new(self.epoch, ordinal(id)),
                arrival: Millis(self.arrival),
                block,
            },
        })
    }

    fn crc(&self, columns: &[u8]) -> u32 {
        let mut crc = crc32fast::Hasher::new();
        crc.update(columns);
        let Self {
            id,
            epoch,
            count,
            arrival,
            commit,
        } = self;
        for word in [id.cast_unsigned(), *epoch, *count, *arrival, *commit] {
            crc.update(&word.to_le_bytes());
        }
        crc.finalize()
    }
}

/// A row as it was found.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) id: i64,
    pub(crate) commit: u64,
    pub(crate) placed: Placed,
}

impl Stored {
    /// Takes a row of [`COLUMNS`]; what was not written by [`Placed::insert`] is not taken.
    pub(crate) fn read(row: &Row<'_>) -> rusqlite::Result<Result<Self, ReadError>> {
        let (header, crc) = Header::read(row)?;
        Ok(match row.get_ref(6)?.as_blob() {
            Ok(columns) => header.verify(crc, Bytes::copy_from_slice(columns)),
            Err(_) => Err(corrupt(header.id, "the columns are no blob")),
        })
    }

    /// Takes a row of [`COLUMNS_IF_SMALL`]; columns that are not in it come from `large`.
    pub(crate) fn read_with(
        row: &Row<'_>,
        large: &mut Large<'_>,
    ) -> rusqlite::Result<Result<Self, ReadError>> {
        if row.get_ref(6)? != ValueRef::Null {
            return Self::read(row);
        }
        let (header, crc) = Header::read(row)?;
        let stored = header.verify(crc, large.columns(header.id)?);
        if let Ok(stored) = &stored {
            large.recent.keep(shard(stored.id), &stored.placed);
        }
        Ok(stored)
    }
}

/// Reads the columns of large blocks straight from the file to where they stay: as the value of a
/// row they would be copied once more.
pub(crate) struct Large<'a> {
    connection: &'a Connection,
    recent: &'a Recent,
    blob: Option<Blob<'a>>,
}

impl<'a> Large<'a> {
    /// Holds a snapshot from the first block on that it reads.
    pub(crate) fn new(connection: &'a Connection, recent: &'a Recent) -> Self {
        Self {
            connection,
            recent,
            blob: None,
        }
    }

    fn columns(&mut self, id: i64) -> rusqlite::Result<Bytes> {
        let blob = match &mut self.blob {
            Some(blob) => {
                blob.reopen(id)?;
                blob
            }
            blob => {
                let opened = self
                    .connection
                    .blob_open(MAIN_DB, "block", "columns", id, true)?;
                blob.insert(opened)
            }
        };
        let mut columns = self.recent.memory(blob.len());
        blob.read_at_exact(&mut columns, 0)?;
        Ok(columns.freeze())
    }
}

/// The error of the row `id`. Its epoch cannot be trusted, so the position has the ordinal alone.
pub(crate) fn corrupt(id: i64, what: &str) -> ReadError {
    ReadError::Corrupt {
        shard: shard(id),
        position: Position::new(0, ordinal(id)),
        what: what.to_owned(),
    }
}

/// A key's checksum, which covers the value too.
pub(crate) fn key_value_crc(key: &[u8], value: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&(key.len() as u64).to_le_bytes());
    crc.update(key);
    crc.update(value);
    crc.finalize()
}

#[cfg(test)]
mod tests {
    use millstream_core::block::BlockBuilder;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ids_order_by_shard_then_ordinal(
            a in (0..limit::SHARDS_EVER, 0..=ORDINAL_MAX),
            b in (0..limit::SHARDS_EVER, 0..=ORDINAL_MAX),
        ) {
            let (x, y) = (id(ShardNumber(a.0), a.1), id(ShardNumber(b.0), b.1));
            prop_assert_eq!(x.cmp(&y), a.cmp(&b));
            prop_assert!(x >= 0);
            prop_assert_eq!((shard(x).0, ordinal(x)), a);
        }
    }

    fn database() -> Connection {
        let mut connection = Connection::open_in_memory().unwrap();
        crate::schema::migrate(&mut connection, 0).unwrap();
        connection
    }

    fn placed() -> Placed {
        let mut builder = BlockBuilder::default();
        builder.push("key", b"data");
        builder.push("k", b"");
        Placed {
            base: Position::new(7, 40),
            arrival: Millis(1_234),
            block: builder.finish().unwrap(),
        }
    }

    fn read(connection: &Connection) -> Result<Stored, ReadError> {
        let sql = format!("SELECT {COLUMNS} FROM block");
        connection.query_row(&sql, [], Stored::read).unwrap()
    }

    #[test]
    fn a_row_reads_as_it_was_written() {
        let connection = database();
        let before = placed();
        before.insert(&connection, ShardNumber(3), 9).unwrap();
        let after = read(&connection).unwrap();
        assert_eq!((shard(after.id), after.commit), (ShardNumber(3), 9));
        assert_eq!(after.placed.base, before.base);
        assert_eq!(after.placed.arrival, before.arrival);
        assert_eq!(after.placed.block, before.block);
    }

    #[test]
    fn every_changed_column_is_noticed() {
        let changes = [
            "id = id + 1",
            "epoch = epoch + 1",
            "count = count + 1",
            "arrival_ms = arrival_ms - 1",
            "commit_number = commit_number + 1",
            "crc = crc + 1",
            "columns = cast('other' AS BLOB)",
        ];
        for change in changes {
            let connection = database();
            placed().insert(&connection, ShardNumber(3), 9).unwrap();
            connection
                .execute(&format!("UPDATE block SET {change}"), [])
                .unwrap();
            let error = read(&connection).unwrap_err();
            assert!(
                matches!(error, ReadError::Corrupt { .. }),
                "{change}: {error}"
            );
        }
    }
}
