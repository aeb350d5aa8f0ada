//! All lanes: started, told and stopped as the catalog says.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use millstream_core::{
    catalog::{
        Catalog, Function, Shard, Stream, Trigger,
        function::{Route, Shift},
        key,
    },
    event::Identity,
    name::TriggerName,
    port::{Invoke, LaneStatus, Log, Triggers},
    position::{Position, ShardNumber},
    time::Millis,
    trigger::{
        Checkpoint, Share,
        layout::{Head, Layout},
    },
};
use tokio::{sync::watch, task::JoinHandle};

use crate::{
    lane::Task,
    order::{Numbered, Order, Parent, Settling, Spec},
    samples,
    tally::Board,
    world::{Options, World},
};

/// Checkpoints that are read in one step; a lane's has a few hundred bytes.
const CHECKPOINTS_AT_A_TIME: usize = 500;

/// The workers of a host.
#[derive(Debug)]
pub struct Workers {
    world: Arc<World>,
    lanes: Mutex<Lanes>,
}

/// By the trigger's id, which is never given twice, and the shard.
type LaneKey = (u64, ShardNumber);

#[derive(Debug, Default)]
struct Lanes {
    running: BTreeMap<LaneKey, Handle>,
    drained: bool,
}

/// A lane as its workers see it. Dropping it ends its task.
#[derive(Debug)]
pub(crate) struct Handle {
    pub(crate) trigger: Arc<Trigger>,
    function: Option<Arc<Function>>,
    shifted: Option<(Arc<Function>, Shift)>,
    pub(crate) shard: Shard,
    parents: Vec<Parent>,
    pub(crate) board: Arc<Board>,
    orders: watch::Sender<Numbered>,
    follows: watch::Receiver<u64>,
    task: JoinHandle<()>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Workers {
    /// Without any lane: [`Workers::reconcile`] starts them.
    #[must_use]
    pub fn new(
        log: Arc<dyn Log>,
        invoke: Arc<dyn Invoke>,
        clock: fn() -> Millis,
        options: Options,
    ) -> Arc<Self> {
        Arc::new(Self {
            world: Arc::new(World {
                log,
                invoke,
                clock,
                options,
                catalog: watch::Sender::default(),
            }),
            lanes: Mutex::default(),
        })
    }

    /// Makes the lanes be as `catalog` says. When it returns, a trigger that is paused or deleted has
    /// nothing in flight that could still be committed, and a new lane shows where it stands. Calls
    /// must be made one after another.
    pub async fn reconcile(&self, catalog: Arc<Catalog>) {
        let layouts = self.layouts(&catalog).await;
        for (_ended, settling) in self.arrange(&catalog, &layouts) {
            settling.settled().await;
        }
    }

    /// Stops all lanes for good; calls that are under way get [`Options::grace`] to end.
    pub async fn drain(&self) {
        let settling: Vec<Settling> = {
            let mut lanes = self.lanes();
            lanes.drained = true;
            lanes
                .running
                .values()
                .map(|handle| handle.order(Order::Stop))
                .collect()
        };
        for settling in settling {
            settling.settled().await;
        }
    }

    /// Adds the workers' samples to `text`, in Prometheus's format.
    pub fn samples(&self, text: &mut String) {
        let lanes = self.lanes();
        samples::write(text, lanes.running.values(), &self.world);
    }

    /// The stored checkpoints of lanes that do not run yet, read in few pages: a thousand lanes that
    /// begin at once would have theirs behind each other's records.
    async fn layouts(&self, catalog: &Catalog) -> BTreeMap<LaneKey, Layout> {
        let mut new = Vec::new();
        {
            let lanes = self.lanes();
            for trigger in catalog.triggers() {
                let stream = catalog.stream(trigger.settings.stream.as_str());
                let shards = stream.into_iter().flat_map(|stream| &stream.shards);
                let keys = shards.map(|shard| (trigger.id, shard.number));
                new.extend(keys.filter(|key| !lanes.running.contains_key(key)));
            }
        }
        let mut layouts = BTreeMap::new();
        for page in new.chunks(CHECKPOINTS_AT_A_TIME) {
            let keys = page.iter().map(|&(id, shard)| key::lane(id, shard));
            // A lane reads its own again, and shows what is wrong with it.
            let Ok(stored) = self.world.log.get_many(keys.collect()).await else {
                break;
            };
            let stored = page
                .iter()
                .zip(stored)
                .filter(|(_, stored)| stored.is_some());
            for (&key, stored) in stored {
                if let Some(layout) = self.layout(key, stored.as_ref()).await {
                    layouts.insert(key, layout);
                }
            }
        }
        layouts
    }

    /// The layout of which that head is stored.
    async fn layout(&self, (id, shard): LaneKey, stored: Option<&Bytes>) -> Option<Layout> {
        match Head::decode(stored, Position::START).ok()? {
            Head::Whole(checkpoint) => Some(Layout::whole(checkpoint)),
            Head::Divided(parts) => {
                let keys = Share::all(parts).map(|share| share.key(id, shard));
                let stored = self.world.log.get_many(keys.collect()).await.ok()?;
                Layout::divided(&stored).ok()
            }
        }
    }

    /// Gives out orders; what must settle, with the handles of lanes that end.
    fn arrange(
        &self,
        catalog: &Arc<Catalog>,
        layouts: &BTreeMap<LaneKey, Layout>,
    ) -> Vec<(Option<Handle>, Settling)> {
        let mut lanes = self.lanes();
        if lanes.drained {
            return Vec::new();
        }
        self.world.catalog.send_replace(Arc::clone(catalog));
        let mut settling = Vec::new();
        let mut before = std::mem::take(&mut lanes.running);
        for trigger in catalog.triggers() {
            let stream = catalog.stream(trigger.settings.stream.as_str());
            let route = catalog.callee(&trigger.settings);
            let Some(stream) = stream else { continue };
            for shard in &stream.shards {
                let key = (trigger.id, shard.number);
                let parents = lanes.parents(trigger, stream, shard);
                let alive = before
                    .remove(&key)
                    .filter(|handle| !handle.task.is_finished());
                let mut handle = match alive {
                    Some(handle) if handle.follows(trigger, route, shard, &parents) => {
                        lanes.running.insert(key, handle);
                        continue;
                    }
                    Some(handle) => handle,
                    None => self.spawn(trigger, shard, layouts.get(&key)),
                };
                let identity = &self.world.options.identity;
                let order = handle.order_for(identity, trigger, route, shard, parents);
                let pauses = matches!(order, Order::Pause(_));
                let settles = handle.order(order);
                if pauses {
                    settling.push((None, settles));
                }
                lanes.running.insert(key, handle);
            }
        }
        for handle in before.into_values() {
            let settles = handle.order(Order::Stop);
            settling.push((Some(handle), settles));
        }
        settling
    }

    /// A lane whose first order is yet to be given.
    fn spawn(&self, trigger: &Arc<Trigger>, shard: &Shard, layout: Option<&Layout>) -> Handle {
        let identity = &self.world.options.identity;
        let spec = Arc::new(Spec::new(identity, trigger, None, shard, Vec::new()));
        let first = Numbered {
            number: 0,
            order: Order::Pause(Arc::clone(&spec)),
        };
        let (orders, to_follow) = watch::channel(first);
        let (followed, follows) = watch::channel(0);
        let start = Layout::whole(Checkpoint::at(spec.start));
        let board = Arc::new(Board::new(layout.unwrap_or(&start)));
        let task = Task {
            world: Arc::clone(&self.world),
            orders: to_follow,
            follows: followed,
            board: Arc::clone(&board),
        };
        Handle {
            trigger: Arc::clone(trigger),
            function: None,
            shifted: None,
            shard: shard.clone(),
            parents: Vec::new(),
            board,
            orders,
            follows,
            task: tokio::spawn(task.run()),
        }
    }

    fn lanes(&self) -> MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lanes {
    /// The lanes that a lane on `shard` goes on from. They run already: parents have lower indexes. One
    /// that is gone from the stream has nothing left to do.
    fn parents(&self, trigger: &Trigger, stream: &Stream, shard: &Shard) -> Vec<Parent> {
        let left = stream
            .shards
            .iter()
            .filter(|other| shard.parents.contains(&other.index));
        let parent = |parent: &Shard| {
            let handle = self.running.get(&(trigger.id, parent.number))?;
            Some(Parent {
                shard: parent.number,
                board: Arc::clone(&handle.board),
            })
        };
        left.filter_map(parent).collect()
    }
}

impl Handle {
    /// Whether the lane's orders are already those for this trigger, function and shard. A lane that waits
    /// for its function is told again: the function may be ready now.
    fn follows(
        &self,
        trigger: &Arc<Trigger>,
        route: Option<Route<'_>>,
        shard: &Shard,
        parents: &[Parent],
    ) -> bool {
        let shifted = self.shifted.as_ref();
        self.trigger == *trigger
            && self.shard == *shard
            && self.function.as_ref() == route.map(|route| route.function)
            && shifted.map(|(function, shift)| (function, *shift))
                == route.and_then(|route| route.shifted)
            && self.parents == parents
            && !self.board.tally().awaits_function
    }

    fn order_for(
        &mut self,
        identity: &Identity,
        trigger: &Arc<Trigger>,
        route: Option<Route<'_>>,
        shard: &Shard,
        parents: Vec<Parent>,
    ) -> Order {
        self.trigger = Arc::clone(trigger);
        self.function = route.map(|route| Arc::clone(route.function));
        let shifted = route.and_then(|route| route.shifted);
        self.shifted = shifted.map(|(function, shift)| (Arc::clone(function), shift));
        self.shard.clone_from(shard);
        self.parents.clone_from(&parents);
        let spec = Spec::new(identity, trigger, route, &self.shard, parents);
        if trigger.settings.enabled {
            Order::Run(Arc::new(spec))
        } else {
            Order::Pause(Arc::new(spec))
        }
    }

    fn order(&self, order: Order) -> Settling {
        let mut number = 0;
        self.orders.send_modify(|current| {
            number = current.number + 1;
            *current = Numbered { number, order };
        });
        Settling {
            number,
            follows: self.follows.clone(),
        }
    }

    pub(crate) fn status(&self, world: &World) -> LaneStatus {
        let span = world.log.span(self.shard.number);
        let tally = self.board.tally().clone();
        let mut status = tally.status(self.shard.id(), span, (world.clock)());
        if self.task.is_finished() {
            status.state = "stopped";
        }
        status
    }
}

impl Triggers for Workers {
    fn status(&self, trigger: &TriggerName) -> Vec<LaneStatus> {
        let lanes = self.lanes();
        let its = lanes
            .running
            .values()
            .filter(|lane| lane.trigger.name == *trigger);
        its.map(|lane| lane.status(&self.world)).collect()
    }
}
