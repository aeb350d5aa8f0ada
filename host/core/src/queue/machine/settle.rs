//! What a worker may do with a record that it received: acknowledge it, keep or release it, restore it.

use thiserror::Error;

use super::Machine;
use crate::{
    port::Put,
    queue::{
        entry::{self, Entry, Place},
        receipt::Receipt,
    },
    time::Millis,
};

/// Why a receipt is not good for what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The record was acknowledged, or the stream does not keep it any more.
    #[error("the record is no longer in the queue")]
    Gone,
    /// It was delivered again since, or restored.
    #[error("the receipt handle is no longer valid, because the record was received again")]
    Stale,
    /// A dead letter's receipt where another is asked for, or the other way round, or of another queue.
    #[error("the receipt handle was not issued for this operation on this queue")]
    Foreign,
}

impl Machine {
    /// The record is done. Gives what to write.
    ///
    /// # Errors
    /// Why the receipt is not good for it.
    pub fn acknowledge(&mut self, receipt: &Receipt, dead: bool) -> Result<Put, Refusal> {
        self.newest(receipt, dead)?;
        Ok(self.remove(receipt.place))
    }

    /// Nobody else shall get the record before `visible`. Gives what to write.
    ///
    /// # Errors
    /// Why the receipt is not good for it.
    pub fn hide(&mut self, receipt: &Receipt, dead: bool, visible: Millis) -> Result<Put, Refusal> {
        let before = self.newest(receipt, dead)?;
        Ok(self.replace(receipt.place, before, Entry { visible, ..before }))
    }

    /// A dead letter becomes as if it had never been received, and is visible at once. Its receipts
    /// are good for nothing any more. Gives what to write.
    ///
    /// # Errors
    /// Why the receipt is not good for it.
    pub fn restore(&mut self, receipt: &Receipt, now: Millis) -> Result<Put, Refusal> {
        let before = self.newest(receipt, true)?;
        let restored = Entry {
            received: 0,
            delivery: before.delivery.wrapping_add(1),
            visible: now,
            dead: false,
            ..before
        };
        Ok(self.replace(receipt.place, before, restored))
    }

    /// The record was not found where it stood: it is forgotten, unless it was delivered again since.
    pub fn lose(&mut self, place: Place, delivery: u32) -> Option<Put> {
        let entry = self.held.get(&place)?;
        (entry.delivery == delivery).then(|| self.remove(place))
    }

    /// The entry of a record whose newest delivery `receipt` is.
    fn newest(&self, receipt: &Receipt, dead: bool) -> Result<Entry, Refusal> {
        if receipt.dead != dead || receipt.queue != self.queue {
            return Err(Refusal::Foreign);
        }
        let entry = *self.held.get(&receipt.place).ok_or(Refusal::Gone)?;
        if entry.delivery != receipt.delivery {
            return Err(Refusal::Stale);
        }
        Ok(entry)
    }

    fn replace(&mut self, place: Place, before: Entry, after: Entry) -> Put {
        self.unschedule(place, &before);
        self.held.insert(place, after);
        self.schedule(place, &after);
        entry::put(self.queue, place, &after)
    }
}
