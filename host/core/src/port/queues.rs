//! The queues at work: records out, receipts in.

use std::{fmt, sync::Arc};

use thiserror::Error;

use super::{CommitError, Later, ReadError};
use crate::{
    block::Slice,
    catalog::Queue,
    queue::{Entry, Receipt, Refusal, entry::UnreadableQueueError},
};

/// What a worker asks a queue for.
#[derive(Debug, Clone, Copy)]
pub struct Receive {
    /// Records at most.
    pub records: usize,
    /// How long to wait until there is one, in milliseconds.
    pub wait_ms: u64,
    /// For how long nobody else shall get them, in milliseconds.
    pub hidden_ms: u64,
    /// Whether dead letters are asked for, and nothing else.
    pub dead: bool,
}

/// A record, given to a worker.
#[derive(Debug, Clone)]
pub struct Handed {
    /// What the worker shows later.
    pub receipt: Receipt,
    /// What the queue knows of it.
    pub entry: Entry,
    /// The record alone.
    pub slice: Slice,
}

/// What a worker wants to happen with a record that it received.
#[derive(Debug, Clone, Copy)]
pub enum Wish {
    /// It is done.
    Acknowledge,
    /// Nobody else shall get it for so many milliseconds from now.
    Hide(u64),
    /// A dead letter shall be tried again.
    Restore,
}

/// Why a queue did not do what was asked. Nothing of it was answered to anyone.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum QueueError {
    /// It could not be made durable.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The log could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// What is stored of the queue is damaged.
    #[error(transparent)]
    Unreadable(#[from] UnreadableQueueError),
}

/// The queues at work.
pub trait Queues: Send + Sync + fmt::Debug + 'static {
    /// Gives records of `queue` to a worker; none where none came up in time. What is given is
    /// durably the worker's when this returns.
    fn receive(
        &self,
        queue: Arc<Queue>,
        receive: Receive,
    ) -> Later<'static, Result<Vec<Handed>, QueueError>>;

    /// Does what a worker wishes, each by itself; `dead` says whether dead letters are meant. What
    /// is not refused is durable when this returns.
    fn settle(
        &self,
        queue: Arc<Queue>,
        dead: bool,
        wishes: Vec<(Receipt, Wish)>,
    ) -> Later<'static, Result<Vec<Result<(), Refusal>>, QueueError>>;
}
