//! What every handler may use.

use std::sync::Arc;

use millstream_core::{
    port::{Control, Invoke, Log, Modules, Triggers},
    time::Millis,
};

/// The ports and settings behind all routes. Clones share everything.
#[derive(Debug, Clone)]
pub struct App {
    /// The shard log.
    pub log: Arc<dyn Log>,
    /// The control plane.
    pub control: Arc<dyn Control>,
    /// The compiler.
    pub modules: Arc<dyn Modules>,
    /// The runtime, for dry runs.
    pub invoke: Arc<dyn Invoke>,
    /// The running triggers.
    pub triggers: Arc<dyn Triggers>,
    /// What this crate counts, and where others add their lines to `/metrics`.
    pub metrics: Arc<crate::native::metrics::Metrics>,
    /// Uploads under way or failed.
    pub uploads: Arc<crate::native::functions::Uploads>,
    /// The host's life: readiness and draining.
    pub life: Arc<crate::native::health::Life>,
    /// Who and where this host says it is.
    pub identity: Arc<Identity>,
    /// The clock.
    pub now: fn() -> Millis,
}

/// Who and where this host says it is, for ARNs and messages.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Twelve digits.
    pub account: String,
    /// As in `us-east-1`.
    pub region: String,
}
