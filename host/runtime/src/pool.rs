//! Who may have an instance, and who waits for one.
//!
//! One busy function leaves room for the others, and busy functions leave room for those who try
//! one out: each waits only in lines that the others cannot fill. Knows nothing of what is run.

use std::{sync::Arc, time::Duration};

use millstream_core::port::InvokeError;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time,
};

use crate::options::RuntimeOptions;

/// Instances beside all others, for trying out whether an upload starts. Each is held for the
/// default time of a call at most, so that an upload's turn comes.
const SMOKE: u32 = 1;

/// How many instances the engine must have room for.
pub(crate) fn size(options: &RuntimeOptions) -> u32 {
    options.instances + options.dry_runs + SMOKE
}

/// All lines, each first in, first out.
#[derive(Debug)]
pub(crate) struct Pool {
    batches: Arc<Semaphore>,
    dry_runs: Arc<Semaphore>,
    smoke: Arc<Semaphore>,
    share: u32,
    wait: Duration,
}

/// What one function may have of the instances, whatever its versions.
#[derive(Debug, Clone)]
pub(crate) struct Share(Arc<Semaphore>);

/// The right to have an instance, until it is dropped.
#[derive(Debug)]
pub(crate) struct Admitted {
    _instance: OwnedSemaphorePermit,
    _share: Option<OwnedSemaphorePermit>,
}

impl Pool {
    pub(crate) fn new(options: &RuntimeOptions) -> Self {
        let line = |places: u32| Arc::new(Semaphore::new(places as usize));
        Self {
            batches: line(options.instances),
            dry_runs: line(options.dry_runs),
            smoke: line(SMOKE),
            share: options.function_instances.clamp(1, options.instances),
            wait: options.admission_wait,
        }
    }

    /// For a function that was not there before.
    pub(crate) fn share(&self) -> Share {
        Share(Arc::new(Semaphore::new(self.share as usize)))
    }

    /// Waits for one of the function's instances, and then for one of all.
    pub(crate) async fn batch(&self, share: &Share) -> Result<Admitted, InvokeError> {
        self.in_time(async {
            let share = place(&share.0).await;
            Admitted {
                _instance: place(&self.batches).await,
                _share: Some(share),
            }
        })
        .await
    }

    /// Waits for an instance that no trigger's calls can have.
    pub(crate) async fn dry_run(&self) -> Result<Admitted, InvokeError> {
        self.in_time(alone(&self.dry_runs)).await
    }

    /// Waits, as long as that takes, for the instance that uploads are tried out in.
    pub(crate) async fn smoke(&self) -> Admitted {
        alone(&self.smoke).await
    }

    async fn in_time(
        &self,
        admitted: impl Future<Output = Admitted>,
    ) -> Result<Admitted, InvokeError> {
        let admitted = time::timeout(self.wait, admitted).await;
        admitted.map_err(|_| InvokeError::Throttled)
    }
}

async fn alone(line: &Arc<Semaphore>) -> Admitted {
    Admitted {
        _instance: place(line).await,
        _share: None,
    }
}

async fn place(line: &Arc<Semaphore>) -> OwnedSemaphorePermit {
    let permit = Arc::clone(line).acquire_owned().await;
    permit.expect("the semaphore is never closed")
}
