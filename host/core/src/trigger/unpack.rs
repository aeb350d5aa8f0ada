//! A batch whose aggregated records are unpacked for the function, and the way back: what the
//! function says of user records becomes what it says of the records that hold them.
//!
//! Everything else of a trigger knows whole records only, since a checkpoint stands between those.

use std::sync::Arc;

use millstream_aggregate::{UserRecord, unpack_at_most};

use super::{batch::Record, verdict::disorder};
use crate::{
    batch::Columns,
    event::{Origin, Room, Window},
    limit,
    port::{Disposition, RecordFailure, Verdict},
};

/// What a call is given of a batch.
#[derive(Debug, Clone)]
pub struct Unpacked {
    columns: Arc<Columns>,
    /// For each record of the batch that is in the call, its first user record.
    firsts: Vec<u32>,
}

/// What a function said, as it is to be understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Folded {
    /// It is about whole records.
    Whole(Verdict),
    /// It ends within a record, so its effects are those of a part of that and cannot be committed.
    Within {
        /// Which record of the batch.
        record: usize,
        /// What was said of the user record to try again.
        reason: String,
    },
}

impl Unpacked {
    /// As many of `records` as a call has room for once they are unpacked. The first one is taken
    /// whatever it holds.
    #[must_use]
    pub fn of<'a>(
        records: impl Iterator<Item = Record<'a>>,
        events: Option<&Origin>,
        window: Option<&Window>,
    ) -> Self {
        let (mut columns, mut firsts) = (Columns::default(), Vec::new());
        let mut room = events.map(|origin| Room::new(origin, limit::EVENT_BYTES, window));
        let alone = room.clone();
        for record in records {
            let users = users(&record, alone.clone());
            let count = columns.len() + users.len();
            let bytes = columns.keys.len() + columns.data.len() + payload(&users);
            let is_full = count > limit::BATCH_RECORDS_MAX as usize
                || bytes > limit::BATCH_BYTES
                || !fits(&record, &users, room.as_mut());
            if is_full && !columns.is_empty() {
                break;
            }
            firsts.push(small(columns.len()));
            for user in users {
                push(&mut columns, &record, user);
            }
        }
        Self {
            columns: Arc::new(columns),
            firsts,
        }
    }

    /// How many records the call is about.
    #[must_use]
    pub fn records(&self) -> usize {
        self.firsts.len()
    }

    /// What the guest is called with. User records share the position of the record that held them.
    #[must_use]
    pub fn columns(&self) -> &Arc<Columns> {
        &self.columns
    }

    /// What a verdict on the user records says of the records.
    #[must_use]
    pub fn fold(&self, mut verdict: Verdict) -> Folded {
        if disorder(&verdict.failures, self.columns.len()).is_some() {
            // It is refused as it stands, by whoever judges it.
            return Folded::Whole(verdict);
        }
        let mut failures: Vec<RecordFailure> = Vec::new();
        for failure in std::mem::take(&mut verdict.failures) {
            let Place { record, at, of } = self.place(failure.index);
            let is_known = |known: &RecordFailure| known.index as usize == record;
            match failure.disposition {
                Disposition::Retry if at > 0 => {
                    let reason = told(failure.reason, at, of);
                    return Folded::Within { record, reason };
                }
                // Of several in one record, the first one is told of.
                Disposition::Reject if failures.last().is_some_and(is_known) => {}
                disposition => failures.push(RecordFailure {
                    index: small(record),
                    disposition,
                    reason: told(failure.reason, at, of),
                }),
            }
            // What is said of later ones will be said again.
            if failure.disposition == Disposition::Retry {
                break;
            }
        }
        verdict.failures = failures;
        Folded::Whole(verdict)
    }

    fn place(&self, user: u32) -> Place {
        let record = self.firsts.partition_point(|&first| first <= user) - 1;
        let first = self.firsts[record];
        let next = self.firsts.get(record + 1).copied();
        let end = next.unwrap_or_else(|| small(self.columns.len()));
        Place {
            record,
            at: user - first,
            of: end - first,
        }
    }
}

/// Where a user record is.
struct Place {
    /// The record of the batch that holds it.
    record: usize,
    /// Which of those in there it is, from 0.
    at: u32,
    /// How many are in there.
    of: u32,
}

/// The user records that a record holds; itself where it is an ordinary one, or where it holds more
/// than a call may be given; `event` is the room of an event that has nothing else in it.
fn users<'a>(record: &Record<'a>, mut event: Option<Room<'_>>) -> Vec<UserRecord<'a>> {
    let held = unpack_at_most(record.data, limit::BATCH_RECORDS_MAX as usize);
    let held = held.filter(|users| payload(users) <= limit::RECORD_BYTES_MAX);
    let held = held.filter(|users| fits(record, users, event.as_mut()));
    held.unwrap_or_else(|| {
        vec![UserRecord {
            partition_key: record.key,
            explicit_hash_key: None,
            data: record.data,
        }]
    })
}

/// Whether all of a record's user records have room in the event, if it is one that they go into.
fn fits(record: &Record<'_>, users: &[UserRecord<'_>], event: Option<&mut Room<'_>>) -> bool {
    let Some(room) = event else { return true };
    let mut users = users.iter();
    users.all(|user| room.take(user.partition_key, user.data.len(), record.arrival))
}

fn payload(users: &[UserRecord<'_>]) -> usize {
    let bytes = |user: &UserRecord<'_>| user.partition_key.len() + user.data.len();
    users.iter().map(bytes).sum()
}

fn push(columns: &mut Columns, record: &Record<'_>, user: UserRecord<'_>) {
    columns.positions.push(record.position.0);
    columns.arrival_ms.push(record.arrival.0);
    columns
        .keys
        .extend_from_slice(user.partition_key.as_bytes());
    columns.key_ends.push(small(columns.keys.len()));
    columns.data.extend_from_slice(user.data);
    columns.data_ends.push(small(columns.data.len()));
}

/// A reason that says which of several user records it is about.
fn told(reason: String, at: u32, of: u32) -> String {
    if of == 1 {
        return reason;
    }
    let mut told = format!("user record {at} of {of}: {reason}");
    told.truncate(told.floor_char_boundary(limit::ERROR_BYTES));
    told
}

fn small(n: usize) -> u32 {
    u32::try_from(n).expect("a call is bounded far below 4 GiB")
}

#[cfg(test)]
mod tests;
