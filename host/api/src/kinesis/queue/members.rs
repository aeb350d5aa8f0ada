//! Members that several actions of queues share, and the queue that an ARN names.

use std::sync::Arc;

use millstream_core::catalog::Queue;

use crate::{
    error::Fault,
    kinesis::call::Call,
    wire::schema::{self, Kind, Member, Pattern},
};

const QUEUE_ARN_PATTERN: Pattern =
    Pattern::Other(r"arn:aws.*:kinesis:.*:\d{12}:queue/\S+", is_queue_arn);

fn is_queue_arn(text: &str) -> bool {
    schema::is_arn_of("queue", text)
}

/// `QueueARN`, by which all actions but two know a queue.
pub(super) const QUEUE_ARN: Member =
    Member::new("QueueARN", schema::text_of(QUEUE_ARN_PATTERN, 1, 2048)).required();

/// `VisibilityTimeoutSeconds`, up to twelve hours.
pub(super) const VISIBILITY: Member = Member::new(
    "VisibilityTimeoutSeconds",
    Kind::Integer {
        min: 0,
        max: 43_200,
    },
);

/// `StreamARN`, where a stream is named within a list.
pub(super) const STREAM_ARN: Member = schema::STREAM_ARN.required();

/// `QueueAttributes`.
pub(super) const ATTRIBUTES: Member = Member::new(
    "QueueAttributes",
    Kind::Structure(&[
        VISIBILITY,
        Member::new(
            "DeadLetterConfiguration",
            Kind::Structure(&[
                Member::new("TargetType", schema::one_of(&["BUILT_IN", "NONE"])).required(),
                Member::new("MaxReceiveCount", Kind::Integer { min: 1, max: 1000 }),
            ]),
        ),
    ]),
);

impl Call<'_> {
    /// The queue of an ARN, whatever it is doing.
    pub(in crate::kinesis) fn queue(&self, arn: &str) -> Result<Arc<Queue>, Fault> {
        let said = arn.rsplit_once(":queue/").map_or(arn, |(_, name)| name);
        let missing = || self.no_queue(said);
        let identifier = self.resource(arn, ":queue/").map_err(|_| missing())?;
        let catalog = self.catalog();
        let found = catalog.identified_queue(self.region(), identifier);
        let found = found.filter(|queue| !queue.is_gone(self.now()));
        found.cloned().ok_or_else(missing)
    }

    /// A queue's ARN.
    pub(in crate::kinesis) fn queue_arn(&self, queue: &Queue) -> String {
        self.arn_of("queue", &queue.identifier)
    }
}
