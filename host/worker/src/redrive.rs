//! Dead letters on their way back, one step at a time: letters are read, picked and sent, a page at a
//! time, until the step has done enough.

mod function;
pub(crate) mod job;
mod scan;
mod stream;
mod turns;

use std::sync::Arc;

use millstream_core::{
    catalog::{Catalog, Trigger},
    port::redrive::{Redrive, RedriveError, Redriven, Target},
    position::{Position, ShardNumber},
    trigger::redrive::{AT_ONCE, Letter, Marks},
};

pub(crate) use self::turns::Turns;
use self::{
    scan::{Picked, Scan},
    turns::Held,
};
use crate::{workers::Reach, world::World};

/// Letters that a step sends through the function; fewer than to the stream, since each may cost two
/// calls.
const CALLED_A_STEP: usize = 100;
/// Records that a step looks at.
const READ_A_STEP: u64 = 10_000;
/// Letters that a step shows where it only looks.
const SHOWN: usize = 20;

/// A letter and where it lies.
pub(crate) type Placed = (Position, Arc<Letter>);

/// What a step works with. The catalog is that of the step's beginning.
struct Step {
    world: Arc<World>,
    reach: Reach,
    ask: Redrive,
    trigger: Arc<Trigger>,
    /// Held until everything that the step commits has ended, also where nobody waits for it.
    held: Held,
}

/// Does one step.
pub(crate) async fn step(
    world: Arc<World>,
    reach: Reach,
    turns: Arc<Turns>,
    ask: Redrive,
) -> Result<Redriven, RedriveError> {
    let newest = || Arc::clone(&world.catalog.borrow());
    let id = trigger(&newest(), &ask)?.id;
    let held = turns.of(id).await;
    let catalog = newest();
    let trigger = trigger(&catalog, &ask)?;
    let named = ask.letters.as_ref();
    let letters = named.or(trigger.settings.on_failure_stream.as_ref());
    let letters = letters.ok_or_else(|| RedriveError::NoLetters(trigger.name.clone()))?;
    let Some(letters) = catalog.living(letters.as_str()) else {
        return Err(RedriveError::NoStream(letters.clone()));
    };
    if ask.to == Target::Function && !ask.dry_run {
        callable(&trigger)?;
    }
    let mut scan = Scan::begin(&world, letters, &ask).await?;
    let step = Step {
        trigger,
        reach,
        ask,
        held,
        world: Arc::clone(&world),
    };
    let mut done = Redriven::nothing_of(letters.name.clone());
    loop {
        let room = step.room(&done);
        if room == 0 {
            break;
        }
        let from = scan.cursor();
        let Some(page) = scan.pick(&step, room).await? else {
            break;
        };
        done.read += page.read;
        done.before += page.before;
        if let Err(error) = step.send(page, &mut done).await {
            if done.redriven == 0 && done.failed.is_empty() {
                return Err(error);
            }
            done.cursor = from;
            done.stopped = Some(error);
            return Ok(done);
        }
    }
    done.cursor = scan.cursor();
    Ok(done)
}

/// Whether letters may go through the function.
fn callable(trigger: &Trigger) -> Result<(), RedriveError> {
    let settings = &trigger.settings;
    if !settings.enabled {
        return Err(RedriveError::Paused(trigger.name.clone()));
    }
    if settings.tumbling_window_in_seconds > 0 {
        return Err(RedriveError::Windowed(trigger.name.clone()));
    }
    Ok(())
}

fn trigger(catalog: &Catalog, ask: &Redrive) -> Result<Arc<Trigger>, RedriveError> {
    let trigger = catalog.trigger(ask.trigger.as_str());
    let trigger = trigger.ok_or_else(|| RedriveError::NoTrigger(ask.trigger.clone()))?;
    Ok(Arc::clone(trigger))
}

impl Step {
    /// How many letters the step still takes.
    fn room(&self, done: &Redriven) -> usize {
        let most = match self.ask.to {
            Target::Function if !self.ask.dry_run => CALLED_A_STEP,
            _ => AT_ONCE,
        };
        if done.read >= READ_A_STEP {
            return 0;
        }
        let selected = usize::try_from(done.selected).unwrap_or(most);
        most.saturating_sub(selected)
    }

    async fn send(&self, page: Picked, done: &mut Redriven) -> Result<(), RedriveError> {
        let Picked {
            letters,
            marks,
            shard,
            ..
        } = page;
        done.selected += letters.len() as u64;
        if letters.is_empty() {
            return Ok(());
        }
        if self.ask.dry_run {
            let room = SHOWN - done.shown.len();
            let shown = letters.into_iter().take(room).map(|(_, letter)| letter);
            done.shown.extend(shown);
            return Ok(());
        }
        match self.ask.to {
            Target::Stream => {
                let count = letters.len() as u64;
                self.to_stream(letters, &marks, shard).await?;
                done.redriven += count;
                Ok(())
            }
            Target::Function => self.through_function(letters, marks, shard, done).await,
        }
    }

    fn puts(
        &self,
        marks: &Marks,
        shard: ShardNumber,
        letters: &[Placed],
    ) -> Vec<millstream_core::port::Put> {
        let places: Vec<Position> = letters.iter().map(|(place, _)| *place).collect();
        marks.puts(self.trigger.id, shard, &places)
    }
}
