//! Uploads under way, and those that failed. One at a time a function, few at a time in all.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use millstream_core::{
    catalog::{Function, Request},
    name::FunctionName,
    port::Limits,
    time::Millis,
};
use serde::Serialize;
use sha2::{Digest, Sha256};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::{
    app::App,
    native::error::{ErrorBody, NativeError},
};

/// Uploads at once. Each holds a module in memory and a compiler on a core.
const AT_ONCE: usize = 4;
/// Failed uploads that are remembered; the oldest goes first.
const FAILED_KEPT: usize = 100;

/// Uploads under way or failed, by function.
#[derive(Debug)]
pub struct Uploads {
    slots: Arc<Semaphore>,
    jobs: Mutex<BTreeMap<FunctionName, UploadView>>,
}

/// An upload as it is shown.
#[derive(Debug, Clone, Serialize)]
pub(super) struct UploadView {
    name: FunctionName,
    status: Status,
    started_ms: Millis,
    hash: String,
    size: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorBody>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Compiling,
    Failed,
}

/// What was uploaded.
#[derive(Debug)]
pub(super) struct Module {
    pub(super) name: FunctionName,
    pub(super) wasm: Bytes,
    pub(super) limits: Limits,
    pub(super) config: BTreeMap<String, String>,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) function: Arc<Function>,
    pub(super) created: bool,
}

/// The right to hold one upload in memory.
pub(crate) type Slot = OwnedSemaphorePermit;

impl Default for Uploads {
    fn default() -> Self {
        Self {
            slots: Arc::new(Semaphore::new(AT_ONCE)),
            jobs: Mutex::default(),
        }
    }
}

impl Uploads {
    fn jobs(&self) -> MutexGuard<'_, BTreeMap<FunctionName, UploadView>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A slot for an upload of `name`, unless one is under way or all are taken.
    pub(crate) fn slot(&self, name: &FunctionName) -> Result<Slot, NativeError> {
        if is_under_way(&self.jobs(), name) {
            return Err(NativeError::UploadUnderWay(name.clone()));
        }
        let permit = Arc::clone(&self.slots).try_acquire_owned();
        permit.map_err(|_| NativeError::TooManyUploads(AT_ONCE))
    }

    /// The function's upload that is under way or failed.
    pub(super) fn view(&self, name: &FunctionName) -> Option<UploadView> {
        self.jobs().get(name).cloned()
    }

    /// Forgets the function's failed upload; whether there was one.
    pub(crate) fn forget_failed(&self, name: &FunctionName) -> bool {
        let mut jobs = self.jobs();
        let failed = jobs.contains_key(name) && !is_under_way(&jobs, name);
        if failed {
            jobs.remove(name);
        }
        failed
    }

    fn begin(&self, upload: UploadView) -> Result<(), NativeError> {
        let mut jobs = self.jobs();
        if is_under_way(&jobs, &upload.name) {
            return Err(NativeError::UploadUnderWay(upload.name));
        }
        jobs.insert(upload.name.clone(), upload);
        Ok(())
    }

    fn end(&self, name: &FunctionName, error: Option<&NativeError>) {
        let mut jobs = self.jobs();
        let Some(error) = error else {
            jobs.remove(name);
            return;
        };
        if let Some(job) = jobs.get_mut(name) {
            job.status = Status::Failed;
            job.error = Some(error.body());
        }
        let failed = || jobs.values().filter(|job| job.status == Status::Failed);
        if failed().count() > FAILED_KEPT {
            let oldest = failed().min_by_key(|job| job.started_ms);
            let oldest = oldest.map(|job| job.name.clone());
            jobs.retain(|name, _| Some(name) != oldest.as_ref());
        }
    }
}

fn is_under_way(jobs: &BTreeMap<FunctionName, UploadView>, name: &FunctionName) -> bool {
    jobs.get(name)
        .is_some_and(|job| job.status == Status::Compiling)
}

