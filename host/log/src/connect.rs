//! Connections to the database: one that writes, one that checkpoints, and those that only read.

use std::{fs::File, path::Path, time::Duration};

use rusqlite::{Connection, ErrorCode, OpenFlags, config::DbConfig};

use crate::{
    error::OpenError,
    open::{self, DATABASE},
    options::{Durability, Options},
    schema::{self, Identity},
};

/// The writer's page cache, in KiB: room for one large transaction.
const CACHE_KIB: i64 = 16 << 10;
const READER_CACHE_KIB: i64 = 2 << 10;
/// Longer than any lock that SQLite takes by itself.
const BUSY: Duration = Duration::from_secs(10);

/// The connection that writes, to a database of the newest version.
///
/// It leaves the write-ahead log as it is when it is closed, until [`settle`] says otherwise.
pub(crate) fn writer(options: &Options, path: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    keep_log(&connection)?;
    let dir = options.dir.clone();
    let version = match identify(&connection, path)? {
        Identity::Ours(found) if found > schema::VERSION => {
            return Err(OpenError::Newer {
                dir,
                found,
                known: schema::VERSION,
            });
        }
        Identity::Ours(version) => version,
        Identity::Empty => 0,
        Identity::Foreign => {
            return Err(OpenError::Foreign {
                path: path.to_owned(),
            });
        }
    };
    if version == 0 {
        connection.pragma_update(None, "page_size", options.page_bytes)?;
    }
    connection.pragma_update(None, "journal_mode", "WAL")?;
    durable(&connection, options.durability)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    if let Some(pages) = options.max_pages {
        connection.pragma_update(None, "max_page_count", pages)?;
    }
    schema::migrate(&mut connection, version)?;
    if version == 0 {
        File::open(&options.dir)
            .and_then(|dir| dir.sync_all())
            .map_err(open::at(&options.dir))?;
    }
    Ok(connection)
}

fn identify(connection: &Connection, path: &Path) -> Result<Identity, OpenError> {
    match schema::identify(connection) {
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::NotADatabase) => {
            Err(OpenError::Foreign {
                path: path.to_owned(),
            })
        }
        identified => Ok(identified?),
    }
}

/// How it syncs; it checkpoints only when it is told to.
fn durable(connection: &Connection, durability: Durability) -> rusqlite::Result<()> {
    let synchronous = match durability {
        Durability::Full => "FULL",
        Durability::Off => "OFF",
    };
    connection.pragma_update(None, "synchronous", synchronous)?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)
}

/// The data is known to be whole: the write-ahead log may go when the connection does.
pub(crate) fn settle(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
    Ok(())
}

/// The write-ahead log stays when the connection goes.
pub(crate) fn keep_log(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    Ok(())
}

/// A connection for checkpoints beside the writer.
pub(crate) fn checkpointer(options: &Options) -> rusqlite::Result<Connection> {
    let connection = beside(&options.dir, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    durable(&connection, options.durability)?;
    Ok(connection)
}

/// A connection that only reads.
pub(crate) fn reader(dir: &Path) -> rusqlite::Result<Connection> {
    beside(dir, OpenFlags::SQLITE_OPEN_READ_ONLY)
}

fn beside(dir: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    let path = dir.join(DATABASE);
    let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "cache_size", -READER_CACHE_KIB)?;
    Ok(connection)
}
