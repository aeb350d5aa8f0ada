//! What workers want to happen with records that they received: a batch, each entry by itself.

use millstream_core::{
    catalog::Status,
    port::Wish,
    queue::{Receipt, Refusal},
};
use serde::{Deserialize, Serialize};

use super::members;
use crate::{
    error::Fault,
    kinesis::call::Call,
    wire::{
        answer::Answer,
        schema::{self, Kind, Member},
    },
};

const RECEIPT: Member = Member::new("ReceiptHandle", schema::text(1, 1024)).required();
const ENTRIES: usize = 10;
const HANDLES: &[Member] = &[
    members::QUEUE_ARN,
    Member::new(
        "Entries",
        Kind::List {
            of: &Kind::Structure(&[RECEIPT]),
            max: ENTRIES,
        },
    )
    .required(),
];
const TIMEOUTS: &[Member] = &[
    members::QUEUE_ARN,
    Member::new(
        "Entries",
        Kind::List {
            of: &Kind::Structure(&[RECEIPT, members::VISIBILITY.required()]),
            max: ENTRIES,
        },
    )
    .required(),
];

/// What is asked for, of records or of dead letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Acknowledge { dead: bool },
    ChangeVisibility { dead: bool },
    Restore,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    #[serde(rename = "QueueARN")]
    queue_arn: String,
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    receipt_handle: String,
    #[serde(default)]
    visibility_timeout_seconds: u32,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output<'a> {
    successful: Vec<Done<'a>>,
    failed: Vec<Failed<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Done<'a> {
    receipt_handle: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Failed<'a> {
    receipt_handle: &'a str,
    error_code: &'static str,
    error_message: String,
}

impl Verb {
    fn members(self) -> &'static [Member] {
        match self {
            Self::Acknowledge { .. } | Self::Restore => HANDLES,
            Self::ChangeVisibility { .. } => TIMEOUTS,
        }
    }

    fn dead(self) -> bool {
        match self {
            Self::Acknowledge { dead } | Self::ChangeVisibility { dead } => dead,
            Self::Restore => true,
        }
    }

    fn wish(self, entry: &Entry) -> Wish {
        match self {
            Self::Acknowledge { .. } => Wish::Acknowledge,
            Self::ChangeVisibility { .. } => {
                Wish::Hide(u64::from(entry.visibility_timeout_seconds) * 1000)
            }
            Self::Restore => Wish::Restore,
        }
    }
}

pub(super) async fn answer(call: &Call<'_>, verb: Verb) -> Result<Answer, Fault> {
    let Input { queue_arn, entries } = call.input(verb.members())?;
    let queue = call.queue(&queue_arn)?;
    if queue.status(call.now()) == Status::Deleting {
        return Err(call.no_queue(queue.name.name()));
    }
    let key = call.kinesis.token_key().await?;
    let opened = entries.iter().map(|entry| {
        let receipt = Receipt::open(key, &entry.receipt_handle)?;
        Some((receipt, verb.wish(entry)))
    });
    let opened: Vec<Option<(Receipt, Wish)>> = opened.collect();
    let wishes: Vec<_> = opened.iter().copied().flatten().collect();
    let outcomes = call.kinesis.app.queues.settle(queue, verb.dead(), wishes);
    let mut outcomes = outcomes.await?.into_iter();
    let mut output = Output::default();
    for (entry, opened) in entries.iter().zip(&opened) {
        let receipt_handle = entry.receipt_handle.as_str();
        let outcome = opened.and_then(|_| outcomes.next());
        match outcome {
            Some(Ok(())) => output.successful.push(Done { receipt_handle }),
            Some(Err(refusal)) => output.failed.push(refused(receipt_handle, refusal)),
            None => output.failed.push(Failed {
                receipt_handle,
                error_code: "InvalidArgumentException",
                error_message: "The receipt handle is not valid.".to_owned(),
            }),
        }
    }
    Ok(call.output(&output))
}

fn refused(receipt_handle: &str, refusal: Refusal) -> Failed<'_> {
    let (error_code, error_message) = match refusal {
        Refusal::Gone => (
            "ResourceNotFoundException",
            "The record is no longer in the queue.",
        ),
        Refusal::Stale => (
            "InvalidArgumentException",
            "The receipt handle is no longer valid, because the record was received again or restored.",
        ),
        Refusal::Foreign => (
            "InvalidArgumentException",
            "The receipt handle was not issued for this operation on this queue.",
        ),
    };
    Failed {
        receipt_handle,
        error_code,
        error_message: error_message.to_owned(),
    }
}
