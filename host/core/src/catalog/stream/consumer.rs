//! Registered consumers of a stream (enhanced fan-out).

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{
    Status, Stream, Tags, Transition,
    policy::{self, PolicyRefused},
    tags::{self, TagsRefused},
};
use crate::{limit, name::ConsumerName, time::Millis};

/// A registered consumer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consumer {
    /// Its name, unique within the stream.
    pub name: ConsumerName,
    /// When it was registered; part of its ARN, in seconds.
    pub created: Millis,
    /// The newest change, while it shows.
    #[serde(default)]
    pub transition: Option<Transition>,
    /// Its tags.
    #[serde(default)]
    pub tags: Tags,
    /// Its resource policy, as JSON.
    #[serde(default)]
    pub policy: Option<String>,
}

impl Consumer {
    /// What it is doing.
    #[must_use]
    pub fn status(&self, now: Millis) -> Status {
        Transition::status(self.transition, now)
    }

    /// Whether it was deregistered, and does not even show as that any more.
    #[must_use]
    pub fn is_gone(&self, now: Millis) -> bool {
        Transition::is_over(self.transition, now)
    }
}

/// A change of one consumer.
#[derive(Debug, Clone)]
pub enum ConsumerChange {
    /// Registers it, with these tags.
    Register(Tags),
    /// Deregisters it.
    Deregister,
    /// Its tags.
    Tags(tags::Change),
    /// Its policy; none removes it.
    Policy(Option<String>),
}

/// Why a consumer is not changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ConsumerRefused {
    /// The name is taken.
    #[error("consumer {0} already exists")]
    Exists(ConsumerName),
    /// There is no such consumer.
    #[error("consumer {0} does not exist")]
    None(ConsumerName),
    /// The stream has as many as it may have.
    #[error("a stream can have {0} consumers and queues")]
    TooMany(usize),
    /// Its tags are not right.
    #[error(transparent)]
    Tags(#[from] TagsRefused),
    /// Its policy is not right.
    #[error(transparent)]
    Policy(#[from] PolicyRefused),
}

/// What changing a consumer depends on beside its stream.
#[derive(Debug, Clone, Copy)]
pub struct Around {
    /// Whether the account has committed to a throughput.
    pub committed: bool,
    /// Queues of the stream, which share the limit of its consumers.
    pub queues: usize,
    /// How long changes show, in milliseconds.
    pub change_ms: u64,
}

impl ConsumerChange {
    /// Changes the consumer of that name, or leaves the stream as it is.
    ///
    /// # Errors
    /// Why the change is not made.
    pub fn apply(
        self,
        stream: &mut Stream,
        name: &ConsumerName,
        now: Millis,
        around: Around,
    ) -> Result<(), ConsumerRefused> {
        stream
            .consumers
            .retain(|_, consumer| !consumer.is_gone(now));
        match self {
            Self::Register(added) => register(stream, name, added, now, around),
            Self::Deregister => {
                let transition = Transition::new(Status::Deleting, now, around.change_ms);
                let held = held(stream, name)?;
                held.transition = transition;
                if transition.is_none() {
                    stream.consumers.remove(name);
                }
                Ok(())
            }
            Self::Tags(change) => Ok(change.apply(&mut held(stream, name)?.tags)?),
            Self::Policy(new) => Ok(policy::replace(&mut held(stream, name)?.policy, new)?),
        }
    }
}

/// The consumer, unless it is being deregistered.
fn held<'s>(
    stream: &'s mut Stream,
    name: &ConsumerName,
) -> Result<&'s mut Consumer, ConsumerRefused> {
    let found = stream.consumers.get_mut(name);
    found
        .filter(|consumer| {
            consumer
                .transition
                .is_none_or(|t| t.status != Status::Deleting)
        })
        .ok_or_else(|| ConsumerRefused::None(name.clone()))
}

fn register(
    stream: &mut Stream,
    name: &ConsumerName,
    added: Tags,
    now: Millis,
    around: Around,
) -> Result<(), ConsumerRefused> {
    if stream.consumers.contains_key(name) {
        return Err(ConsumerRefused::Exists(name.clone()));
    }
    let most = if around.committed {
        limit::CONSUMERS_COMMITTED
    } else {
        limit::CONSUMERS
    };
    if stream.consumers.len() + around.queues >= most {
        return Err(ConsumerRefused::TooMany(most));
    }
    let mut consumer = Consumer {
        name: name.clone(),
        created: now,
        transition: Transition::new(Status::Creating, now, around.change_ms),
        tags: Tags::new(),
        policy: None,
    };
    tags::Change::Add(added).apply(&mut consumer.tags)?;
    stream.consumers.insert(name.clone(), consumer);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::position::ShardNumber;

    const AROUND: Around = Around {
        committed: false,
        queues: 18,
        change_ms: 10,
    };

    #[test]
    fn consumers_come_and_go_and_are_limited() {
        let mut stream = Stream::new("s".try_into().unwrap(), 1, ShardNumber(0), Millis(0));
        let name = |text: &str| ConsumerName::try_from(text).unwrap();
        let mut change = |who: &str, change: ConsumerChange, now| {
            change.apply(&mut stream, &name(who), Millis(now), AROUND)
        };
        let register = || ConsumerChange::Register(Tags::new());
        change("a", register(), 0).unwrap();
        assert_eq!(
            change("a", register(), 0),
            Err(ConsumerRefused::Exists(name("a")))
        );
        change("b", register(), 0).unwrap();
        assert_eq!(
            change("c", register(), 0),
            Err(ConsumerRefused::TooMany(20))
        );
        change("a", ConsumerChange::Deregister, 100).unwrap();
        let twice = change("a", ConsumerChange::Deregister, 109);
        assert_eq!(twice, Err(ConsumerRefused::None(name("a"))));
        assert!(change("c", register(), 109).is_err(), "it still shows");
        change("c", register(), 110).unwrap();
        assert_eq!(stream.consumers.len(), 2);
    }
}
