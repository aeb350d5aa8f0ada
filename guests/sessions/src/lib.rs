//! A Millstream function: sessions.
