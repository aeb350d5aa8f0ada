//! Writing what the machine gives, one commit after another, and loading what was written.

use millstream_core::{
    port::QueueError,
    queue::{Machine, entry},
};

use super::{Desk, state::Ticket};

impl Desk {
    /// Returns once the step of `ticket` is durable. Whoever has the turn writes for all that wait.
    pub(super) async fn written(&self, ticket: Ticket) -> Result<(), QueueError> {
        loop {
            if self.state().is_written(ticket)? {
                return Ok(());
            }
            let _turn = self.turn.lock().await;
            let (commit, steps) = {
                let mut state = self.state();
                if state.is_written(ticket)? {
                    return Ok(());
                }
                state.next_commit()
            };
            let committed = self.world.log.commit(commit).await;
            let mut state = self.state();
            match committed {
                Ok(_durable) => state.wrote(steps),
                Err(error) => {
                    state.fail(error.clone());
                    drop(state);
                    // What was taken and could not be written is there again for everyone.
                    self.stir();
                    return Err(error.into());
                }
            }
        }
    }

    /// Has a machine at hand: one that knows what is in the log.
    pub(super) async fn load(&self) -> Result<(), QueueError> {
        if self.state().is_loaded() {
            return Ok(());
        }
        // Nothing is being written while it is read.
        let _turn = self.turn.lock().await;
        if self.state().is_loaded() {
            return Ok(());
        }
        let id = self.queue.id;
        let stored = self.world.log.scan(entry::queue_of(id)).await?;
        let machine = Machine::load(id, stored)?;
        tracing::debug!(queue = %self.queue.name, held = machine.held(), "loaded a queue");
        self.state().load(machine);
        Ok(())
    }
}
