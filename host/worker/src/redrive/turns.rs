//! Steps of one trigger run one after another, so that each finds the marks of the one before.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{Mutex as Turn, OwnedMutexGuard};

/// By the trigger's id, whose turn it is.
#[derive(Debug, Default)]
pub(crate) struct Turns(Mutex<BTreeMap<u64, Arc<Turn<()>>>>);

/// A turn, for as long as somebody has it.
pub(crate) type Held = Arc<OwnedMutexGuard<()>>;

impl Turns {
    pub(super) async fn of(&self, trigger: u64) -> Held {
        let turn = {
            let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            // Of those that nobody has or waits for, none is missed.
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
            Arc::clone(turns.entry(trigger).or_default())
        };
        Arc::new(turn.lock_owned().await)
    }
}
