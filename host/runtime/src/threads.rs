//! Threads for guests alone: one that computes without end slows other guests, but never whoever
//! serves requests or moves records. Knows nothing of what it runs.

use std::{io, thread};

use millstream_core::port::InvokeError;
use tokio::{
    runtime::{Builder, Runtime},
    task::JoinSet,
};

#[derive(Debug)]
pub(crate) struct Threads {
    /// There until the drop.
    runtime: Option<Runtime>,
}

impl Threads {
    /// One thread fewer than there are cores, so that one is left to the host.
    pub(crate) fn start() -> io::Result<Self> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let runtime = Builder::new_multi_thread()
            .worker_threads(cores.saturating_sub(1).max(1))
            .thread_name("guest")
            .enable_all()
            .build()?;
        Ok(Self {
            runtime: Some(runtime),
        })
    }

    /// Awaits `work`, which is dropped where this future is.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, InvokeError>> + Send + 'static,
    ) -> Result<T, InvokeError> {
        let runtime = self.runtime.as_ref().expect("it is there until the drop");
        // A set aborts what is in it when it is dropped.
        let mut set = JoinSet::new();
        set.spawn_on(work, runtime.handle());
        let ended = set.join_next().await.expect("one was spawned above");
        ended.unwrap_or_else(|error| Err(InvokeError::Host(format!("a call broke off: {error}"))))
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        // The last owner may be a future, which must not wait for threads.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
