//! Queues come, change and go: what follows for the catalog.

use std::{collections::BTreeMap, sync::Arc};

use thiserror::Error;

use super::{Attributes, Queue, Start, identifier};
use crate::{
    catalog::{
        Catalog,
        change::{Change, Refused, Rules, delete, put},
        key::CatalogKey,
        stream::{Status, StreamMode, Tags, Transition, tags},
    },
    limit,
    name::{QueueName, StreamName},
    position::{Position, ShardNumber},
    queue::entry,
    time::Millis,
};

/// A change of a queue.
#[derive(Debug, Clone)]
pub enum Request {
    /// Creates it.
    Create {
        /// Its name.
        name: QueueName,
        /// See [`Queue::stream`].
        stream: StreamName,
        /// See [`Queue::start`].
        start: Start,
        /// See [`Queue::starts`]; resolved by the shell.
        starts: BTreeMap<ShardNumber, Position>,
        /// See [`Queue::attributes`].
        attributes: Attributes,
        /// See [`Queue::tags`].
        tags: Tags,
    },
    /// Changes its attributes.
    Update {
        /// Which.
        name: QueueName,
        /// For how long a record is its worker's alone; as before where it is not said.
        visibility_seconds: Option<u32>,
        /// Deliveries after which a record is dead, or none; as before where it is not said.
        max_receives: Option<Option<u32>>,
    },
    /// Deletes it.
    Delete {
        /// Which.
        name: QueueName,
    },
    /// Removes what is left of a queue that was deleted, once that does not show any more.
    Forget {
        /// Which.
        name: QueueName,
    },
    /// Changes its tags.
    Tags {
        /// Which.
        name: QueueName,
        /// How.
        change: tags::Change,
    },
    /// Sets its resource policy, or removes it.
    Policy {
        /// Which.
        name: QueueName,
        /// As JSON.
        policy: Option<String>,
    },
}

/// Why a change of a queue is not made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum QueueRefused {
    /// The name is taken.
    #[error("queue `{0}` already exists")]
    Exists(QueueName),
    /// There is no such queue.
    #[error("queue `{0}` does not exist")]
    Missing(QueueName),
    /// A change that is under way excludes this one.
    #[error("queue `{queue}` is {status:?}, not active")]
    NotActive {
        /// Which queue.
        queue: QueueName,
        /// What it is doing.
        status: Status,
    },
    /// The stream's capacity is provisioned.
    #[error("stream `{0}` is not an on-demand stream")]
    Provisioned(StreamName),
    /// The stream has as many queues and consumers as it may have.
    #[error("stream `{stream}` has {allowed} consumers and queues, which is all it may have")]
    TooMany {
        /// Which stream.
        stream: StreamName,
        /// How many it may have.
        allowed: usize,
    },
}

impl Catalog {
    pub(in crate::catalog) fn change_queue(
        &self,
        request: Request,
        now: Millis,
        rules: &Rules,
    ) -> Result<Change, Refused> {
        match request {
            Request::Create {
                name,
                stream,
                start,
                starts,
                attributes,
                tags,
            } => {
                let mut queue = Queue {
                    id: self.counters.next_queue + 1,
                    identifier: identifier(&name, self.counters.next_queue + 1, now),
                    name,
                    stream,
                    created: now,
                    start,
                    starts,
                    attributes,
                    transition: Transition::new(Status::Creating, now, rules.change_ms),
                    tags: Tags::default(),
                    policy: None,
                };
                tags::Change::Add(tags).apply(&mut queue.tags)?;
                self.create_queue(queue)
            }
            Request::Update {
                name,
                visibility_seconds,
                max_receives,
            } => self.edit_queue(&name, now, |queue| {
                let status = queue.status(now);
                if status != Status::Active {
                    let queue = queue.name.clone();
                    return Err(QueueRefused::NotActive { queue, status }.into());
                }
                let before = queue.attributes;
                queue.attributes = Attributes {
                    visibility_seconds: visibility_seconds.unwrap_or(before.visibility_seconds),
                    max_receives: max_receives.unwrap_or(before.max_receives),
                };
                queue.transition = Transition::new(Status::Updating, now, rules.change_ms);
                Ok(())
            }),
            Request::Tags { name, change } => self.edit_queue(&name, now, |queue| {
                change.apply(&mut queue.tags).map_err(Refused::from)
            }),
            Request::Policy { name, policy } => self.edit_queue(&name, now, |queue| {
                queue.policy = policy;
                Ok(())
            }),
            Request::Delete { name } => self.delete_queue(&name, now, rules),
            Request::Forget { name } => self.forget_queue(name, now),
        }
    }

