//! A world from its beginning to its rest: what its scenario says is done, hosts come and go, and in the
//! end nothing goes wrong any more, so that everything must come to rest.

mod deed;
mod producer;

use std::{
    cell::RefCell,
    io,
    panic::{self, AssertUnwindSafe},
    sync::{Arc, Once},
    time::Duration,
};

use millstream_core::catalog::{NewStream, Request};
#[cfg(feature = "seeded")]
use tokio::runtime::RngSeed;
use tokio::{
    runtime::{Builder, Runtime},
    time::{Instant, sleep, sleep_until, timeout},
};

use crate::{
    audit::Figures,
    chance::Chance,
    clock,
    ground::{Ground, Inner, ended},
    guest::Guests,
    host::Host,
    scenario::{STREAMS, Scenario},
    trace::Trace,
};

/// Longer than any world takes.
const AN_AGE: Duration = Duration::from_secs(1_000 * 24 * 3_600);
/// How often it is looked whether all has come to rest: first every two seconds, then every minute.
const LOOKS: u64 = 1_500;

/// What became of a world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Which world.
    pub seed: u64,
    /// Follows from all that happened, in order.
    pub hash: u64,
    /// How much that was.
    pub events: u64,
    /// What was wrong.
    pub violation: Option<String>,
    /// The last things that happened.
    pub tail: Vec<String>,
    /// How often what happened.
    pub figures: Figures,
}

thread_local! {
    /// Of a thread that runs a world: why something in it panicked.
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
    static IN_WORLD: RefCell<bool> = const { RefCell::new(false) };
}

/// Runs the world of that seed.
///
/// # Panics
/// Where no runtime can be made.
#[must_use]
pub fn run(seed: u64) -> Outcome {
    hear_panics();
    let mut chance = Chance::new(seed);
    let scenario = Scenario::new(&mut chance);
    let tempers = scenario.triggers.iter().enumerate();
    let tempers = tempers.map(|(number, planned)| (format!("f{number}"), planned.temper.clone()));
    let guests = Guests::new(tempers.collect());
    let ground = Ground::new(chance, guests);
    let runtime = runtime(seed).expect("a runtime of one thread needs nothing");
    IN_WORLD.set(true);
    let lived = panic::catch_unwind(AssertUnwindSafe(|| {
        let lived = async { timeout(AN_AGE, World::live(Arc::clone(&ground), scenario)).await };
        if runtime.block_on(lived).is_err() {
            ground.accuse("it stands still for ever");
        }
    }));
    drop(runtime);
    IN_WORLD.set(false);
    let panicked = PANIC.take();
    let mut inner = ground.lock();
    if let (Some(why), _) | (None, Err(why)) = (panicked, lived.map_err(|_| "a panic".to_owned())) {
        inner.trace.accuse(&format!("panic: {why}"));
    }
    let trace = std::mem::replace(&mut inner.trace, Trace::new());
    Outcome {
        seed,
        hash: trace.hash(),
        events: trace.events,
        violation: trace.violation().map(str::to_owned),
        figures: inner.audit.figures,
        tail: trace.into_tail(),
    }
}

/// Of one thread, with a clock that jumps to whatever is waited for.
fn runtime(seed: u64) -> io::Result<Runtime> {
    let mut builder = Builder::new_current_thread();
    builder.enable_time().start_paused(true);
    #[cfg(feature = "seeded")]
    builder.rng_seed(RngSeed::from_bytes(&seed.to_be_bytes()));
    #[cfg(not(feature = "seeded"))]
    let _unused = seed;
    builder.build()
}

/// Lets panics in worlds be told with the world, not on standard error.
fn hear_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| match IN_WORLD.with_borrow(|is| *is) {
            true => PANIC.with_borrow_mut(|first| {
                first.get_or_insert_with(|| info.to_string());
            }),
            false => before(info),
        }));
    });
}

struct World {
    ground: Arc<Ground>,
    scenario: Scenario,
    host: Host,
    puts: u64,
}

