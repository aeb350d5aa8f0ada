//! The task that carries one trigger's failure records: one after another, the same one until it was
//! taken, will not be taken, or is too old to matter.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use millstream_core::{
    catalog::Catalog,
    port::{Commit, Log, Put},
    time::Millis,
    trigger::{
        Destination,
        outbox::{Entry, Service, patience},
    },
};
use tokio::{sync::Semaphore, time::sleep};

use super::{desk::Desk, refusal::SendError, sender::Sender};

/// Failure records that are being sent at once, over all triggers; one with records in it has up to
/// some 20 MB.
const AT_ONCE: usize = 8;

/// What all couriers share.
#[derive(Debug)]
pub(super) struct World {
    log: Arc<dyn Log>,
    clock: fn() -> Millis,
    sender: Sender,
    slots: Semaphore,
    catalog: Mutex<Arc<Catalog>>,
}

impl World {
    pub(super) fn new(log: Arc<dyn Log>, clock: fn() -> Millis, sender: Sender) -> Self {
        Self {
            log,
            clock,
            sender,
            slots: Semaphore::new(AT_ONCE),
            catalog: Mutex::default(),
        }
    }

    pub(super) fn log(&self) -> &dyn Log {
        self.log.as_ref()
    }

    pub(super) fn know(&self, catalog: &Arc<Catalog>) {
        *self.locked() = Arc::clone(catalog);
    }

    pub(super) fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(&self.locked())
    }

    fn locked(&self) -> MutexGuard<'_, Arc<Catalog>> {
        self.catalog.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where a trigger's failure records go now; nowhere where it is gone or says nothing.
    fn destination(&self, trigger: u64) -> Option<Destination> {
        let catalog = self.catalog();
        let trigger = catalog.triggers().find(|each| each.id == trigger)?;
        trigger.settings.on_failure_destination.clone()
    }
}

/// Carries a trigger's failure records until it is dropped.
pub(super) async fn run(world: Arc<World>, trigger: u64, desk: Arc<Desk>) {
    let courier = Courier {
        world,
        trigger,
        desk,
    };
    let mut failures = 0;
    loop {
        courier.give_up_surplus().await;
        let Some(key) = courier.desk.first() else {
            courier.desk.news.notified().await;
            continue;
        };
        match courier.carry(&key).await {
            Ok(()) => failures = 0,
            Err(error) => {
                failures += 1;
                courier.rest(failures, &error).await;
            }
        }
    }
}

#[derive(Debug)]
struct Courier {
    world: Arc<World>,
    trigger: u64,
    desk: Arc<Desk>,
}

impl Courier {
    /// Has the entry taken, or gives it up; an error says that it is to be tried again.
    async fn carry(&self, key: &Bytes) -> Result<(), String> {
        let Some(entry) = self.read(key).await? else {
            return Ok(());
        };
        let to = self.world.destination(self.trigger);
        let to = to.unwrap_or_else(|| entry.destination.clone());
        if (self.world.clock)() >= entry.expires {
            let last = self.desk.status().last_error;
            let last = last.map_or_else(String::new, |error| format!("; the last error: {error}"));
            let why = format!("the stream's retention has passed since{last}");
            self.give_up(key, &entry, &to, &why).await;
            return Ok(());
        }
        let sent = {
            let _slot = self.world.slots.acquire().await;
            self.world.sender.send(&to, &entry).await
        };
        match sent {
            Ok(()) => {
                self.forget(key).await;
                self.desk.delivered(entry.records);
                Ok(())
            }
            Err(SendError::Refused(why)) => {
                self.give_up(key, &entry, &to, &why).await;
                Ok(())
            }
            Err(SendError::Failed(why)) => Err(why),
        }
    }

    /// The entry; nothing where it is not in the log, as after a commit that did not happen.
    async fn read(&self, key: &Bytes) -> Result<Option<Entry>, String> {
        let stored = self.world.log.get_many(vec![key.clone()]).await;
        let stored = stored.map_err(|error| error.to_string())?;
        let Some(stored) = stored.into_iter().flatten().next() else {
            self.desk.remove(key);
            return Ok(None);
        };
        match Entry::decode(&stored) {
            Ok(entry) => {
                self.desk.called(&entry.trigger);
                Ok(Some(entry))
            }
            Err(error) => {
                // It stays in the log, for a program that can read it.
                tracing::error!(trigger = self.trigger, %error, "a failure record is passed over");
                self.desk.remove(key);
                self.desk.given_up(0, &error.to_string());
                Ok(None)
            }
        }
    }

    /// Those that came when there was no room.
    async fn give_up_surplus(&self) {
        let mut failures = 0;
        while let Some(key) = self.desk.surplus() {
            match self.read(&key).await {
                Ok(Some(entry)) => {
                    let why = "too many failure records of the trigger wait already";
                    self.give_up(&key, &entry, &entry.destination, why).await;
                }
                Ok(None) => {}
                Err(error) => {
                    failures += 1;
                    self.desk.failed(&error);
                    self.pause(failures).await;
                }
            }
        }
    }

    /// Told before it is removed: nothing is lost without a word.
    async fn give_up(&self, key: &Bytes, entry: &Entry, to: &Destination, why: &str) {
        let trigger = &entry.trigger;
        // As a queue would get it: without the records, which would fill the log.
        let record = entry.message(Service::Sqs);
        tracing::error!(%trigger, destination = %to, why, record, "a failure record was given up");
        self.forget(key).await;
        self.desk.given_up(entry.records, why);
    }

    /// Removes an entry, however long that takes: it must not be sent again meanwhile.
    async fn forget(&self, key: &Bytes) {
        let mut failures = 0;
        loop {
            let removal = Put {
                key: key.clone(),
                value: None,
            };
            let commit = Commit {
                puts: vec![removal],
                ..Commit::default()
            };
            match self.world.log.commit(commit).await {
                Ok(_durable) => break,
                Err(error) => {
                    failures += 1;
                    tracing::warn!(trigger = self.trigger, %error, "a failure record stays for now");
                    self.pause(failures).await;
                }
            }
        }
        self.desk.remove(key);
    }

    /// Waits before the next attempt. What finds no room meanwhile is given up at once.
    async fn rest(&self, failures: u32, error: &str) {
        self.desk.failed(error);
        let trigger = self.desk.name();
        let trigger = trigger.as_ref().map_or("", |name| name.as_str());
        tracing::warn!(trigger, attempt = failures, error, "a failure record waits");
        let rest = self.pause(failures);
        tokio::pin!(rest);
        loop {
            tokio::select! {
                () = &mut rest => return,
                () = self.desk.news.notified() => self.give_up_surplus().await,
            }
        }
    }

    async fn pause(&self, failures: u32) {
        let ms = patience::pause_ms(failures, self.trigger);
        sleep(Duration::from_millis(ms)).await;
    }
}
