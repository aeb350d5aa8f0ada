//! Makes the catalog's functions callable when the host starts.
//!
//! What was compiled before is bound before the host says that it is ready. What must be compiled
//! again (another build of Millstream, a restored backup) is compiled afterwards: its triggers wait.

use std::sync::Arc;

use millstream_core::{
    catalog::{Function, key},
    port::{Control, Log, ModuleError, Modules, ReadError},
};
use thiserror::Error;
use tokio::{sync::Semaphore, task::JoinSet};

use crate::control::Plane;

/// Functions that are bound at the same time.
const BINDS_AT_ONCE: usize = 8;

/// Why a function of the catalog cannot be called.
#[derive(Debug, Error)]
enum LoadError {
    #[error(transparent)]
    Module(#[from] ModuleError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("its module {0} is not in the log")]
    Lost(String),
}

/// Binds what was compiled before; gives the functions that must be compiled again.
pub(crate) async fn bind_all(plane: &Plane, modules: &Arc<dyn Modules>) -> Vec<Arc<Function>> {
    let room = Arc::new(Semaphore::new(BINDS_AT_ONCE));
    let mut binds = JoinSet::new();
    for function in plane.catalog().functions().flat_map(each) {
        let modules = Arc::clone(modules);
        let room = Arc::clone(&room);
        binds.spawn(async move {
            let _permit = room.acquire().await;
            let hash = function.module.hash.clone();
            let bound = modules
                .bind(function.name.clone(), function.version, hash)
                .await;
            bound.is_err().then_some(function)
        });
    }
    let missing = binds.join_all().await;
    missing.into_iter().flatten().collect()
}

/// The function and its published versions, as long as they are of different uploads.
fn each(function: &Arc<Function>) -> Vec<Arc<Function>> {
    let mut all = vec![Arc::clone(function)];
    for published in function.published.values() {
        if !all.iter().any(|other| other.version == published.version) {
            all.push(Arc::clone(published));
        }
    }
    all
}

/// Compiles `functions` anew, one after another, from the bytes that were uploaded.
pub(crate) async fn compile_all(
    plane: Plane,
    log: Arc<dyn Log>,
    modules: Arc<dyn Modules>,
    functions: Vec<Arc<Function>>,
) {
    for function in functions {
        let (name, version) = (&function.name, function.version);
        match compile(&plane, log.as_ref(), modules.as_ref(), &function).await {
            Ok(()) => tracing::info!(%name, version, "compiled a function again"),
            Err(error) => {
                tracing::error!(%name, version, %error, "a function cannot be called");
            }
        }
    }
}

async fn compile(
    plane: &Plane,
    log: &dyn Log,
    modules: &dyn Modules,
    function: &Function,
) -> Result<(), LoadError> {
    let hash = &function.module.hash;
    let mut stored = log.get_many(vec![key::module(hash)]).await?;
    let wasm = stored.pop().flatten();
    let wasm = wasm.ok_or_else(|| LoadError::Lost(hash.clone()))?;
    modules.compile(wasm, function.limits).await?;
    plane.bind_current(&function.name, function.version).await?;
    Ok(())
}
