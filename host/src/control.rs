//! The control plane: one change after another, durable before anyone sees it.
//!
//! Core decides what a change is; this file only carries it out, in an order that a crash or a lost
//! client cannot break: bind, commit, publish, tell the triggers, forget what is old.

use std::{collections::BTreeMap, sync::Arc};

use arc_swap::ArcSwap;
use millstream_core::{
    catalog::{Catalog, Change, Request, Rules, key},
    name::FunctionName,
    port::{CommitError, Control, ControlError, Later, Log, ModuleError, Modules},
    position::{Position, ShardNumber},
};
use millstream_worker::Workers;
use tokio::sync::{Mutex, watch};

use crate::{clock, sweep};

/// [`Control`] over a log, a compiler and the running triggers.
#[derive(Debug, Clone)]
pub(crate) struct Plane(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    log: Arc<dyn Log>,
    modules: Arc<dyn Modules>,
    workers: Arc<Workers>,
    catalog: ArcSwap<Catalog>,
    /// Told of each new catalog.
    changes: watch::Sender<()>,
    rules: Rules,
    /// Held while a change is carried out, so that each is decided on what the one before left.
    turn: Mutex<()>,
}

impl Plane {
    /// Over what the log holds. The functions of `catalog` are not bound yet.
    pub(crate) fn new(
        log: Arc<dyn Log>,
        modules: Arc<dyn Modules>,
        workers: Arc<Workers>,
        catalog: Catalog,
        rules: Rules,
    ) -> Self {
        Self(Arc::new(Inner {
            log,
            modules,
            workers,
            catalog: ArcSwap::from_pointee(catalog),
            changes: watch::Sender::new(()),
            rules,
            turn: Mutex::new(()),
        }))
    }

    /// Tells the workers what there is, in turn: never an older catalog after a newer one.
    pub(crate) async fn reconcile(&self) {
        let inner = &self.0;
        let _turn = inner.turn.lock().await;
        inner.workers.reconcile(inner.catalog.load_full()).await;
    }

    /// Makes `function`@`version` callable, unless it is needed no more.
    /// Triggers that waited for it try again at once.
    pub(crate) async fn bind_current(
        &self,
        function: &FunctionName,
        version: u64,
    ) -> Result<(), ModuleError> {
        let inner = &self.0;
        let _turn = inner.turn.lock().await;
        let catalog = inner.catalog.load_full();
        let current = catalog.function(function.as_str());
        let mut uploads = current.into_iter().flat_map(|current| current.uploads());
        let Some((_, module)) = uploads.find(|(uploaded, _)| *uploaded == version) else {
            return Ok(());
        };
        let hash = module.hash.clone();
        drop(uploads);
        inner.modules.bind(function.clone(), version, hash).await?;
        inner.workers.reconcile(catalog).await;
        Ok(())
    }
}

impl Control for Plane {
    fn catalog(&self) -> Arc<Catalog> {
        self.0.catalog.load_full()
    }

    fn rules(&self) -> Rules {
        self.0.rules
    }

    fn current(&self) -> Later<'static, Arc<Catalog>> {
        let inner = Arc::clone(&self.0);
        Box::pin(async move {
            let _turn = inner.turn.lock().await;
            inner.catalog.load_full()
        })
    }

    fn changed(&self, seen: Arc<Catalog>) -> Later<'static, Arc<Catalog>> {
        let inner = Arc::clone(&self.0);
        Box::pin(async move {
            // Enlisted before looking, so that no change is missed.
            let mut changes = inner.changes.subscribe();
            loop {
                let now = inner.catalog.load_full();
                // An error cannot be: the sender lives as long as this.
                if !Arc::ptr_eq(&now, &seen) || changes.changed().await.is_err() {
                    return now;
                }
            }
        })
    }

    fn apply(&self, request: Request) -> Later<'static, Result<Change, ControlError>> {
        let inner = Arc::clone(&self.0);
        // In a task of its own: a client that goes away must not leave a committed change unseen.
        let change = tokio::spawn(async move { inner.carry_out(request).await });
        Box::pin(async move {
            change.await.unwrap_or_else(|error| {
                let what = format!("the change was broken off: {error}");
                Err(CommitError::Ambiguous(what).into())
            })
        })
    }
}

