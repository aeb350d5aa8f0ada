//! Waiting until there is something to give. Nothing polls: those who wait are woken by a commit, by
//! the moment at which a record becomes visible, or by a change of the queue.

use std::{
    pin::pin,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use futures_util::{StreamExt as _, stream::FuturesUnordered};
use millstream_core::port::{Handed, QueueError, Receive};
use tokio::time::{Instant, sleep, sleep_until};

use super::{Desk, own_task};
use crate::desks::Current;

impl Desk {
    /// Gives records; waits for the first as long as is asked.
    pub(crate) async fn receive(
        self: Arc<Self>,
        receive: Receive,
    ) -> Result<Vec<Handed>, QueueError> {
        let deadline = Instant::now() + Duration::from_millis(receive.wait_ms);
        loop {
            // Enlisted before looking, so that nothing is missed.
            let mut stirred = pin!(self.stirred.notified());
            stirred.as_mut().enable();
            let Some(current) = self.world.current(&self.queue) else {
                return Ok(Vec::new());
            };
            let desk = Arc::clone(&self);
            let now = current.clone();
            // In a task of its own: what is written must not be left unseen by a client that goes.
            let handed = own_task(async move { desk.take(&now, receive).await }).await?;
            let over = Instant::now() >= deadline || self.world.closing.load(Ordering::Relaxed);
            if !handed.is_empty() || over {
                return Ok(handed);
            }
            tokio::select! {
                () = sleep_until(deadline) => return Ok(Vec::new()),
                () = stirred => (),
                () = self.visible(receive.dead) => (),
                () = self.look_out(&current), if !receive.dead => (),
                _ = self.world.control.changed(Arc::clone(&current.catalog)), if receive.dead => (),
            }
        }
    }

    /// Waits until a record becomes visible that is known already.
    async fn visible(&self, dead: bool) {
        let next = self
            .state()
            .machine()
            .ok()
            .and_then(|m| m.next_visible(dead));
        match next {
            Some(next) => sleep(Duration::from_millis(next.since((self.world.clock)()))).await,
            None => std::future::pending().await,
        }
    }

    /// Watches the log and the catalog, as one for all who wait.
    async fn look_out(&self, current: &Current) {
        let _lookout = self.lookout.lock().await;
        let log = &self.world.log;
        let open = current.stream.open_shards().map(|shard| shard.number);
        let spans: Vec<_> = open.map(|shard| (shard, log.span(shard))).collect();
        // What came before the spans were asked for is seen here, what comes after is waited for.
        if self.wants().is_none() {
            let mut grown: FuturesUnordered<_> = spans
                .into_iter()
                .map(|(shard, span)| log.grown(shard, span.next))
                .collect();
            tokio::select! {
                _ = grown.next(), if !grown.is_empty() => (),
                _ = self.world.control.changed(Arc::clone(&current.catalog)) => (),
            }
        }
        self.stir();
    }
}
