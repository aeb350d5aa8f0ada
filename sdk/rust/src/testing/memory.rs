//! A host's side of one call, in memory.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use crate::{
    Level,
    host::{Host, Write},
    output::Columns,
};

/// Shared between the context, which writes, and the test, which looks.
#[derive(Debug, Clone)]
pub(super) struct Memory(Rc<RefCell<Call>>);

/// What a host knows and was told during one call.
#[derive(Debug, Default)]
pub(super) struct Call {
    config: BTreeMap<String, String>,
    pub(super) state: BTreeMap<String, Vec<u8>>,
    pub(super) emitted: Vec<Columns>,
    pub(super) logs: Vec<(Level, String)>,
    pub(super) state_calls: (usize, usize),
}

impl Memory {
    pub(super) fn new(config: BTreeMap<String, String>, state: BTreeMap<String, Vec<u8>>) -> Self {
        Self(Rc::new(RefCell::new(Call {
            config,
            state,
            ..Call::default()
        })))
    }

    pub(super) fn take(&self) -> Call {
        self.0.take()
    }
}

impl Host for Memory {
    fn emit(&self, output: Columns) -> Result<(), String> {
        self.0.borrow_mut().emitted.push(output);
        Ok(())
    }

    fn get_many(&self, keys: &[String]) -> Result<Vec<Option<Vec<u8>>>, String> {
        let call = &mut *self.0.borrow_mut();
        call.state_calls.0 += 1;
        Ok(keys
            .iter()
            .map(|key| call.state.get(key).cloned())
            .collect())
    }

    fn set_many(&self, entries: Vec<Write>) -> Result<(), String> {
        let call = &mut *self.0.borrow_mut();
        call.state_calls.1 += 1;
        for (key, value) in entries {
            match value {
                Some(value) => call.state.insert(key, value),
                None => call.state.remove(&key),
            };
        }
        Ok(())
    }

    fn log(&self, level: Level, message: &str) {
        self.0.borrow_mut().logs.push((level, message.to_owned()));
    }

    fn config(&self, key: &str) -> Option<String> {
        self.0.borrow().config.get(key).cloned()
    }
}
