//! Changes to the catalog: what is asked, what follows, why it is refused.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use thiserror::Error;

use super::{
    Catalog, channel,
    function::{self, Function, Qualifier, change::FunctionRefused},
    key::{self, CatalogKey},
    queue::{self, QueueRefused},
    stream::{
        NewStream, Status,
        consumer::{ConsumerChange, ConsumerRefused},
        policy::PolicyRefused,
        reshard::{Reshard, ReshardRefused},
        setting::{Setting, SettingRefused},
        tags::{self, TagsRefused},
    },
    trigger::{SettingError, Trigger, TriggerSettings},
};
use crate::{
    limit,
    name::{ConsumerName, FunctionName, StreamName, TriggerName},
    port::{Commit, Limits, ModuleInfo, Put},
    position::{Position, ShardNumber},
    time::Millis,
};

/// A change that is asked for.
#[derive(Debug, Clone)]
pub enum Request {
    /// Creates a stream.
    CreateStream {
        /// Its name.
        name: StreamName,
        /// What it shall be.
        settings: NewStream,
    },
    /// Changes a stream.
    ChangeStream {
        /// Which.
        name: StreamName,
        /// How.
        change: StreamChange,
    },
    /// Deletes a stream and its records.
    DeleteStream {
        /// Which.
        name: StreamName,
        /// Whether its registered consumers go with it; else a stream that has some stays.
        with_consumers: bool,
    },
    /// Removes what is left of a stream that was deleted, once that does not show any more.
    ForgetStream {
        /// Which.
        name: StreamName,
    },
    /// Changes a channel.
    Channel(channel::Request),
    /// Creates, changes or deletes a queue.
    Queue(queue::Request),
    /// Makes or ends the account's commitment to a throughput.
    Commit {
        /// Whether it is made.
        committed: bool,
    },
    /// Creates a function, or gives it a new version.
    PutFunction {
        /// Its name.
        name: FunctionName,
        /// What was compiled.
        module: ModuleInfo,
        /// The uploaded bytes, to be kept.
        wasm: Bytes,
        /// What an invocation may use.
        limits: Limits,
        /// What the guest may ask for.
        config: BTreeMap<String, String>,
    },
    /// Changes a function in one of the ways that Lambda's clients know.
    Function(function::change::Request),
    /// Deletes a function. Its triggers stay and wait for a new one, as in Lambda.
    DeleteFunction {
        /// Which.
        name: FunctionName,
    },
    /// Creates a trigger, or changes its settings.
    PutTrigger {
        /// Its name.
        name: TriggerName,
        /// What it shall do.
        settings: TriggerSettings,
        /// For a new one: where each shard of its stream begins, resolved by the shell.
        starts: BTreeMap<ShardNumber, Position>,
    },
    /// Pauses or resumes a trigger. It keeps its position.
    EnableTrigger {
        /// Which.
        name: TriggerName,
        /// Whether it shall run.
        enabled: bool,
    },
    /// Changes the tags of a trigger.
    TagTrigger {
        /// Which.
        name: TriggerName,
        /// How.
        change: tags::Change,
    },
    /// Deletes a trigger, its position and its function's state.
    DeleteTrigger {
        /// Which.
        name: TriggerName,
    },
}

impl Request {
    /// The function that may be another one, or gone, afterwards.
    #[must_use]
    pub fn function(&self) -> Option<&FunctionName> {
        match self {
            Self::PutFunction { name, .. } | Self::DeleteFunction { name } => Some(name),
            Self::Function(request) => Some(&request.name),
            _ => None,
        }
    }
}

/// A change of one stream, by its subject.
#[derive(Debug, Clone)]
pub enum StreamChange {
    /// Its shards.
    Reshard(Reshard),
    /// Its tags.
    Tags(tags::Change),
    /// Its resource policy; none removes it.
    Policy(Option<String>),
    /// One of its settings.
    Setting(Setting),
    /// One of its registered consumers.
    Consumer(ConsumerName, ConsumerChange),
}

/// What a host allows, and how it seems to work.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// Open shards of a region.
    pub shard_limit: u32,
    /// How long a change shows as one, in milliseconds.
    pub change_ms: u64,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            shard_limit: limit::SHARD_LIMIT_DEFAULT,
            change_ms: 0,
        }
    }
}

