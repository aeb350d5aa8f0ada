//! What waits for the writer, in the order of the calls, bounded by bytes. Knows no SQL.

use std::{
    collections::VecDeque,
    mem,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use millstream_core::{
    port::{Appended, Commit, CommitError, Durable},
    position::ShardNumber,
    time::Millis,
};
use tokio::sync::oneshot;

/// Bytes that the writer takes at once, so that no transaction grows without bound.
const GROUP_BYTES: usize = 16 << 20;

pub(crate) type CommitReply = oneshot::Sender<Result<Durable<Vec<Appended>>, CommitError>>;
pub(crate) type TrimReply = oneshot::Sender<Result<u64, CommitError>>;

/// Something for the writer to do.
#[derive(Debug)]
pub(crate) enum Job {
    Commit {
        commit: Commit,
        since: Instant,
        reply: CommitReply,
    },
    Trim {
        shard: ShardNumber,
        before: Millis,
        reply: TrimReply,
    },
}

impl Job {
    /// Answers without having done it. Whoever asked may be gone.
    pub(crate) fn refuse(self, error: CommitError) {
        match self {
            Self::Commit { reply, .. } => drop(reply.send(Err(error))),
            Self::Trim { reply, .. } => drop(reply.send(Err(error))),
        }
    }
}

/// The bytes that a commit holds while it waits.
pub(crate) fn weight(commit: &Commit) -> usize {
    let blocks = commit
        .appends
        .iter()
        .map(|append| append.block.bytes().len());
    let puts = commit
        .puts
        .iter()
        .map(|put| put.key.len() + put.value.as_ref().map_or(0, |v| v.len()));
    blocks.chain(puts).sum()
}

#[derive(Debug, Default)]
struct Waiting {
    jobs: VecDeque<(Job, usize)>,
    bytes: usize,
    closed: Option<String>,
}

/// The queue between callers and the writer.
#[derive(Debug)]
pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    ready: Condvar,
    limit: usize,
}

impl Queue {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            waiting: Mutex::default(),
            ready: Condvar::new(),
            limit,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a job behind the others, or answers it at once. An empty queue takes a job of any size.
    pub(crate) fn push(&self, job: Job, bytes: usize) {
        let mut waiting = self.lock();
        if let Some(why) = &waiting.closed {
            let error = CommitError::Unavailable(why.clone());
            drop(waiting);
            return job.refuse(error);
        }
        if waiting.bytes + bytes > self.limit && !waiting.jobs.is_empty() {
            drop(waiting);
            return job.refuse(CommitError::Busy);
        }
        waiting.bytes += bytes;
        waiting.jobs.push_back((job, bytes));
        drop(waiting);
        self.ready.notify_one();
    }

    /// The jobs for the next transaction. Waits for one unless there is `other` work; nothing when
    /// the queue is closed and empty.
    pub(crate) fn take(&self, other: bool) -> Option<Vec<Job>> {
        let mut waiting = self.lock();
        while waiting.jobs.is_empty() {
            if waiting.closed.is_some() {
                return None;
            }
            if other {
                return Some(Vec::new());
            }
            waiting = self
                .ready
                .wait(waiting)
                .unwrap_or_else(PoisonError::into_inner);
        }
        let (mut group, mut bytes) = (Vec::new(), 0);
        while let Some((job, size)) = waiting
            .jobs
            .pop_front_if(|(_, size)| bytes == 0 || bytes + *size <= GROUP_BYTES)
        {
            bytes += size;
            group.push(job);
        }
        waiting.bytes -= bytes;
        Some(group)
    }

    /// Bytes that wait.
    pub(crate) fn bytes(&self) -> usize {
        self.lock().bytes
    }

    /// Takes no more; what waits is still done.
    pub(crate) fn close(&self, why: &str) {
        self.lock().closed.get_or_insert_with(|| why.to_owned());
        self.ready.notify_one();
    }

    /// Takes no more, and what waits is refused.
    pub(crate) fn fail(&self, why: &str) {
        self.close(why);
        let jobs = mem::take(&mut self.lock().jobs);
        for (job, _) in jobs {
            job.refuse(CommitError::Unavailable(why.to_owned()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Answer = oneshot::Receiver<Result<u64, CommitError>>;

    fn trim(number: u32) -> (Job, Answer) {
        let (reply, answer) = oneshot::channel();
        (
            Job::Trim {
                shard: ShardNumber(number),
                before: Millis(0),
                reply,
            },
            answer,
        )
    }

    fn shards(jobs: Option<Vec<Job>>) -> Vec<u32> {
        let shard = |job| match job {
            Job::Trim { shard, .. } => shard.0,
            Job::Commit { .. } => unreachable!("only trims are pushed"),
        };
        jobs.into_iter().flatten().map(shard).collect()
    }

    #[test]
    fn jobs_come_out_in_order_and_a_group_is_bounded() {
        let queue = Queue::new(usize::MAX);
        for number in 0..5 {
            queue.push(trim(number).0, GROUP_BYTES / 2);
        }
        assert_eq!(shards(queue.take(false)), [0, 1]);
        assert_eq!(shards(queue.take(true)), [2, 3]);
        queue.close("closed");
        assert_eq!(shards(queue.take(false)), [4]);
        assert!(queue.take(false).is_none());
        assert_eq!(queue.bytes(), 0);
    }

    #[test]
    fn more_than_the_limit_is_refused_unless_nothing_waits() {
        let queue = Queue::new(10);
        let (large, _kept) = trim(0);
        queue.push(large, 11);
        let (late, mut answer) = trim(1);
        queue.push(late, 1);
        assert_eq!(answer.try_recv().unwrap(), Err(CommitError::Busy));
        assert_eq!(shards(queue.take(false)), [0]);
        assert!(queue.take(true).is_some_and(|jobs| jobs.is_empty()));
    }

    #[test]
    fn a_failed_queue_answers_everything() {
        let queue = Queue::new(10);
        let (before, mut first) = trim(0);
        queue.push(before, 1);
        queue.fail("broken");
        let (after, mut second) = trim(1);
        queue.push(after, 1);
        let broken = Err(CommitError::Unavailable("broken".into()));
        assert_eq!(first.try_recv().unwrap(), broken);
        assert_eq!(second.try_recv().unwrap(), broken);
    }
}
