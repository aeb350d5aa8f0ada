//! What a guest has done so far: outputs and state writes, under the budgets of its call.
//!
//! Nothing here has happened yet; it becomes a verdict, and that a commit.

use std::collections::BTreeMap;

use bytes::Bytes;
use millstream_bindings::types;
use millstream_core::{batch::Output, port::Limits};

use crate::{
    columns::{self, InvalidOutputError},
    guest::Hit,
};

#[derive(Debug, Default)]
pub(crate) struct Effects {
    pub(crate) outputs: Vec<Output>,
    pub(crate) writes: BTreeMap<String, Option<Bytes>>,
    output_records: u64,
    output_bytes: u64,
    state_bytes: u64,
}

/// Why an output was not taken.
#[derive(Debug)]
pub(crate) enum EmitError {
    Invalid(InvalidOutputError),
    Hit(Hit),
}

impl Effects {
    /// Takes records for a stream; the budgets are checked before anything is made of them.
    pub(crate) fn emit(&mut self, raw: types::Output, limits: &Limits) -> Result<(), EmitError> {
        self.output_records += raw.key_ends.len() as u64;
        self.output_bytes += (raw.keys.len() + raw.data.len()) as u64;
        for (limit, value, most) in [
            ("output_records", self.output_records, limits.output_records),
            ("output_bytes", self.output_bytes, limits.output_bytes),
        ] {
            at_most(limit, value, most).map_err(EmitError::Hit)?;
        }
        if let Some(output) = columns::output(raw).map_err(EmitError::Invalid)? {
            self.outputs.push(output);
        }
        Ok(())
    }

    /// Writes, or with none deletes, a value of the state. Writing a key again replaces the first
    /// write, also in the budget.
    pub(crate) fn write(
        &mut self,
        key: String,
        value: Option<Vec<u8>>,
        limits: &Limits,
    ) -> Result<(), Hit> {
        self.state_bytes += weight(&key, value.as_deref());
        let value = value.map(Bytes::from);
        match self.writes.entry(key) {
            std::collections::btree_map::Entry::Vacant(entry) => {
                entry.insert(value);
            }
            std::collections::btree_map::Entry::Occupied(mut entry) => {
                let before = entry.insert(value);
                self.state_bytes -= weight(entry.key(), before.as_deref());
            }
        }
        let entries = self.writes.len() as u64;
        at_most("state_entries", entries, limits.state_entries)?;
        at_most("state_bytes", self.state_bytes, limits.state_bytes)
    }
}

fn weight(key: &str, value: Option<&[u8]>) -> u64 {
    (key.len() + value.map_or(0, <[u8]>::len)) as u64
}

fn at_most(limit: &'static str, value: u64, most: u64) -> Result<(), Hit> {
    if value <= most {
        return Ok(());
    }
    Err(Hit {
        limit,
        message: format!("{value} wanted, {most} are allowed"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(data: &[u8]) -> types::Output {
        types::Output {
            stream: "s".into(),
            key_ends: vec![1],
            keys: b"k".to_vec(),
            data_ends: vec![data.len() as u32],
            data: data.to_vec(),
        }
    }

    #[test]
    fn output_budgets_run_over_the_whole_call() {
        let limits = Limits {
            output_records: 2,
            output_bytes: 10,
            ..Limits::default()
        };
        let mut effects = Effects::default();
        effects.emit(one(b"1234"), &limits).unwrap();
        let hit = match effects.emit(one(b"12345"), &limits) {
            Err(EmitError::Hit(hit)) => hit,
            other => panic!("{other:?}"),
        };
        assert_eq!(
            (hit.limit, hit.message.as_str()),
            ("output_bytes", "11 wanted, 10 are allowed")
        );

        let mut effects = Effects::default();
        effects.emit(one(b""), &limits).unwrap();
        effects.emit(one(b""), &limits).unwrap();
        assert!(matches!(
            effects.emit(one(b""), &limits),
            Err(EmitError::Hit(Hit {
                limit: "output_records",
                ..
            }))
        ));
    }

    #[test]
    fn rewriting_a_key_does_not_use_up_the_budget() {
        let limits = Limits {
            state_entries: 1,
            state_bytes: 10,
            ..Limits::default()
        };
        let mut effects = Effects::default();
        for _ in 0..100 {
            effects
                .write("key".into(), Some(vec![0; 7]), &limits)
                .unwrap();
        }
        effects.write("key".into(), None, &limits).unwrap();
        let hit = effects
            .write("key".into(), Some(vec![0; 8]), &limits)
            .unwrap_err();
        assert_eq!(hit.limit, "state_bytes");
        let hit = effects.write("b".into(), None, &limits).unwrap_err();
        assert_eq!(hit.limit, "state_entries");
    }
}
