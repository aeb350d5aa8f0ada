//! A Millstream function: access-log.
