//! Dead letters through the function, between two batches of the lane: what comes of them and that
//! they were sent back is one commit, and the lane stays where it is.

use std::sync::Arc;

use millstream_core::{
    limit,
    trigger::{
        Batch, Event,
        batch::Room,
        effect::Unsettled,
        redrive::{Outcome, effects, outcome, through_function},
        verdict::Blame,
    },
};

use super::runner::Runner;
use crate::redrive::job::{Answer, Job};

impl Runner {
    /// Does a job, and says so.
    pub(super) async fn redrive(&self, job: Box<Job>) {
        // A runner of its own: the lane's may hold a turn for an answer that is yet to be committed.
        let mut beside = Runner {
            world: Arc::clone(&self.world),
            spec: self.spec.clone(),
            orders: self.orders.clone(),
            board: Arc::clone(&self.board),
            shared: self.shared.clone(),
            jobs: self.jobs.clone(),
            turn: None,
            alone: false,
        };
        let answer = beside.answer(&job).await;
        let Job { reply, _held, .. } = *job;
        // Whoever asked may have gone away.
        let _ = reply.send(answer);
    }

    async fn answer(&mut self, job: &Job) -> Answer {
        let events = self.spec.policy.events.clone();
        let tried = job.letters.iter().map(|(_, letter)| letter.attempts).max();
        // Never the first attempt: how long these have waited is not the lane's latency.
        let attempt = tried.unwrap_or_default().max(1).saturating_add(1);
        let mut batch = match self.batch(job) {
            Ok(batch) => batch,
            Err(answer) => return answer,
        };
        loop {
            let Some(Event::Invoked(result)) = self.invoked(&batch, attempt).await else {
                return Answer::Refused("the trigger is being paused or deleted");
            };
            let (until, rejected, verdict) = match outcome(&batch, events.as_deref(), result) {
                Outcome::Shorter(shorter) => {
                    batch = shorter;
                    continue;
                }
                Outcome::NotCalled(error) => return Answer::NotCalled(error),
                Outcome::Failed { error, blame } => return Answer::Failed { error, blame },
                Outcome::Progress {
                    until,
                    rejected,
                    verdict,
                } => (until, rejected, verdict),
            };
            let done = job.done(until, &rejected);
            if done.is_empty() {
                // Effects without a mark could come a second time.
                return Answer::Progressed { until, rejected };
            }
            let effects = effects(&batch, done.len(), verdict);
            let lane = &self.spec.lane;
            let marks = job.marks.puts(lane.trigger.id, job.lies_in, &done);
            let plan = |catalog: &_| through_function(&effects, lane, catalog, marks.clone());
            match self.counted(&effects, plan).await {
                Ok(()) => {
                    self.board.committed(&effects, true);
                    return Answer::Progressed { until, rejected };
                }
                Err(Unsettled::Stale) => self.alone = true,
                Err(Unsettled::Refused(error)) => {
                    let blame = Blame::Batch;
                    return Answer::Failed { error, blame };
                }
                Err(error) => return Answer::Unsettled(error),
            }
        }
    }

    /// The letters' records as a batch: as many of them as a call has room for.
    fn batch(&self, job: &Job) -> Result<Batch, Answer> {
        let policy = &self.spec.policy;
        let room = Room {
            records: job.letters.len(),
            bytes: policy.batch_bytes,
            end: None,
            windows: None,
        };
        let mut batch = Batch::default();
        let slices = job.letters.iter().map(|(_, letter)| letter.slice());
        batch.take(slices.collect(), &room);
        let events = policy.events.as_deref();
        if let Some(origin) = events {
            let fitting = batch.fitting(origin);
            if fitting == 0 {
                let most = limit::EVENT_BYTES;
                return Err(Answer::Failed {
                    error: format!("an event of this record alone has more than {most} bytes"),
                    blame: Blame::First,
                });
            }
            batch.cut(fitting);
        }
        Ok(if policy.unpacks {
            batch.unpack(events)
        } else {
            batch
        })
    }
}
