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