    fn create_queue(&self, queue: Queue) -> Result<Change, Refused> {
        let now = queue.created;
        if self
            .queues
            .get(&queue.name)
            .is_some_and(|old| !old.is_gone(now))
        {
            return Err(QueueRefused::Exists(queue.name).into());
        }
        let stream = self.streams.get(&queue.stream).filter(|s| !s.is_gone(now));
        let stream = stream.ok_or_else(|| Refused::NoStream(queue.stream.clone()))?;
        let status = stream.status(now);
        if matches!(status, Status::Creating | Status::Deleting) {
            let stream = queue.stream;
            return Err(Refused::NotActive { stream, status });
        }
        if stream.mode != StreamMode::OnDemand {
            return Err(QueueRefused::Provisioned(queue.stream).into());
        }
        let allowed = match self.account.committed_since {
            Some(_) => limit::CONSUMERS_COMMITTED,
            None => limit::CONSUMERS,
        };
        if self.readers(stream, now) >= allowed {
            let stream = queue.stream;
            return Err(QueueRefused::TooMany { stream, allowed }.into());
        }
        let mut next = self.clone();
        next.counters.next_queue = queue.id;
        let puts = vec![
            put(CatalogKey::Queue(queue.name.clone()), &queue),
            put(CatalogKey::Counters, &next.counters),
        ];
        next.queues.insert(queue.name.clone(), Arc::new(queue));
        Ok(Change::of(next, puts, true))
    }

    fn existing_queue(&self, name: &QueueName) -> Result<&Queue, Refused> {
        let queue = self.queues.get(name).filter(|queue| !queue.is_deleted());
        let queue = queue.ok_or_else(|| QueueRefused::Missing(name.clone()))?;
        Ok(queue)
    }

    fn edit_queue(
        &self,
        name: &QueueName,
        _now: Millis,
        edit: impl FnOnce(&mut Queue) -> Result<(), Refused>,
    ) -> Result<Change, Refused> {
        let mut queue = self.existing_queue(name)?.clone();
        edit(&mut queue)?;
        let mut next = self.clone();
        let puts = vec![put(CatalogKey::Queue(name.clone()), &queue)];
        next.queues.insert(name.clone(), Arc::new(queue));
        Ok(Change::of(next, puts, false))
    }

    fn delete_queue(
        &self,
        name: &QueueName,
        now: Millis,
        rules: &Rules,
    ) -> Result<Change, Refused> {
        let mut queue = self.existing_queue(name)?.clone();
        let orphans = vec![entry::queue_of(queue.id)];
        let mut next = self.clone();
        queue.transition = Transition::new(Status::Deleting, now, rules.change_ms);
        let entry = if queue.transition.is_some() {
            let entry = put(CatalogKey::Queue(name.clone()), &queue);
            next.queues.insert(name.clone(), Arc::new(queue));
            entry
        } else {
            next.queues.remove(name);
            delete(CatalogKey::Queue(name.clone()))
        };
        let mut change = Change::of(next, vec![entry], false);
        change.orphans = orphans;
        Ok(change)
    }

