//! What a lane is asked to do with dead letters between two of its batches, and what it says.

use std::sync::Arc;

use millstream_core::{
    port::InvokeError,
    position::{Position, ShardNumber},
    trigger::{effect::Unsettled, redrive::Marks, verdict::Blame},
};
use tokio::sync::{Mutex, mpsc, oneshot};

use super::{Placed, turns::Held};

/// Letters of the lane's shard for its function, in the order of their records.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) letters: Vec<Placed>,
    /// What is marked of the shard that the letters lie in.
    pub(crate) marks: Marks,
    pub(crate) lies_in: ShardNumber,
    pub(crate) reply: oneshot::Sender<Answer>,
    /// No other step of the trigger begins until this has ended.
    pub(crate) _held: Held,
}

/// What became of them.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The first `until` of them are done and marked, but for those that were rejected.
    Progressed {
        until: usize,
        rejected: Vec<(usize, String)>,
    },
    /// None is done.
    Failed { error: String, blame: Blame },
    /// The function was not called.
    NotCalled(InvokeError),
    /// Nothing is known to be durable.
    Unsettled(Unsettled),
    /// The lane does not call its function.
    Refused(&'static str),
}

/// The jobs that wait for the lanes of a shard.
#[derive(Debug, Clone)]
pub(crate) struct Jobs(Arc<Mutex<mpsc::Receiver<Box<Job>>>>);

/// Where to give them.
pub(crate) type Door = mpsc::Sender<Box<Job>>;

impl Jobs {
    /// One waits at a time: steps of a trigger run one after another.
    pub(crate) fn new() -> (Door, Self) {
        let (door, jobs) = mpsc::channel(1);
        (door, Self(Arc::new(Mutex::new(jobs))))
    }

    /// Waits for the next one. May be dropped at any point.
    pub(crate) async fn next(&self) -> Box<Job> {
        match self.0.lock().await.recv().await {
            Some(job) => job,
            // Nobody is left to give any.
            None => std::future::pending().await,
        }
    }

    /// Refuses all that come, for as long as it is waited for.
    pub(crate) async fn refuse(&self, why: &'static str) {
        loop {
            let Job { reply, .. } = *self.next().await;
            // Whoever asked may have gone away.
            let _ = reply.send(Answer::Refused(why));
        }
    }
}

impl Job {
    /// Where those of the first `until` letters lie that are not among `rejected`.
    pub(crate) fn done(&self, until: usize, rejected: &[(usize, String)]) -> Vec<Position> {
        let is_rejected = |at: usize| rejected.iter().any(|(rejected, _)| *rejected == at);
        let letters = self.letters.iter().take(until).enumerate();
        letters
            .filter(|(at, _)| !is_rejected(*at))
            .map(|(_, (place, _))| *place)
            .collect()
    }
}