/// Why a change is not made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refused {
    /// The stream is there already.
    #[error("stream `{0}` already exists")]
    StreamExists(StreamName),
    /// There is no such stream.
    #[error("stream `{0}` does not exist")]
    NoStream(StreamName),
    /// There is no such function.
    #[error("function `{0}` does not exist")]
    NoFunction(FunctionName),
    /// The function has no such version or alias.
    #[error("function `{0}` has no version or alias `{1}`")]
    NoQualifier(FunctionName, Qualifier),
    /// A function is not changed like that.
    #[error(transparent)]
    Function(#[from] FunctionRefused),
    /// There is no such trigger.
    #[error("trigger `{0}` does not exist")]
    NoTrigger(TriggerName),
    /// A stream cannot have that many shards.
    #[error("{asked} shards were asked for; allowed are 1 to {allowed}")]
    Shards {
        /// How many were asked for.
        asked: u32,
        /// How many may be.
        allowed: u32,
    },
    /// The region would have too many shards.
    #[error("{more} shards more than the {open} of the region would exceed the limit of {allowed}")]
    ShardLimit {
        /// How many there are.
        open: u32,
        /// How many more were asked for.
        more: u32,
        /// How many may be.
        allowed: u32,
    },
    /// A change that is under way excludes this one.
    #[error("stream `{stream}` is {status:?}, not active")]
    NotActive {
        /// Which stream.
        stream: StreamName,
        /// What it is doing.
        status: Status,
    },
    /// The stream has registered consumers.
    #[error("stream `{0}` has registered consumers")]
    HasConsumers(StreamName),
    /// Something reads the stream.
    #[error("stream `{stream}` has {what}; delete them first")]
    Read {
        /// Which stream.
        stream: StreamName,
        /// What reads it.
        what: &'static str,
    },
    /// A channel cannot be so.
    #[error(transparent)]
    Channel(#[from] channel::Refused),
    /// What was asked of a queue cannot be.
    #[error(transparent)]
    Queue(#[from] QueueRefused),
    /// Its shards do not change.
    #[error("the shards of stream `{stream}` do not change: {why}")]
    Reshard {
        /// Which stream.
        stream: StreamName,
        /// Why not.
        why: ReshardRefused,
    },
    /// Tags are not right.
    #[error(transparent)]
    Tags(#[from] TagsRefused),
    /// A policy is not right.
    #[error(transparent)]
    Policy(#[from] PolicyRefused),
    /// A stream's setting cannot be like that.
    #[error(transparent)]
    StreamSetting(#[from] SettingRefused),
    /// A consumer cannot be changed like that.
    #[error(transparent)]
    Consumer(#[from] ConsumerRefused),
    /// Something that exists depends on it.
    #[error("stream `{stream}` is used by trigger `{trigger}`; delete the trigger first")]
    InUse {
        /// What was to be deleted.
        stream: StreamName,
        /// What uses it.
        trigger: TriggerName,
    },
    /// A setting is out of range.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// A setting cannot be changed once the trigger exists.
    #[error("{0} of a trigger cannot be changed; delete the trigger and create it anew")]
    Fixed(&'static str),
}

/// A change that was decided: the next catalog, and what must be durable before it is shown.
#[derive(Debug, Clone)]
pub struct Change {
    /// The catalog after the change.
    pub catalog: Catalog,
    /// What to commit.
    pub commit: Commit,
    /// Whether the change created something that was not there.
    pub created: bool,
    /// Prefixes of keys that nobody needs any more; removed in the background.
    pub orphans: Vec<Bytes>,
}

impl Catalog {
    /// What follows from `request` at `now`.
    ///
    /// # Errors
    /// The reason why the change is not made.
    pub fn decide(&self, request: Request, now: Millis, rules: &Rules) -> Result<Change, Refused> {
        match request {
            Request::CreateStream { name, settings } => {
                self.create_stream(name, settings, now, rules)
            }
            Request::ChangeStream { name, change } => self.change_stream(name, change, now, rules),
            Request::DeleteStream {
                name,
                with_consumers,
            } => self.delete_stream(name, with_consumers, now, rules),
            Request::Commit { committed } => {
                let mut next = self.clone();
                next.account = self.account.committed(committed, now);
                let puts = vec![put(CatalogKey::Account, &next.account)];
                Ok(Change::of(next, puts, false))
            }
            Request::ForgetStream { name } => self.forget_stream(name, now),
            Request::Queue(request) => self.change_queue(request, now, rules),
            Request::Channel(request) => Ok(self.change_channel(request, now, rules.change_ms)?),
            Request::PutFunction {
                name,
                module,
                wasm,
                limits,
                config,
            } => {
                let version = self.counters.next_version + 1;
                let function = Function {
                    config,
                    ..Function::new(name, version, module, limits, now)
                };
                Ok(self.put_function(function, wasm))
            }
            Request::Function(request) => self.change_function(request, now),
            Request::DeleteFunction { name } => self.delete_function(name),
            Request::PutTrigger {
                name,
                settings,
                starts,
            } => self.put_trigger(name, settings, starts, now),
            Request::EnableTrigger { name, enabled } => self.change_trigger(name, |trigger| {
                trigger.settings.enabled = enabled;
                trigger.updated = now;
                Ok(())
            }),
            Request::TagTrigger { name, change } => {
                self.change_trigger(name, |trigger| Ok(change.apply(&mut trigger.tags)?))
            }
            Request::DeleteTrigger { name } => self.delete_trigger(name),
        }
    }

    fn put_trigger(
        &self,
        name: TriggerName,
        settings: TriggerSettings,
        starts: BTreeMap<ShardNumber, Position>,
        now: Millis,
    ) -> Result<Change, Refused> {
        settings.check()?;
        if self.callee(&settings).is_none() {
            return Err(match settings.qualifier {
                Some(qualifier) if self.functions.contains_key(&settings.function) => {
                    Refused::NoQualifier(settings.function, qualifier)
                }
                _ => Refused::NoFunction(settings.function),
            });
        }
        if let Some(route) = self.callee(&settings) {
            settings.check_callee(route.function)?;
        }
        for stream in [Some(&settings.stream), settings.on_failure_stream.as_ref()] {
            if let Some(missing) = stream.filter(|name| self.living(name.as_str()).is_none()) {
                return Err(Refused::NoStream(missing.clone()));
            }
        }
        let mut next = self.clone();
        let before = self.triggers.get(&name);
        let trigger = match before {
            Some(before) => {
                fixed_settings(&before.settings, &settings)?;
                Trigger {
                    settings,
                    updated: now,
                    ..Trigger::clone(before)
                }
            }
            None => {
                self.check_consumer(&settings, now)?;
                next.counters.next_trigger += 1;
                let id = next.counters.next_trigger;
                Trigger {
                    name: name.clone(),
                    id,
                    created: now,
                    updated: now,
                    settings,
                    starts,
                    tags: BTreeMap::new(),
                }
            }
        };
        let puts = vec![
            put(CatalogKey::Trigger(name.clone()), &trigger),
            put(CatalogKey::Counters, &next.counters),
        ];
        next.triggers.insert(name, Arc::new(trigger));
        Ok(Change::of(next, puts, before.is_none()))
    }

    /// A consumer that a new trigger is made for is registered.
    fn check_consumer(&self, settings: &TriggerSettings, now: Millis) -> Result<(), Refused> {
        let (Some(id), Some(stream)) = (&settings.consumer, self.living(settings.stream.as_str()))
        else {
            return Ok(());
        };
        if id.is_of(stream, now) {
            return Ok(());
        }
        Err(ConsumerRefused::None(id.name.clone()).into())
    }

    fn change_trigger(
        &self,
        name: TriggerName,
        change: impl FnOnce(&mut Trigger) -> Result<(), Refused>,
    ) -> Result<Change, Refused> {
        let Some(before) = self.triggers.get(&name) else {
            return Err(Refused::NoTrigger(name));
        };
        let mut trigger = Trigger::clone(before);
        change(&mut trigger)?;
        let puts = vec![put(CatalogKey::Trigger(name.clone()), &trigger)];
        let mut next = self.clone();
        next.triggers.insert(name, Arc::new(trigger));
        Ok(Change::of(next, puts, false))
    }

    fn delete_trigger(&self, name: TriggerName) -> Result<Change, Refused> {
        let mut next = self.clone();
        let Some(trigger) = next.triggers.remove(&name) else {
            return Err(Refused::NoTrigger(name));
        };
        let mut change = Change::of(next, vec![delete(CatalogKey::Trigger(name))], false);
        change.orphans = vec![key::lanes_of(trigger.id), key::states_of(trigger.id)];
        Ok(change)
    }
}

impl Change {
    pub(super) fn of(catalog: Catalog, puts: Vec<Put>, created: bool) -> Self {
        let commit = Commit {
            puts,
            ..Commit::default()
        };
        Self {
            catalog,
            commit,
            created,
            orphans: Vec::new(),
        }
    }
}

fn fixed_settings(before: &TriggerSettings, after: &TriggerSettings) -> Result<(), Refused> {
    if before.stream != after.stream {
        return Err(Refused::Fixed("stream"));
    }
    if before.consumer != after.consumer {
        return Err(Refused::Fixed("consumer"));
    }
    let start = |s: &TriggerSettings| (s.starting_position, s.starting_position_timestamp);
    if start(before) != start(after) {
        return Err(Refused::Fixed("starting_position"));
    }
    Ok(())
}

pub(super) fn put(key: CatalogKey, value: &impl serde::Serialize) -> Put {
    let json =
        serde_json::to_vec(value).expect("catalog entries have text keys and no failing parts");
    Put {
        key: key.bytes(),
        value: Some(json.into()),
    }
}

pub(super) fn delete(key: CatalogKey) -> Put {
    Put {
        key: key.bytes(),
        value: None,
    }
}
