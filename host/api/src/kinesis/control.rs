//! What a change comes to that the control plane did not carry out.

use millstream_core::{catalog::Refused, port::ControlError};

use super::Kinesis;
use crate::error::Fault;

impl Kinesis {
    pub(super) fn control_fault(&self, error: ControlError) -> Fault {
        let refused = match error {
            ControlError::Refused(refused) => refused,
            ControlError::Commit(error) => return error.into(),
            ControlError::Read(error) => return error.into(),
            ControlError::Module(error) => return Fault::Internal(error.to_string()),
        };
        match refused {
            Refused::StreamExists(name) => Fault::StreamExists(self.named(name.as_str())),
            Refused::NoStream(name) => Fault::NoStream(self.named(name.as_str())),
            Refused::InUse { stream, trigger } => Fault::StreamInUse {
                stream: self.named(stream.as_str()),
                trigger: trigger.to_string(),
            },
            Refused::Shards { asked, allowed } => Fault::ShardLimit {
                account: self.app.identity.account.clone(),
                region: self.app.identity.region.clone(),
                asked,
                allowed,
            },
            Refused::NoFunction(_)
            | Refused::NoTrigger(_)
            | Refused::Setting(_)
            | Refused::Fixed(_) => Fault::Internal(refused.to_string()),
        }
    }
}
