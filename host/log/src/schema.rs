//! The versions of the schema and the way from each to the next. Knows nothing of what is stored.

use rusqlite::Connection;

/// "Mill", in the database's header.
pub(crate) const APPLICATION_ID: i64 = 0x4d69_6c6c;

/// Migration n leads from version n to n + 1. Forward only; none is ever changed.
const MIGRATIONS: &[&str] = &[
    include_str!("schema/0001.sql"),
    include_str!("schema/0002.sql"),
];

/// The version that this program writes.
pub(crate) const VERSION: i64 = MIGRATIONS.len() as i64;

/// What a database file is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Identity {
    Empty,
    Ours(i64),
    Foreign,
}

pub(crate) fn identify(connection: &Connection) -> rusqlite::Result<Identity> {
    let number = |pragma: &str| -> rusqlite::Result<i64> {
        connection.pragma_query_value(None, pragma, |row| row.get(0))
    };
    let (application, version) = (number("application_id")?, number("user_version")?);
    if application == APPLICATION_ID {
        return Ok(Identity::Ours(version));
    }
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let untouched = application == 0 && version == 0 && tables == 0;
    Ok(if untouched {
        Identity::Empty
    } else {
        Identity::Foreign
    })
}

/// Leads a database of version `from` to [`VERSION`], one transaction a step.
pub(crate) fn migrate(connection: &mut Connection, from: i64) -> rusqlite::Result<()> {
    for (version, sql) in (0..)
        .zip(MIGRATIONS)
        .skip_while(|(version, _)| *version < from)
    {
        let transaction = connection.transaction()?;
        transaction.execute_batch(sql)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", version + 1)?;
        transaction.commit()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_database_becomes_ours_and_stays_so() {
        let mut connection = Connection::open_in_memory().unwrap();
        assert_eq!(identify(&connection).unwrap(), Identity::Empty);
        migrate(&mut connection, 0).unwrap();
        assert_eq!(identify(&connection).unwrap(), Identity::Ours(VERSION));
        migrate(&mut connection, VERSION).unwrap();
        assert_eq!(identify(&connection).unwrap(), Identity::Ours(VERSION));
    }

    #[test]
    fn a_step_keeps_what_is_stored() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(MIGRATIONS[0]).unwrap();
        let stored = "INSERT INTO block VALUES (1, 2, 3, 4, 5, 6, x'07');
            INSERT INTO shard VALUES (8, 9, 10, 0), (11, 12, 13, 2);
            INSERT INTO key_value VALUES (x'14', 15, x'16');";
        connection.execute_batch(stored).unwrap();
        migrate(&mut connection, 1).unwrap();
        let numbers = |query: &str| -> Vec<i64> {
            let mut statement = connection.prepare(query).unwrap();
            let columns = statement.column_count();
            let mut rows = statement.query([]).unwrap();
            let mut all = Vec::new();
            while let Some(row) = rows.next().unwrap() {
                all.extend((0..columns).map(|at| row.get::<_, i64>(at).unwrap()));
            }
            all
        };
        let of_block = "SELECT id, epoch, count, arrival_ms, commit_number, crc,
            columns = x'07' FROM block";
        assert_eq!(numbers(of_block), [1, 2, 3, 4, 5, 6, 1]);
        let of_shards = "SELECT number, next, arrival_ms, state, closed FROM shard";
        // A shard of the first version was never split or merged.
        assert_eq!(numbers(of_shards), [8, 9, 10, 0, 0, 11, 12, 13, 2, 0]);
        let of_keys = "SELECT key = x'14', crc, value = x'16' FROM key_value";
        assert_eq!(numbers(of_keys), [1, 15, 1]);
        assert_eq!(identify(&connection).unwrap(), Identity::Ours(2));
    }

    #[test]
    fn a_database_of_others_is_foreign() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE t (a)").unwrap();
        assert_eq!(identify(&connection).unwrap(), Identity::Foreign);
    }

    #[test]
    fn a_failed_step_leaves_nothing() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch("CREATE TABLE key_value (a)")
            .unwrap();
        migrate(&mut connection, 0).unwrap_err();
        let tables: i64 = connection
            .query_row(
                "SELECT count(*) FROM sqlite_schema WHERE type = 'table'",
                [],
                |r| r.get(0),
            )
            .unwrap();
        assert_eq!(tables, 1);
    }
}