impl World {
    async fn live(ground: Arc<Ground>, mut scenario: Scenario) {
        clock::begin();
        let acts = std::mem::take(&mut scenario.acts);
        let host = Host::new(&ground, scenario.grace_ms);
        let mut world = Self {
            ground,
            scenario,
            host,
            puts: 0,
        };
        world.prepare().await;
        world.ground.lock().faults = world.scenario.faults.clone();
        let began = Instant::now();
        for (at, act) in acts {
            let at = began + Duration::from_millis(at);
            while !world.survives(sleep_until(at)).await {
                world.restart().await;
            }
            if world.is_over() {
                return;
            }
            world.ground.lock().trace.note(format_args!("{act:?}"));
            if !world.act(act).await {
                world.restart().await;
            }
        }
        world.rest().await;
    }

    /// Whether the host lives until `what` is over.
    async fn survives(&self, what: impl Future<Output = ()>) -> bool {
        tokio::select! {
            biased;
            () = ended(&self.ground, self.host.life) => self.is_over(),
            () = what => true,
        }
    }

    fn is_over(&self) -> bool {
        let panicked = PANIC.with_borrow(Option::is_some);
        panicked || self.ground.lock().trace.violation().is_some()
    }

    async fn prepare(&mut self) {
        self.host.start().await;
        for (name, shards) in STREAMS.iter().zip(self.scenario.shards.clone()) {
            let Ok(name) = (*name).try_into() else {
                continue;
            };
            let settings = NewStream::of(shards);
            let request = Request::CreateStream { name, settings };
            self.host.change(request).await;
        }
        for number in 0..self.scenario.triggers.len() {
            self.host.deploy(&format!("f{number}")).await;
        }
    }

    /// The next host begins, some time after the one before ended.
    async fn restart(&mut self) {
        while !self.is_over() {
            let pause = self.ground.lock().chance.pick(&[0, 20, 1_000, 20_000]);
            sleep(Duration::from_millis(pause)).await;
            // Dropping the one before ends its tasks.
            self.host = Host::new(&self.ground, self.scenario.grace_ms);
            if self.survives(self.host.start()).await {
                return;
            }
        }
    }

    /// Nothing goes wrong any more, all that was taken away is back: everything comes to rest.
    async fn rest(&mut self) {
        {
            let mut inner = self.ground.lock();
            inner.faults.end();
            inner.guests.healed = true;
            inner
                .trace
                .note(format_args!("nothing goes wrong any more"));
        }
        while !self.survives(self.heal()).await {
            self.restart().await;
        }
        let mut left = None;
        for look in 0..LOOKS {
            // What was only left out is passed durably a while after all else.
            left = self.restless();
            if left.is_none() || self.is_over() {
                break;
            }
            let pause = if look < 500 { 2 } else { 60 };
            sleep(Duration::from_secs(pause)).await;
        }
        if let Some(left) = left {
            self.ground.accuse(&format!("never: {left}"));
        }
        self.survives(self.host.drain()).await;
        if self.is_over() {
            return;
        }
        let mut inner = self.ground.lock();
        let Inner {
            audit,
            store,
            guests,
            ..
        } = &mut *inner;
        if let Err(wrong) = audit.ends(store, guests) {
            inner.trace.accuse(&wrong);
        }
    }

    async fn heal(&self) {
        for number in 0..self.scenario.triggers.len() {
            let (function, trigger) = (format!("f{number}"), format!("t{number}"));
            let catalog = Arc::clone(&self.ground.lock().catalog);
            if catalog.function(&function).is_none() {
                self.host.deploy(&function).await;
            }
            let paused = catalog
                .trigger(&trigger)
                .filter(|trigger| !trigger.settings.enabled);
            if let Some(paused) = paused {
                let name = paused.name.clone();
                let enabled = true;
                self.host
                    .change(Request::EnableTrigger { name, enabled })
                    .await;
            }
        }
    }

    fn restless(&self) -> Option<String> {
        let mut inner = self.ground.lock();
        let Inner { audit, store, .. } = &mut *inner;
        audit.restless(store)
    }
}
