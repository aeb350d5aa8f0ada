//! What all lanes share: the ports, the clock and the newest catalog.

use std::{sync::Arc, time::Duration};

use millstream_core::{
    catalog::Catalog,
    event::Identity,
    port::{Invoke, Log, Outbox},
    time::Millis,
};
use tokio::sync::watch;

/// How workers behave.
#[derive(Debug, Clone)]
pub struct Options {
    /// How long a call that is under way may take when its trigger is paused or deleted, or when
    /// the host stops. Then it is abandoned, and its batch is called again later.
    pub grace: Duration,
    /// Who and where the host is, for events.
    pub identity: Identity,
    /// Who is told of failure records that a commit handed over; without one they wait for a start
    /// that has one.
    pub outbox: Option<Arc<dyn Outbox>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            grace: Duration::from_secs(3),
            identity: Identity::default(),
            outbox: None,
        }
    }
}

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) log: Arc<dyn Log>,
    pub(crate) invoke: Arc<dyn Invoke>,
    pub(crate) clock: fn() -> Millis,
    pub(crate) options: Options,
    /// Where outputs find their streams. A lane's own trigger comes with its orders.
    pub(crate) catalog: watch::Sender<Arc<Catalog>>,
}
