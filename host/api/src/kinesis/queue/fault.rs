//! What a queue's refusals come to.

use millstream_core::catalog::queue::QueueRefused;

use crate::{error::Fault, kinesis::call::Call};

impl Call<'_> {
    pub(in crate::kinesis) fn queue_fault(&self, refused: &QueueRefused) -> Fault {
        let account = &self.caller.account;
        match refused {
            QueueRefused::Exists(name) => Fault::InUse(format!(
                "Queue {} under account {account} already exists.",
                name.name()
            )),
            QueueRefused::Missing(name) => self.no_queue(name.name()),
            QueueRefused::NotActive { queue, status } => Fault::InUse(format!(
                "Queue {} under account {account} not ACTIVE, instead in state {}",
                queue.name(),
                status.name()
            )),
            QueueRefused::Provisioned(stream) => Fault::Invalid(format!(
                "Stream {} is in PROVISIONED mode. \
                 Queues are supported only on streams in ON_DEMAND mode.",
                self.named(stream.name())
            )),
            QueueRefused::TooMany { stream, allowed } => Fault::Limit(format!(
                "Stream {} has reached its limit of {allowed} registered consumers and queues.",
                self.named(stream.name())
            )),
        }
    }

    /// There is no queue of that name, or with that identifier in its ARN.
    pub(super) fn no_queue(&self, queue: &str) -> Fault {
        let account = &self.caller.account;
        Fault::NotFound(format!("Queue {queue} under account {account} not found."))
    }
}
