//! Streams come, change and go: what follows for the catalog and the log.

use std::sync::Arc;

use super::{NewStream, Status, Stream, Transition, consumer, policy, setting, tags};
use crate::{
    catalog::{
        Catalog,
        change::{Change, Refused, Rules, StreamChange, delete, put},
        key::CatalogKey,
        trigger::TriggerSettings,
    },
    limit,
    name::StreamName,
    position::ShardNumber,
    time::Millis,
};

impl Catalog {
    pub(in crate::catalog) fn create_stream(
        &self,
        name: StreamName,
        settings: NewStream,
        now: Millis,
        rules: &Rules,
    ) -> Result<Change, Refused> {
        if self.streams.get(&name).is_some_and(|old| !old.is_gone(now)) {
            return Err(Refused::StreamExists(name));
        }
        let count = settings.count();
        self.room_for(count, count, name.region(), rules)?;
        let around = setting::Around {
            now,
            committed: self.account.committed_since.is_some(),
            has_queues: false,
        };
        setting::check_distribution(settings.mode, settings.distribution)?;
        if settings.warm_mibps.is_some() {
            setting::check_warm(settings.mode, around)?;
        }
        let mut next = self.clone();
        let first = ShardNumber(next.counters.next_shard);
        let mut stream = Stream {
            transition: Transition::new(Status::Creating, now, rules.change_ms),
            mode: settings.mode,
            warm_mibps: settings.warm_mibps,
            distribution: settings.distribution,
            ..Stream::new(name.clone(), count, first, now)
        };
        stream.record_kib = settings.record_kib.unwrap_or(stream.record_kib);
        tags::Change::Add(settings.tags).apply(&mut stream.tags)?;
        next.counters.next_shard += count;
        let puts = vec![
            put(CatalogKey::Stream(name.clone()), &stream),
            put(CatalogKey::Counters, &next.counters),
        ];
        next.streams.insert(name, Arc::new(stream));
        Ok(Change::of(next, puts, true))
    }

    /// Whether a stream of `region` may have `more` shards than now, `count` in all.
    pub(in crate::catalog) fn room_for(
        &self,
        count: u32,
        more: u32,
        region: Option<&str>,
        rules: &Rules,
    ) -> Result<(), Refused> {
        let left = limit::SHARDS_EVER - self.counters.next_shard;
        let allowed = left.min(limit::SHARDS_OF_STREAM);
        if !(1..=allowed).contains(&count) {
            let asked = count;
            return Err(Refused::Shards { asked, allowed });
        }
        let open = self.open_shards(region);
        let allowed = rules.shard_limit;
        if open.saturating_add(more) > allowed {
            return Err(Refused::ShardLimit {
                open,
                more,
                allowed,
            });
        }
        Ok(())
    }

    /// How many shards of a region take records; none is the host's own.
    #[must_use]
    pub fn open_shards(&self, region: Option<&str>) -> u32 {
        let here = |stream: &&Arc<Stream>| stream.name.region() == region && !stream.is_deleted();
        let streams = self.streams.values().filter(here);
        let open: usize = streams.map(|stream| stream.open_shards().count()).sum();
        u32::try_from(open).unwrap_or(u32::MAX)
    }

    pub(in crate::catalog) fn change_stream(
        &self,
        name: StreamName,
        change: StreamChange,
        now: Millis,
        rules: &Rules,
    ) -> Result<Change, Refused> {
        let mut stream = Stream::clone(self.changeable(&name, now)?);
        let committed = self.account.committed_since.is_some();
        let queues = self.queues_of(&name).count();
        match change {
            StreamChange::Reshard(reshard) => return self.reshard(stream, reshard, now, rules),
            StreamChange::Tags(change) => change.apply(&mut stream.tags)?,
            StreamChange::Policy(new) => policy::replace(&mut stream.policy, new)?,
            StreamChange::Setting(setting) => {
                check_active(&stream, now)?;
                let shows = setting.shows();
                let around = setting::Around {
                    now,
                    committed,
                    has_queues: queues > 0,
                };
                setting.apply(&mut stream, around)?;
                if shows {
                    stream.transition = Transition::new(Status::Updating, now, rules.change_ms);
                }
            }
            StreamChange::Consumer(consumer, change) => {
                let around = consumer::Around {
                    committed,
                    queues,
                    change_ms: rules.change_ms,
                };
                change.apply(&mut stream, &consumer, now, around)?;
            }
        }
        let mut next = self.clone();
        let puts = vec![put(CatalogKey::Stream(name.clone()), &stream)];
        next.streams.insert(name, Arc::new(stream));
        Ok(Change::of(next, puts, false))
    }

    /// The stream of that name that can be changed or deleted.
    fn changeable(&self, name: &StreamName, now: Millis) -> Result<&Stream, Refused> {
        let stream = self.streams.get(name).filter(|s| !s.is_gone(now));
        let stream = stream.ok_or_else(|| Refused::NoStream(name.clone()))?;
        if stream.is_deleted() {
            return Err(Refused::NotActive {
                stream: name.clone(),
                status: Status::Deleting,
            });
        }
        Ok(stream)
    }