impl Inner {
    async fn carry_out(self: Arc<Self>, request: Request) -> Result<Change, ControlError> {
        let _turn = self.turn.lock().await;
        let before = self.catalog.load_full();
        let function = request.function().cloned();
        let moves = match &request {
            Request::MoveTrigger { name, to, forgets } => {
                let id = before.trigger(name.as_str()).map(|trigger| trigger.id);
                id.map(|id| (id, to.clone(), *forgets))
            }
            _ => None,
        };
        let change = before.decide(request, clock::now(), &self.rules)?;
        if let Some(name) = &function {
            self.bind(&before, &change.catalog, name).await?;
        }
        if let Some((id, to, forgets)) = &moves
            && let Err(error) = self.make_way(*id, to, *forgets).await
        {
            self.workers.reconcile(before).await;
            return Err(error);
        }
        if let Err(error) = self.log.commit(change.commit.clone()).await {
            if moves.is_some() {
                self.workers.reconcile(Arc::clone(&before)).await;
            }
            if let Some(name) = &function {
                self.forget_all_but(&before, name);
            }
            self.reread_if_unknown(&error).await?;
            return Err(error.into());
        }
        let after = Arc::new(change.catalog.clone());
        self.publish(&after);
        if let Some((id, to, _)) = &moves {
            self.workers.moved(*id, to);
        }
        self.workers.reconcile(Arc::clone(&after)).await;
        if let Some(name) = function {
            self.forget_all_but(&after, &name);
        }
        if !change.orphans.is_empty() {
            tokio::spawn(sweep::remove(Arc::clone(&self.log), change.orphans.clone()));
        }
        Ok(change)
    }

    /// Brings a trigger's lanes to rest before they are moved, and removes what their function is to
    /// forget. Whatever comes after it must let them go on.
    async fn make_way(
        &self,
        trigger: u64,
        to: &BTreeMap<ShardNumber, Position>,
        forgets: bool,
    ) -> Result<(), ControlError> {
        self.workers.hold(trigger).await;
        if forgets {
            let states = to.keys().map(|&shard| key::state(trigger, shard, ""));
            sweep::forget(self.log.as_ref(), states.collect()).await?;
        }
        Ok(())
    }

    fn publish(&self, catalog: &Arc<Catalog>) {
        self.catalog.store(Arc::clone(catalog));
        self.changes.send_replace(());
    }

    /// Makes what was uploaded callable, where the change from `before` to `after` is an upload.
    async fn bind(
        &self,
        before: &Catalog,
        after: &Catalog,
        name: &FunctionName,
    ) -> Result<(), ModuleError> {
        let version = |catalog: &Catalog| catalog.function(name.as_str()).map(|f| f.version);
        let Some(function) = after.function(name.as_str()) else {
            return Ok(());
        };
        if version(before) == Some(function.version) {
            return Ok(());
        }
        let hash = function.module.hash.clone();
        self.modules
            .bind(name.clone(), function.version, hash)
            .await
    }

    /// Calls that run already keep what they have; only new ones see that the others are gone.
    fn forget_all_but(&self, catalog: &Catalog, name: &FunctionName) {
        let function = catalog.function(name.as_str());
        let uploads = function.into_iter().flat_map(|function| function.uploads());
        let keep: Vec<u64> = uploads.map(|(version, _)| version).collect();
        self.modules.unbind(name, &keep);
    }

    /// After a commit whose outcome is unknown, the log alone knows what exists.
    async fn reread_if_unknown(&self, error: &CommitError) -> Result<(), ControlError> {
        if !matches!(error, CommitError::Ambiguous(_)) {
            return Ok(());
        }
        let entries = self.log.scan(key::CATALOG.into()).await?;
        match Catalog::load(entries) {
            Ok(catalog) => {
                let catalog = Arc::new(catalog);
                self.publish(&catalog);
                self.workers.reconcile(catalog).await;
            }
            Err(unreadable) => tracing::error!(%unreadable, "the catalog was not read again"),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
