//! One record of a batch.

use std::{
    str,
    time::{Duration, SystemTime},
};

use serde::Deserialize;

use crate::Error;

/// One record: a view into its batch.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    pub(crate) index: usize,
    pub(crate) sequence_number: u64,
    pub(crate) arrival_ms: u64,
    pub(crate) key: &'a str,
    pub(crate) data: &'a [u8],
}

impl<'a> Record<'a> {
    /// Where it stands in its batch, from 0.
    #[must_use]
    pub fn index(&self) -> usize {
        self.index
    }

    /// Its partition key.
    #[must_use]
    pub fn key(&self) -> &'a str {
        self.key
    }

    /// Its data.
    #[must_use]
    pub fn data(&self) -> &'a [u8] {
        self.data
    }

    /// Its data as text. An error rejects the record, since it will be no text next time either.
    pub fn text(&self) -> Result<&'a str, Error> {
        str::from_utf8(self.data).map_err(|error| Error::reject(format!("not UTF-8: {error}")))
    }

    /// Its data, read as JSON. An error rejects the record.
    pub fn json<T: Deserialize<'a>>(&self) -> Result<T, Error> {
        serde_json::from_slice(self.data)
            .map_err(|error| Error::reject(format!("not the expected JSON: {error}")))
    }

    /// When the host took it.
    #[must_use]
    pub fn arrival(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(self.arrival_ms)
    }

    /// When the host took it, in milliseconds since 1970.
    #[must_use]
    pub fn arrival_ms(&self) -> u64 {
        self.arrival_ms
    }

    /// Rises along the shard and never names two records; not dense.
    #[must_use]
    pub fn sequence_number(&self) -> u64 {
        self.sequence_number
    }
}
