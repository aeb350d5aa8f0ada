//! What may be written: everything, or on a full disk what fits into the room that is there already.
//!
//! While the reserve is given up, the database may not grow and the write-ahead log keeps its file.
//! So a checkpoint needs no room, after it the log starts anew in its own file, and deleting is always
//! possible. What deleting has freed in the database can be written to: the disk may stay full.

use rusqlite::Connection;

use crate::{
    checkpoint::Wal,
    reserve::{self, Reserve},
    stats::Counters,
};

/// Free pages in the database that are left for what deletes.
const SPARE: usize = 256 << 10;

/// The writer's view of the disk.
#[derive(Debug)]
pub(crate) struct Room {
    reserve: Reserve,
    /// The log's file is kept short.
    short: bool,
    /// How many pages the database may have at other times, while it may not grow.
    pages: Option<u32>,
}

impl Room {
    pub(crate) fn new(reserve: Reserve) -> Self {
        Self {
            reserve,
            short: false,
            pages: None,
        }
    }

    /// How many bytes may be written now that free no room. An error is fatal.
    pub(crate) fn left(
        &mut self,
        connection: &Connection,
        wal: &Wal,
        counters: &Counters,
    ) -> Result<usize, String> {
        if wal.take_full() {
            self.give_up(connection, wal, counters)?;
        }
        if self.reserve.remake() {
            // What a reader needed of the log, or others of the disk, may be there by now.
            wal.pass(connection, counters)?;
            reserve::hold(connection);
        }
        let tight = self.reserve.is_released();
        wal.set_tight(tight);
        Ok(self.find(connection, wal, tight).unwrap_or_else(|error| {
            tracing::warn!(%error, "cannot tell how much room there is");
            0
        }))
    }

    fn find(&mut self, connection: &Connection, wal: &Wal, tight: bool) -> rusqlite::Result<usize> {
        self.shorten(connection, tight)?;
        if !tight {
            self.bound(connection, false)?;
            return Ok(usize::MAX);
        }
        let free = connection.pragma_query_value(None, "freelist_count", |row| row.get(0))?;
        let free = wal.page_bytes(free);
        let left = if free < SPARE || self.reserve.is_pausing() {
            0
        } else {
            free / 2
        };
        self.bound(connection, left > 0)?;
        Ok(left)
    }

    /// Something did not fit: moves what is in the log into the database and gives the reserve up.
    /// True where there was one. An error is fatal.
    pub(crate) fn give_up(
        &mut self,
        connection: &Connection,
        wal: &Wal,
        counters: &Counters,
    ) -> Result<bool, String> {
        // What is in the database need not be in the log: its file has room from the beginning on.
        // At first without the reserve's room, which is for the log if the database needs none.
        let mut moved = wal.pass_next(connection, counters)?;
        let held = !self.reserve.is_released();
        wal.set_tight(true);
        while self.reserve.shrink() {
            if !moved {
                moved = wal.pass_next(connection, counters)?;
            }
            reserve::hold(connection);
        }
        Ok(held)
    }

    /// On a full disk a long log gives room back when it starts anew.
    fn shorten(&mut self, connection: &Connection, short: bool) -> rusqlite::Result<()> {
        if short != self.short {
            let limit = if short { reserve::BYTES as i64 } else { -1 };
            connection.pragma_update(None, "journal_size_limit", limit)?;
            self.short = short;
        }
        Ok(())
    }

    /// Whether the database may only use the pages that it has.
    fn bound(&mut self, connection: &Connection, bound: bool) -> rusqlite::Result<()> {
        const LIMIT: &str = "max_page_count";
        match self.pages {
            None if bound => {
                let pages = connection.pragma_query_value(None, LIMIT, |row| row.get(0))?;
                // Less than it has is what it has.
                connection.pragma_update(None, LIMIT, 1)?;
                self.pages = Some(pages);
            }
            Some(pages) if !bound => {
                connection.pragma_update(None, LIMIT, pages)?;
                self.pages = None;
            }
            _ => {}
        }
        Ok(())
    }
}