    pub(in crate::catalog) fn delete_stream(
        &self,
        name: StreamName,
        with_consumers: bool,
        now: Millis,
        rules: &Rules,
    ) -> Result<Change, Refused> {
        let stream = self.changeable(&name, now)?;
        self.check_unused(stream, with_consumers, now)?;
        let drops = stream.shards.iter().map(|shard| shard.number).collect();
        let mut next = self.clone();
        let transition = Transition::new(Status::Deleting, now, rules.change_ms);
        let entry = if transition.is_some() {
            let deleted = Stream {
                transition,
                ..stream.clone()
            };
            let entry = put(CatalogKey::Stream(name.clone()), &deleted);
            next.streams.insert(name, Arc::new(deleted));
            entry
        } else {
            next.streams.remove(&name);
            delete(CatalogKey::Stream(name))
        };
        let mut change = Change::of(next, vec![entry], false);
        change.commit.drops = drops;
        Ok(change)
    }

    fn check_unused(
        &self,
        stream: &Stream,
        with_consumers: bool,
        now: Millis,
    ) -> Result<(), Refused> {
        let name = &stream.name;
        let uses =
            |t: &TriggerSettings| t.stream == *name || t.on_failure_stream.as_ref() == Some(name);
        if let Some(user) = self.triggers.values().find(|t| uses(&t.settings)) {
            return Err(Refused::InUse {
                stream: name.clone(),
                trigger: user.name.clone(),
            });
        }
        let read = |what| Refused::Read {
            stream: name.clone(),
            what,
        };
        let gone = |transition| Transition::is_over(transition, now);
        if self.queues_of(name).any(|queue| !gone(queue.transition)) {
            return Err(read("queues"));
        }
        if self.channels_of(name).any(|c| !gone(c.transition)) {
            return Err(read("channels"));
        }
        let registered = stream.consumers.values().any(|c| !c.is_gone(now));
        if registered && !with_consumers {
            return Err(Refused::HasConsumers(name.clone()));
        }
        Ok(())
    }

    pub(in crate::catalog) fn forget_stream(
        &self,
        name: StreamName,
        now: Millis,
    ) -> Result<Change, Refused> {
        let gone = self.streams.get(&name).is_some_and(|s| s.is_gone(now));
        if !gone {
            return Err(Refused::NoStream(name));
        }
        let mut next = self.clone();
        next.streams.remove(&name);
        let puts = vec![delete(CatalogKey::Stream(name))];
        Ok(Change::of(next, puts, false))
    }
}

/// A stream is changed only while it is not being changed already.
fn check_active(stream: &Stream, now: Millis) -> Result<(), Refused> {
    match stream.status(now) {
        Status::Active => Ok(()),
        status => Err(Refused::NotActive {
            stream: stream.name.clone(),
            status,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Request;

    const SLOW: Rules = Rules {
        shard_limit: 5,
        change_ms: 100,
    };

    fn name(text: &str) -> StreamName {
        text.try_into().unwrap()
    }

    fn create(catalog: &Catalog, stream: &str, shards: u32, now: u64) -> Result<Catalog, Refused> {
        let request = Request::CreateStream {
            name: name(stream),
            settings: NewStream::of(shards),
        };
        catalog
            .decide(request, Millis(now), &SLOW)
            .map(|change| change.catalog)
    }

    fn remove(catalog: &Catalog, stream: &str, now: u64) -> Result<Change, Refused> {
        let request = Request::DeleteStream {
            name: name(stream),
            with_consumers: false,
        };
        catalog.decide(request, Millis(now), &SLOW)
    }

    #[test]
    fn a_deleted_stream_shows_for_a_while_and_then_makes_room() {
        let catalog = create(&Catalog::default(), "a", 3, 0).unwrap();
        assert_eq!(
            catalog.stream("a").unwrap().status(Millis(99)),
            Status::Creating
        );
        let change = remove(&catalog, "a", 200).unwrap();
        assert_eq!(change.commit.drops.len(), 3);
        let catalog = change.catalog;
        assert_eq!(
            catalog.stream("a").unwrap().status(Millis(299)),
            Status::Deleting
        );
        assert!(remove(&catalog, "a", 299).is_err());
        assert!(create(&catalog, "a", 1, 299).is_err());
        assert_eq!(catalog.streams_of(None, Millis(300)).count(), 0);
        let forget = || Request::ForgetStream { name: name("a") };
        assert!(catalog.decide(forget(), Millis(299), &SLOW).is_err());
        let empty = catalog.decide(forget(), Millis(300), &SLOW).unwrap();
        assert!(empty.catalog.stream("a").is_none());
        let again = create(&catalog, "a", 1, 300).unwrap();
        assert_eq!(again.stream("a").unwrap().shards[0].number, ShardNumber(3));
    }

    #[test]
    fn the_limit_counts_the_open_shards_of_a_region() {
        let catalog = create(&Catalog::default(), "a", 3, 0).unwrap();
        let refused = create(&catalog, "b", 3, 0).unwrap_err();
        let limit = Refused::ShardLimit {
            open: 3,
            more: 3,
            allowed: 5,
        };
        assert_eq!(refused, limit);
        let catalog = create(&catalog, "eu-west-1:a", 5, 0).unwrap();
        assert_eq!(catalog.open_shards(Some("eu-west-1")), 5);
        let catalog = remove(&catalog, "a", 0).unwrap().catalog;
        assert!(create(&catalog, "b", 5, 0).is_ok());
    }
}
