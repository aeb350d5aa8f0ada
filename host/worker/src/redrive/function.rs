//! Letters through the function, with the state of the shard that their records were read from.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use millstream_core::{
    catalog::Shard,
    port::{
        CommitError, InvokeError,
        redrive::{RedriveError, Redriven},
    },
    position::ShardNumber,
    trigger::{
        effect::Unsettled,
        redrive::{Marks, Work},
    },
};
use tokio::sync::oneshot;

use super::{
    Placed, Step,
    job::{Answer, Door, Job},
};

/// How long to wait while the host is at its limit of calls, and how often.
const BUSY: Duration = Duration::from_millis(250);
const BUSY_TIMES: u32 = 20;
/// What nobody says any more.
const ENDED: Answer = Answer::Refused("its lane has ended");

impl Step {
    /// Calls the function with the letters of each shard, in the order of their records.
    pub(super) async fn through_function(
        &self,
        letters: Vec<Placed>,
        mut marks: Marks,
        lies_in: ShardNumber,
        done: &mut Redriven,
    ) -> Result<(), RedriveError> {
        let mut shards: BTreeMap<(String, u64), Vec<Placed>> = BTreeMap::new();
        for placed in letters {
            let of = (placed.1.shard_id.clone(), placed.1.shard_created);
            shards.entry(of).or_default().push(placed);
        }
        for ((shard_id, created), mut letters) in shards {
            letters.sort_by_key(|(_, letter)| letter.position);
            let Some(shard) = self.shard(&shard_id, created) else {
                let gone: Arc<str> = format!(
                    "its shard {shard_id} is gone, and its state with it; \
                     it can be sent to the stream"
                )
                .into();
                let failed = letters.into_iter();
                done.failed
                    .extend(failed.map(|(_, letter)| (letter, Arc::clone(&gone))));
                continue;
            };
            let door = self.reach.door(self.trigger.id, shard.number);
            let door = door.ok_or_else(|| not_now("its lane does not run"))?;
            self.lane(&door, letters, &mut marks, lies_in, done).await?;
        }
        Ok(())
    }

    /// The shard of the trigger's stream, where it is still the same.
    fn shard(&self, id: &str, created: u64) -> Option<Shard> {
        let catalog = Arc::clone(&self.world.catalog.borrow());
        let stream = catalog.living(self.trigger.settings.stream.as_str())?;
        let shard = stream.shard(id)?;
        (shard.created.seconds() == created).then(|| shard.clone())
    }

    async fn lane(
        &self,
        door: &Door,
        letters: Vec<Placed>,
        marks: &mut Marks,
        lies_in: ShardNumber,
        done: &mut Redriven,
    ) -> Result<(), RedriveError> {
        let most = self.trigger.settings.batch_size;
        let at_once = self.ask.batch_size.map_or(most, |asked| asked.min(most));
        let mut work = Work::of(letters.len(), at_once as usize);
        let mut busy = 0;
        let ended = loop {
            let Some(span) = work.next() else {
                break Ok(());
            };
            let span = &letters[span];
            match self.ask_lane(door, span.to_vec(), marks, lies_in).await {
                Answer::Progressed { until, rejected } => {
                    let is_done = |at: &usize| rejected.iter().all(|(other, _)| other != at);
                    let places = (0..until).filter(is_done).map(|at| span[at].0);
                    let places: Vec<_> = places.collect();
                    done.redriven += places.len() as u64;
                    marks.add(places);
                    work.progressed(until, rejected);
                }
                Answer::Failed { error, blame } => work.failed(&error, blame),
                Answer::NotCalled(InvokeError::Throttled) if busy < BUSY_TIMES => {
                    busy += 1;
                    tokio::time::sleep(BUSY).await;
                }
                Answer::NotCalled(error) => break Err(error.into()),
                Answer::Unsettled(Unsettled::Unknown(what)) => {
                    break Err(CommitError::Ambiguous(what).into());
                }
                Answer::Unsettled(error) => break Err(RedriveError::NotNow(error.to_string())),
                Answer::Refused(why) => break Err(not_now(why)),
            }
        };
        let failures = work.failures().into_iter();
        done.failed
            .extend(failures.map(|(at, error)| (Arc::clone(&letters[at].1), error)));
        ended
    }

    async fn ask_lane(
        &self,
        door: &Door,
        letters: Vec<Placed>,
        marks: &Marks,
        lies_in: ShardNumber,
    ) -> Answer {
        let (reply, answer) = oneshot::channel();
        let job = Job {
            letters,
            marks: marks.clone(),
            lies_in,
            reply,
            _held: Arc::clone(&self.held),
        };
        if door.send(Box::new(job)).await.is_err() {
            return ENDED;
        }
        answer.await.unwrap_or(ENDED)
    }
}

fn not_now(why: &str) -> RedriveError {
    RedriveError::NotNow(format!("a shard takes no letters at the moment: {why}"))
}
