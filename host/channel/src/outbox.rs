//! Failure records on their way to SQS, SNS and S3: one courier for each trigger that has some.
//!
//! A lane's commit has made them durable; here they are sent, and removed once they were taken. Core
//! says what is sent and for how long; nothing here polls.

mod aws;
mod call;
mod courier;
mod desk;
mod outboxes;
mod refusal;
mod samples;
mod sender;
mod sns;
mod sqs;

pub use self::{
    aws::Aws,
    outboxes::{OutboxOptions, Outboxes},
};
