//! Channels: a stream delivered to object storage. What all five actions know of them.

pub(super) mod create_channel;
pub(super) mod delete_channel;
pub(super) mod describe_channel;
mod description;
pub(super) mod list_channels;
mod members;
pub(super) mod update_channel;

use std::sync::Arc;

use millstream_core::catalog::{Channel, channel::Refused, stream::tags::TagsRefused};

use super::call::Call;
use crate::error::Fault;

impl Call<'_> {
    /// The channel of an ARN whose pattern was checked. It ends with the id, not with the name.
    pub(super) fn channel(&self, arn: &str) -> Result<Arc<Channel>, Fault> {
        let missing = || {
            let account = &self.caller.account;
            Fault::NotFound(format!("Channel {arn} under account {account} not found."))
        };
        let id = self.resource(arn, ":channel/").map_err(|_| missing())?;
        let (catalog, now) = (self.catalog(), self.now());
        let mut here = catalog
            .channels()
            .filter(|channel| channel.name.region() == self.region() && !channel.is_gone(now));
        let found = here.find(|channel| channel.public_id() == id);
        found.cloned().ok_or_else(missing)
    }

    pub(super) fn channel_arn(&self, channel: &Channel) -> String {
        self.arn_of("channel", &channel.public_id())
    }

    pub(super) fn channel_fault(&self, refused: Refused) -> Fault {
        let account = &self.caller.account;
        match refused {
            Refused::Exists(name) => Fault::InUse(format!(
                "Channel {} under account {account} already exists.",
                name.name()
            )),
            Refused::NoChannel(name) => Fault::NotFound(format!(
                "Channel {} under account {account} not found.",
                name.name()
            )),
            Refused::NoStream(name) => Fault::NoStream(self.named(name.name())),
            Refused::StreamNotActive { stream, status } => Fault::NotActive {
                stream: self.named(stream.name()),
                status: status.name(),
            },
            Refused::NotOnDemand(name) => Fault::Argument(format!(
                "Stream {} is not in the on-demand capacity mode, which channels need.",
                self.named(name.name())
            )),
            Refused::NotActive { channel, status } => Fault::InUse(format!(
                "Channel {} under account {account} not ACTIVE, instead in state {}",
                channel.name(),
                status.name()
            )),
            Refused::TooMany => Fault::Limit(sentence(&refused)),
            Refused::Freshness(_) | Refused::Template(_) | Refused::ObjectKey(_) => {
                Fault::Argument(sentence(&refused))
            }
            Refused::Tags(error) => match error {
                TagsRefused::TooMany => Fault::Limit(error.to_string()),
                TagsRefused::Character | TagsRefused::Reserved(_) => {
                    Fault::Argument(error.to_string())
                }
            },
        }
    }
}

/// A lower-case fragment as Amazon would say it.
fn sentence(refused: &Refused) -> String {
    let text = refused.to_string();
    let mut rest = text.chars();
    let first = rest.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(rest).chain(['.']).collect()
}
