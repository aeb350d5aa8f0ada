//! What an ARN names: a stream, one of its consumers, a queue, a channel.

use std::sync::Arc;

use millstream_core::{
    catalog::{
        Change, Request, Stream, StreamChange, Transition, channel, queue,
        stream::{Consumer, ConsumerChange, Tags, tags},
    },
    name::{ChannelName, ConsumerName, QueueName, StreamName},
};

use super::call::{Call, Names};
use crate::error::Fault;

/// Something that has tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Resource {
    Stream(StreamName),
    Consumer(StreamName, ConsumerName),
    Queue(QueueName),
    Channel(ChannelName),
}

impl Call<'_> {
    /// What `arn` names, which must be there.
    pub(super) fn resource_of(&self, arn: &str) -> Result<Resource, Fault> {
        let missing = || Fault::NotFound(format!("Resource {arn} not found."));
        let (catalog, now) = (self.catalog(), self.now());
        let over = |transition| Transition::is_over(transition, now);
        if arn.contains(":queue/") {
            return Ok(Resource::Queue(self.queue(arn)?.name.clone()));
        }
        if arn.contains(":channel/") {
            let name = ChannelName::within(self.region(), self.resource(arn, ":channel/")?).ok();
            let found = name.filter(|name| {
                let channel = catalog.channel(name.as_str());
                channel.is_some_and(|channel| !over(channel.transition))
            });
            return found.map(Resource::Channel).ok_or_else(missing);
        }
        if arn.contains("/consumer/") {
            let (stream, consumer) = self.consumer_of(arn)?;
            return Ok(Resource::Consumer(stream.name.clone(), consumer.name));
        }
        let names = Names {
            arn: Some(arn),
            ..Names::default()
        };
        Ok(Resource::Stream(self.stream_of(names)?.name.clone()))
    }

    /// The consumer of that ARN, with its stream. An older consumer of the name is another one.
    pub(super) fn consumer_of(&self, arn: &str) -> Result<(Arc<Stream>, Consumer), Fault> {
        let missing = || {
            let account = &self.caller.account;
            Fault::NotFound(format!("Consumer {arn} under account {account} not found."))
        };
        let (stream, consumer) = arn.rsplit_once("/consumer/").ok_or_else(missing)?;
        let names = Names {
            arn: Some(stream),
            ..Names::default()
        };
        let stream = self.stream_of(names)?;
        let (name, created) = consumer.rsplit_once(':').ok_or_else(missing)?;
        let now = self.now();
        let found = stream.consumers.get(name).filter(|consumer| {
            !consumer.is_gone(now) && consumer.created.seconds().to_string() == created
        });
        let consumer = found.cloned().ok_or_else(missing)?;
        Ok((stream, consumer))
    }

    /// A consumer's ARN.
    pub(super) fn consumer_arn(&self, stream: &Stream, consumer: &Consumer) -> String {
        let created = consumer.created.seconds();
        format!("{}/consumer/{}:{created}", self.arn(stream), consumer.name)
    }

    /// The tags of something that was found.
    pub(super) fn tags_of(&self, resource: &Resource) -> Tags {
        let catalog = self.catalog();
        let tags = match resource {
            Resource::Stream(name) => catalog.stream(name.as_str()).map(|s| &s.tags),
            Resource::Consumer(stream, name) => {
                let stream = catalog.stream(stream.as_str());
                let consumer = stream.and_then(|stream| stream.consumers.get(name));
                consumer.map(|consumer| &consumer.tags)
            }
            Resource::Queue(name) => catalog.queue(name.as_str()).map(|q| &q.tags),
            Resource::Channel(name) => catalog.channel(name.as_str()).map(|c| &c.tags),
        };
        // It may have gone meanwhile.
        tags.cloned().unwrap_or_default()
    }

    /// Changes the tags of something that was found.
    pub(super) async fn tag(
        &self,
        resource: Resource,
        change: tags::Change,
    ) -> Result<Change, Fault> {
        let request = match resource {
            Resource::Stream(name) => Request::ChangeStream {
                name,
                change: StreamChange::Tags(change),
            },
            Resource::Consumer(name, consumer) => Request::ChangeStream {
                name,
                change: StreamChange::Consumer(consumer, ConsumerChange::Tags(change)),
            },
            Resource::Queue(name) => Request::Queue(queue::Request::Tags { name, change }),
            Resource::Channel(name) => Request::Channel(channel::Request::Tags { name, change }),
        };
        self.apply(request).await
    }
}
