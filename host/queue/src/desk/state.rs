//! What a desk knows, and what of it is not written yet.

use std::{collections::VecDeque, sync::Arc};

use millstream_core::{
    catalog::{Queue, Stream},
    limit,
    port::{Commit, CommitError, Put},
    queue::Machine,
};

use crate::desks::Current;

/// What one step gave to write. It is good for one life of the machine.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ticket {
    life: u64,
    number: u64,
}

#[derive(Debug, Default)]
pub(super) struct State {
    machine: Option<Machine>,
    /// What the machine was told of last.
    followed: Option<(Arc<Queue>, Arc<Stream>)>,
    /// How many machines there were before.
    life: u64,
    /// Why the last of them ended.
    failure: Option<CommitError>,
    /// Tickets given out in this life.
    given: u64,
    /// Those of them that are written.
    written: u64,
    /// What the others give to write, in order.
    waiting: VecDeque<Vec<Put>>,
}

impl State {
    pub(super) fn is_loaded(&self) -> bool {
        self.machine.is_some()
    }

    pub(super) fn load(&mut self, machine: Machine) {
        self.machine = Some(machine);
        self.followed = None;
    }

    /// The machine. Where it has just failed, the error is the same as for all others.
    pub(super) fn machine(&mut self) -> Result<&mut Machine, CommitError> {
        let failure = self.failure.clone();
        self.machine
            .as_mut()
            .ok_or_else(|| failure.unwrap_or(CommitError::Busy))
    }

    pub(super) fn follows(&self, current: &Current) -> bool {
        self.followed.as_ref().is_some_and(|(queue, stream)| {
            Arc::ptr_eq(queue, &current.queue) && Arc::ptr_eq(stream, &current.stream)
        })
    }

    pub(super) fn followed(&mut self, current: &Current, puts: Vec<Put>) {
        self.followed = Some((Arc::clone(&current.queue), Arc::clone(&current.stream)));
        self.enqueue(puts);
    }

    pub(super) fn enqueue(&mut self, puts: Vec<Put>) -> Ticket {
        // A step that writes nothing rests on those before it all the same.
        if !puts.is_empty() {
            self.given += 1;
            self.waiting.push_back(puts);
        }
        Ticket {
            life: self.life,
            number: self.given,
        }
    }

    /// Whether the ticket's step is written.
    pub(super) fn is_written(&self, ticket: Ticket) -> Result<bool, CommitError> {
        if ticket.life != self.life {
            return Err(self.failure.clone().unwrap_or(CommitError::Busy));
        }
        Ok(ticket.number <= self.written)
    }

    /// What to write next: as many whole steps as fit into a commit, and how many these are.
    pub(super) fn next_commit(&mut self) -> (Commit, u64) {
        let mut commit = Commit::default();
        let mut steps = 0;
        while let Some(puts) = self.waiting.front() {
            if steps > 0 && commit.puts.len() + puts.len() > limit::COMMIT_OPERATIONS {
                break;
            }
            commit
                .puts
                .extend(self.waiting.pop_front().into_iter().flatten());
            steps += 1;
        }
        (commit, steps)
    }

    pub(super) fn wrote(&mut self, steps: u64) {
        self.written += steps;
    }

    /// The machine is ahead of what can be written: it ends, and with it all that was not written.
    pub(super) fn fail(&mut self, error: CommitError) {
        self.machine = None;
        self.life += 1;
        self.failure = Some(error);
        self.given = 0;
        self.written = 0;
        self.waiting.clear();
    }
}
