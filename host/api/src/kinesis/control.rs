//! What a change comes to that the control plane did not carry out.

use millstream_core::{
    catalog::{
        Refused,
        stream::{
            consumer::ConsumerRefused, policy::PolicyRefused, setting::SettingRefused,
            tags::TagsRefused,
        },
    },
    port::ControlError,
};

use super::call::Call;
use crate::error::Fault;

impl Call<'_> {
    pub(super) fn control_fault(&self, error: ControlError) -> Fault {
        let refused = match error {
            ControlError::Refused(refused) => refused,
            ControlError::Commit(error) => return error.into(),
            ControlError::Read(error) => return error.into(),
            ControlError::Module(error) => return Fault::Internal(error.to_string()),
        };
        match refused {
            Refused::StreamExists(name) => Fault::StreamExists(self.named(name.name())),
            Refused::NoStream(name) => Fault::NoStream(self.named(name.name())),
            Refused::InUse { stream, trigger } => Fault::StreamInUse {
                stream: self.named(stream.name()),
                trigger: trigger.to_string(),
            },
            Refused::Shards { asked, allowed } => Fault::ShardsOfStream { asked, allowed },
            Refused::ShardLimit {
                open,
                more,
                allowed,
            } => Fault::ShardLimit {
                account: self.caller.account.clone(),
                region: self.caller.region.clone(),
                open,
                more,
                allowed,
            },
            Refused::NotActive { stream, status } => Fault::NotActive {
                stream: self.named(stream.name()),
                status: status.name(),
            },
            Refused::HasConsumers(stream) => Fault::InUse(format!(
                "Stream {} has registered consumers; deregister them first, \
                 or set EnforceConsumerDeletion.",
                self.named(stream.name())
            )),
            Refused::Read { stream, what } => Fault::InUse(format!(
                "Stream {} has {what}; delete them first.",
                self.named(stream.name())
            )),
            Refused::Queue(refused) => self.queue_fault(&refused),
            Refused::Reshard { stream, why } => self.reshard_fault(&stream, why),
            Refused::Channel(refused) => self.channel_fault(refused),
            Refused::Tags(error) => tags_fault(&error),
            Refused::Policy(error) => policy_fault(&error),
            Refused::StreamSetting(error) => setting_fault(&error),
            Refused::Consumer(error) => self.consumer_fault(error),
            Refused::NoFunction(_)
            | Refused::NoQualifier(..)
            | Refused::Function(_)
            | Refused::NoTrigger(_)
            | Refused::Setting(_)
            | Refused::Fixed(_) => Fault::Internal(refused.to_string()),
        }
    }

    fn consumer_fault(&self, error: ConsumerRefused) -> Fault {
        let account = &self.caller.account;
        match error {
            ConsumerRefused::Exists(name) => Fault::InUse(format!(
                "Consumer {name} under account {account} already exists."
            )),
            ConsumerRefused::None(name) => Fault::NotFound(format!(
                "Consumer {name} under account {account} not found."
            )),
            ConsumerRefused::TooMany(most) => Fault::Limit(format!(
                "A stream can have {most} registered consumers and queues."
            )),
            ConsumerRefused::Tags(error) => tags_fault(&error),
            ConsumerRefused::Policy(error) => policy_fault(&error),
        }
    }
}

fn tags_fault(error: &TagsRefused) -> Fault {
    match error {
        TagsRefused::TooMany => Fault::Limit(error.to_string()),
        TagsRefused::Character | TagsRefused::Reserved(_) => Fault::Argument(error.to_string()),
    }
}

fn policy_fault(error: &PolicyRefused) -> Fault {
    match error {
        PolicyRefused::Malformed(_) => Fault::Argument(error.to_string()),
        PolicyRefused::None => Fault::NotFound(error.to_string()),
    }
}

fn setting_fault(error: &SettingRefused) -> Fault {
    match error {
        SettingRefused::WarmOnDemandOnly | SettingRefused::NotCommitted => {
            Fault::Invalid(error.to_string())
        }
        SettingRefused::MustStayOnDemand { .. } => Fault::InUse(error.to_string()),
        SettingRefused::RetentionTooShort(_)
        | SettingRefused::RetentionTooLong(_)
        | SettingRefused::NotRaised { .. }
        | SettingRefused::NotLowered { .. }
        | SettingRefused::AutoOnDemandOnly
        | SettingRefused::OtherKey { .. } => Fault::Argument(error.to_string()),
    }
}
