//! One record of a batch.

use std::{
    str,
    time::{Duration, SystemTime},
};

use millstream_aggregate::{UserRecord, unpack};
use serde::Deserialize;

use crate::Error;

/// One record: a view into its batch.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    pub(crate) index: usize,
    /// Those of the batch up to its own.
    pub(crate) sequence_numbers: &'a [u64],
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

    /// Rises along the shard and never names two records of it; not dense. Records that were packed
    /// into one share its number: see [`Record::sub_sequence_number`].
    #[must_use]
    pub fn sequence_number(&self) -> u64 {
        self.sequence_numbers[self.sequence_numbers.len() - 1]
    }

    /// Which of the records that share its sequence number this is, from 0. More than one does where
    /// the trigger has `unpack_aggregated_records`.
    #[must_use]
    pub fn sub_sequence_number(&self) -> u64 {
        let own = self.sequence_number();
        let before = self
            .sequence_numbers
            .partition_point(|&number| number < own);
        (self.sequence_numbers.len() - 1 - before) as u64
    }

    /// What Amazon's producer library packed into this record; the record itself, once, where it is
    /// an ordinary one.
    ///
    /// For triggers that do not unpack: a failure is then one of the whole record.
    ///
    /// ```
    /// use millstream_sdk::{Context, Error, Record, UserRecord, aggregate, handler, testing};
    ///
    /// /// Passes on what was packed, each under its own key.
    /// #[handler]
    /// fn unpacked(record: Record<'_>, cx: &mut Context) -> Result<(), Error> {
    ///     for user in record.user_records() {
    ///         cx.emit("out", user.partition_key, user.data)?;
    ///     }
    ///     Ok(())
    /// }
    ///
    /// # fn main() {
    /// let user = |partition_key, data| UserRecord { partition_key, explicit_hash_key: None, data };
    /// let packed = aggregate::pack(&[user("ann", &b"1"[..]), user("bob", b"2")]);
    /// let outcome = testing::run(unpacked, [("ann", &packed[..]), ("cid", b"3")]);
    /// assert_eq!(outcome.texts("out"), ["1", "2", "3"]);
    /// assert_eq!(outcome.outputs["out"][1].0, "bob");
    /// # }
    /// ```
    pub fn user_records(&self) -> impl Iterator<Item = UserRecord<'a>> + use<'a> {
        let itself = UserRecord {
            partition_key: self.key,
            explicit_hash_key: None,
            data: self.data,
        };
        unpack(self.data)
            .unwrap_or_else(|| vec![itself])
            .into_iter()
    }
}

#[cfg(test)]
mod tests {
    use crate::Batch;

    /// Records without key and data, of these numbers.
    fn batch(sequence_numbers: &[u64]) -> Batch {
        let ends = vec![0; sequence_numbers.len()];
        Batch {
            sequence_numbers: sequence_numbers.to_vec(),
            arrival_ms: vec![0; sequence_numbers.len()],
            key_ends: ends.clone(),
            keys: Vec::new(),
            data_ends: ends,
            data: Vec::new(),
        }
    }

    #[test]
    fn records_of_one_number_are_told_apart() {
        let batch = batch(&[4, 7, 7, 7, 9, 9]);
        let seen: Vec<_> = batch
            .records()
            .map(|record| (record.sequence_number(), record.sub_sequence_number()))
            .collect();
        assert_eq!(seen, [(4, 0), (7, 0), (7, 1), (7, 2), (9, 0), (9, 1)]);
    }
}
