//! State as a map with types: read at most once a key, written once at the end of a batch.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{self, Debug},
};

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    Error,
    host::{Host, Write},
};

/// The state of a function on one shard of one trigger: nothing else reads or writes it.
///
/// Values are stored as JSON. Reads are answered by what the handler wrote before; each key is
/// asked of the host once a batch, and all writes go to the host in one call after the handler.
pub struct State<'a> {
    pub(crate) cache: &'a mut Cache,
    pub(crate) host: &'a dyn Host,
}

impl Debug for State<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("State");
        shown.field("cache", self.cache).finish_non_exhaustive()
    }
}

impl State<'_> {
    /// The value of a key. Fails when the stored value has another type.
    pub fn get<T: DeserializeOwned>(&mut self, key: &str) -> Result<Option<T>, Error> {
        let Some(value) = self.get_bytes(key)? else {
            return Ok(None);
        };
        let value = serde_json::from_slice(value);
        value.map(Some).map_err(|error| unusable(key, &error))
    }

    /// The value of a key as it is stored.
    pub fn get_bytes(&mut self, key: &str) -> Result<Option<&[u8]>, Error> {
        if !self.cache.entries.contains_key(key) {
            self.prefetch([key])?;
        }
        let entry = self.cache.entries.get(key);
        Ok(entry.and_then(|entry| entry.value.as_deref()))
    }

    /// Writes the value of a key.
    pub fn set<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<(), Error> {
        let value = serde_json::to_vec(value).map_err(|error| unusable(key, &error))?;
        self.set_bytes(key, value);
        Ok(())
    }

    /// Writes the value of a key as it is to be stored.
    pub fn set_bytes(&mut self, key: &str, value: impl Into<Vec<u8>>) {
        self.cache.write(key, Some(value.into()));
    }

    /// Deletes a key, whether or not it is there.
    pub fn delete(&mut self, key: &str) {
        self.cache.write(key, None);
    }

    /// Reads many keys in one call, so that [`State::get`] answers from memory.
    pub fn prefetch<K: Into<String>>(
        &mut self,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<(), Error> {
        let keys: BTreeSet<String> = keys.into_iter().map(Into::into).collect();
        let missing = |key: &String| !self.cache.entries.contains_key(key);
        let keys: Vec<String> = keys.into_iter().filter(missing).collect();
        if keys.is_empty() {
            return Ok(());
        }
        let values = self.host.get_many(&keys).map_err(Error::retry)?;
        for (key, value) in keys.into_iter().zip(values) {
            let written = false;
            self.cache.entries.insert(key, Entry { value, written });
        }
        Ok(())
    }
}

fn unusable(key: &str, error: &serde_json::Error) -> Error {
    Error::retry(format_args!("state `{key}`: {error}"))
}

/// What is known of the state, and what the host is still to be told.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    entries: BTreeMap<String, Entry>,
    /// What the current record overwrote, in order; `None` outside of one.
    undo: Option<Vec<(String, Option<Entry>)>>,
}

#[derive(Debug)]
struct Entry {
    value: Option<Vec<u8>>,
    written: bool,
}

impl Cache {
    fn write(&mut self, key: &str, value: Option<Vec<u8>>) {
        let written = true;
        let before = self
            .entries
            .insert(key.to_owned(), Entry { value, written });
        if let Some(undo) = &mut self.undo {
            undo.push((key.to_owned(), before));
        }
    }

    /// From here on writes can be taken back; those before can not.
    pub(crate) fn begin_record(&mut self) {
        self.undo.get_or_insert_default().clear();
    }

    /// Undoes the writes of the current record.
    pub(crate) fn take_back(&mut self) {
        let undo = self.undo.iter_mut().flat_map(|undo| undo.drain(..).rev());
        for (key, before) in undo {
            match before {
                Some(entry) => self.entries.insert(key, entry),
                None => self.entries.remove(&key),
            };
        }
    }

    pub(crate) fn end_records(&mut self) {
        self.undo = None;
    }

    /// The writes that the host has not been told of.
    pub(crate) fn take_writes(&mut self) -> Vec<Write> {
        let entries = std::mem::take(&mut self.entries).into_iter();
        let written = entries.filter(|(_, entry)| entry.written);
        written.map(|(key, entry)| (key, entry.value)).collect()
    }
}