    fn forget_queue(&self, name: QueueName, now: Millis) -> Result<Change, Refused> {
        if !self
            .queues
            .get(&name)
            .is_some_and(|queue| queue.is_gone(now))
        {
            return Err(QueueRefused::Missing(name).into());
        }
        let mut next = self.clone();
        next.queues.remove(&name);
        Ok(Change::of(
            next,
            vec![delete(CatalogKey::Queue(name))],
            false,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{self, NewStream, trigger::StartingPosition};

    const SLOW: Rules = Rules {
        shard_limit: 100,
        change_ms: 100,
    };

    fn name(text: &str) -> QueueName {
        text.try_into().unwrap()
    }

    fn decide(catalog: &Catalog, request: Request, now: u64) -> Result<Change, Refused> {
        catalog.decide(catalog::Request::Queue(request), Millis(now), &SLOW)
    }

    fn create(catalog: &Catalog, queue: &str, now: u64) -> Result<Catalog, Refused> {
        let request = Request::Create {
            name: name(queue),
            stream: "s".try_into().unwrap(),
            start: Start {
                at: StartingPosition::Latest,
                asked: None,
                effective: Millis(now),
            },
            starts: BTreeMap::new(),
            attributes: Attributes::default(),
            tags: Tags::default(),
        };
        decide(catalog, request, now).map(|change| change.catalog)
    }

    fn with_stream(mode: StreamMode) -> Catalog {
        let request = catalog::Request::CreateStream {
            name: "s".try_into().unwrap(),
            settings: NewStream {
                mode,
                ..NewStream::of(1)
            },
        };
        let change = Catalog::default().decide(request, Millis(0), &Rules::default());
        change.unwrap().catalog
    }

    fn delete(catalog: &Catalog, queue: &str, now: u64) -> Result<Change, Refused> {
        decide(catalog, Request::Delete { name: name(queue) }, now)
    }

    #[test]
    fn a_queue_is_created_shown_deleted_and_forgotten() {
        let catalog = create(&with_stream(StreamMode::OnDemand), "q", 10).unwrap();
        let queue = catalog.queue("q").unwrap();
        assert_eq!(queue.status(Millis(109)), Status::Creating);
        assert_eq!(queue.status(Millis(110)), Status::Active);
        let found = catalog.identified_queue(None, &queue.identifier);
        assert_eq!(found, Some(queue));
        assert_eq!(
            catalog.identified_queue(Some("eu-west-1"), &queue.identifier),
            None
        );
        let deleted = delete(&catalog, "q", 200).unwrap();
        assert_eq!(deleted.orphans, [entry::queue_of(1)]);
        let catalog = deleted.catalog;
        assert!(delete(&catalog, "q", 250).is_err());
        assert_eq!(catalog.former_queues().collect::<Vec<_>>(), [1]);
        let forget = |now| decide(&catalog, Request::Forget { name: name("q") }, now);
        assert!(forget(299).is_err());
        assert!(forget(300).unwrap().catalog.queue("q").is_none());
        let anew = create(&catalog, "q", 300).unwrap();
        assert_eq!(anew.queue("q").unwrap().id, 2);
        assert_ne!(anew.queue("q").unwrap().identifier, queue.identifier);
    }

    #[test]
    fn what_kinesis_refuses_is_refused() {
        let provisioned = create(&with_stream(StreamMode::Provisioned), "q", 10);
        let why = QueueRefused::Provisioned("s".try_into().unwrap());
        assert_eq!(provisioned.unwrap_err(), why.into());
        let missing = create(&Catalog::default(), "q", 10).unwrap_err();
        assert_eq!(missing, Refused::NoStream("s".try_into().unwrap()));
        let mut catalog = with_stream(StreamMode::OnDemand);
        for i in 0..limit::CONSUMERS {
            catalog = create(&catalog, &format!("q{i}"), 10).unwrap();
        }
        let why = QueueRefused::TooMany {
            stream: "s".try_into().unwrap(),
            allowed: limit::CONSUMERS,
        };
        assert_eq!(create(&catalog, "more", 10).unwrap_err(), why.into());
        let why = QueueRefused::Exists(name("q0"));
        assert_eq!(create(&catalog, "q0", 10).unwrap_err(), why.into());
        let stream = catalog::Request::DeleteStream {
            name: "s".try_into().unwrap(),
            with_consumers: true,
        };
        let in_use = catalog.decide(stream, Millis(10), &SLOW).unwrap_err();
        assert!(matches!(in_use, Refused::Read { .. }), "{in_use}");
    }

    #[test]
    fn attributes_change_one_by_one_and_only_of_an_active_queue() {
        let catalog = create(&with_stream(StreamMode::OnDemand), "q", 10).unwrap();
        let update = |now, max_receives| {
            let request = Request::Update {
                name: name("q"),
                visibility_seconds: None,
                max_receives,
            };
            decide(&catalog, request, now)
        };
        let status = Status::Creating;
        let why = QueueRefused::NotActive {
            queue: name("q"),
            status,
        };
        assert_eq!(update(20, None).unwrap_err(), why.into());
        let changed = update(200, Some(None)).unwrap().catalog;
        let queue = changed.queue("q").unwrap();
        assert_eq!(queue.status(Millis(200)), Status::Updating);
        let attributes = Attributes {
            max_receives: None,
            ..Attributes::default()
        };
        assert_eq!(queue.attributes, attributes);
    }
}
