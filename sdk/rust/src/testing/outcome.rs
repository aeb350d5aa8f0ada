//! What a handler did to a batch, for assertions.

use std::{collections::BTreeMap, str};

use serde::de::DeserializeOwned;

use crate::{Disposition, Level, host::Failed, output::Columns};

/// What a handler did to a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outcome {
    /// Keys and data of the records for each stream, in order.
    pub outputs: BTreeMap<String, Vec<(String, Vec<u8>)>>,
    /// The whole state after the batch, as it is stored.
    pub state: BTreeMap<String, Vec<u8>>,
    /// The records that failed.
    pub failures: Vec<Failure>,
    /// What was logged.
    pub logs: Vec<(Level, String)>,
    /// Why the batch as a whole failed; nothing of it happened then.
    pub error: Option<String>,
    /// How many calls read state, and how many wrote it: one each is the best.
    pub state_calls: (usize, usize),
}

/// A record that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// Which record of the batch, from 0.
    pub index: usize,
    /// What is to be done with it.
    pub disposition: Disposition,
    /// Why, for people.
    pub reason: String,
}

impl From<Failed> for Failure {
    fn from(failed: Failed) -> Self {
        let Failed {
            index,
            disposition,
            reason,
        } = failed;
        Self {
            index,
            disposition,
            reason,
        }
    }
}

impl Outcome {
    /// The data of the records for a stream, as text.
    ///
    /// # Panics
    /// When some of it is no text.
    #[must_use]
    pub fn texts(&self, stream: &str) -> Vec<&str> {
        let records = self.outputs.get(stream).into_iter().flatten();
        records
            .map(|(_, data)| str::from_utf8(data).expect("the test's outputs are UTF-8"))
            .collect()
    }

    /// The data of the records for a stream, read as JSON.
    ///
    /// # Panics
    /// When some of it cannot be read so.
    #[must_use]
    pub fn json<T: DeserializeOwned>(&self, stream: &str) -> Vec<T> {
        let read = |text: &str| {
            serde_json::from_str(text).unwrap_or_else(|error| panic!("{error} in {text}"))
        };
        self.texts(stream).into_iter().map(read).collect()
    }

    /// A value of the state after the batch.
    ///
    /// # Panics
    /// When it has another type.
    #[must_use]
    pub fn state<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        let value = self.state.get(key)?;
        Some(serde_json::from_slice(value).expect("the value has the type that the test expects"))
    }

    pub(super) fn append(&mut self, columns: &Columns) {
        let into = self.outputs.entry(columns.stream.clone()).or_default();
        let (mut key, mut data) = (0, 0);
        for (key_end, data_end) in columns.key_ends.iter().zip(&columns.data_ends) {
            let (key_end, data_end) = (*key_end as usize, *data_end as usize);
            let text = String::from_utf8_lossy(&columns.keys[key..key_end]).into_owned();
            into.push((text, columns.data[data..data_end].to_vec()));
            (key, data) = (key_end, data_end);
        }
    }
}