/// Ends the upload whatever becomes of its task, so that a panic cannot block the function for ever.
struct Ending {
    uploads: Arc<Uploads>,
    name: FunctionName,
    error: Option<NativeError>,
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.uploads.end(&self.name, self.error.as_ref());
    }
}

/// Starts to compile. It goes on when the receiver is dropped, as when the client goes away.
pub(super) async fn start(
    app: &App,
    slot: Slot,
    module: Module,
) -> Result<oneshot::Receiver<Result<Finished, NativeError>>, NativeError> {
    let wasm = module.wasm.clone();
    let hash = tokio::task::spawn_blocking(move || hex(&Sha256::digest(&wasm)));
    let hash = hash
        .await
        .map_err(|error| NativeError::Internal(error.to_string()))?;
    app.uploads.begin(UploadView {
        name: module.name.clone(),
        status: Status::Compiling,
        started_ms: (app.now)(),
        hash,
        size: module.wasm.len(),
        error: None,
    })?;
    let (tell, told) = oneshot::channel();
    let app = app.clone();
    tokio::spawn(async move {
        let mut ending = Ending {
            uploads: Arc::clone(&app.uploads),
            name: module.name.clone(),
            error: Some(NativeError::Internal(
                "the compilation was abandoned".into(),
            )),
        };
        let result = run(&app, module).await;
        ending.error = result.as_ref().err().cloned();
        drop((ending, slot));
        // The client may be gone; the upload stands all the same.
        let _unheard = tell.send(result);
    });
    Ok(told)
}

async fn run(app: &App, module: Module) -> Result<Finished, NativeError> {
    let Module {
        name,
        wasm,
        limits,
        config,
    } = module;
    let info = app.modules.compile(wasm.clone(), limits).await?;
    let request = Request::PutFunction {
        name: name.clone(),
        module: info,
        wasm,
        limits,
        config,
    };
    let change = app.control.apply(request).await?;
    let function = change.catalog.function(name.as_str()).cloned();
    let function = function.expect("a function that was put is in the catalog of that change");
    Ok(Finished {
        function,
        created: change.created,
    })
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upload(name: &str, started: u64) -> UploadView {
        UploadView {
            name: name.try_into().unwrap(),
            status: Status::Compiling,
            started_ms: Millis(started),
            hash: String::new(),
            size: 1,
            error: None,
        }
    }

    #[test]
    fn the_oldest_failures_are_forgotten() {
        let uploads = Uploads::default();
        let error = NativeError::Internal("x".into());
        for i in 0..=FAILED_KEPT as u64 {
            let name = format!("f{i}");
            uploads.begin(upload(&name, i)).unwrap();
            uploads.end(&name.as_str().try_into().unwrap(), Some(&error));
        }
        assert_eq!(uploads.jobs().len(), FAILED_KEPT);
        assert!(uploads.view(&"f0".try_into().unwrap()).is_none());
        assert!(uploads.view(&"f1".try_into().unwrap()).is_some());
    }

    #[test]
    fn a_failed_upload_does_not_block_the_next() {
        let uploads = Uploads::default();
        let name: FunctionName = "f".try_into().unwrap();
        uploads.begin(upload("f", 1)).unwrap();
        assert!(uploads.begin(upload("f", 2)).is_err());
        assert!(!uploads.forget_failed(&name));
        uploads.end(&name, Some(&NativeError::Internal("x".into())));
        uploads.begin(upload("f", 3)).unwrap();
        uploads.end(&name, None);
        assert!(uploads.view(&name).is_none());
    }

    #[test]
    fn slots_come_back() {
        let uploads = Uploads::default();
        let name: FunctionName = "f".try_into().unwrap();
        let slots: Vec<_> = (0..AT_ONCE).map(|_| uploads.slot(&name).unwrap()).collect();
        assert_eq!(uploads.slot(&name).unwrap_err().kind().1, "busy");
        drop(slots);
        drop(uploads.slot(&name).unwrap());
    }
}
