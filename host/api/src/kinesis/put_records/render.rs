//! The answer of PutRecords, written by hand: a number and a shard for each record, 500 times.

use millstream_core::{
    catalog::Shard,
    port::Appended,
    sequence::{DIGITS, Digits, SequenceNumber},
};
use minicbor::Encoder;

use serde::Serialize;

use crate::{
    kinesis::{
        put::{Ready, exceeded},
        shard::shard_id,
    },
    wire::form::Form,
};

/// More than there is of a record.
const RECORD_BYTES: usize = DIGITS + 64;
const WHY: &str = "a Vec takes all";

/// A shard's part of the answer: the next record's number, and what stands behind each number.
struct Lane {
    number: Digits,
    rest: Vec<u8>,
}

pub(super) fn render(form: Form, ready: &Ready, appended: &[Appended]) -> Vec<u8> {
    let Ready {
        stream,
        planned,
        encrypted,
        watched: _,
    } = ready;
    let lane = |(shard, appended): (&Shard, &Appended)| Lane {
        number: SequenceNumber::of(shard, appended.first, appended.arrival).digits(),
        rest: rest(form, shard),
    };
    let mut lanes: Vec<Lane> = planned.shards.iter().zip(appended).map(lane).collect();
    let count = planned.lane_of.len();
    let mut out = head(form, count, planned.refused.len(), *encrypted);
    out.reserve(count * RECORD_BYTES);
    let front = front(form);
    let mut refused = planned.refused.iter();
    for &lane in &planned.lane_of {
        let Some(lane) = lanes.get_mut(lane as usize) else {
            let &(_, shard) = refused.next().expect("a record without a lane is refused");
            let message = exceeded(&shard_id(shard), stream);
            out.extend_from_slice(&failure(form, &message));
            continue;
        };
        out.extend_from_slice(&front);
        out.extend_from_slice(lane.number.as_bytes());
        out.extend_from_slice(&lane.rest);
        lane.number.advance();
    }
    if form == Form::Json {
        // The last record's comma.
        out.pop();
        out.extend_from_slice(b"]}");
    }
    out
}

/// All that comes before the records, so that they are the last member.
fn head(form: Form, records: usize, refused: usize, encrypted: bool) -> Vec<u8> {
    let refused = u64::try_from(refused).expect("a usize fits");
    match form {
        Form::Json => {
            let encryption = if encrypted {
                r#""EncryptionType":"KMS","#
            } else {
                ""
            };
            format!(r#"{{"FailedRecordCount":{refused},{encryption}"Records":["#).into()
        }
        Form::Cbor => {
            let mut out = Encoder::new(Vec::new());
            out.map(2 + u64::from(encrypted)).expect(WHY);
            out.str("FailedRecordCount")
                .and_then(|out| out.u64(refused))
                .expect(WHY);
            if encrypted {
                out.str("EncryptionType")
                    .and_then(|out| out.str("KMS"))
                    .expect(WHY);
            }
            let records = u64::try_from(records).expect("a usize fits");
            out.str("Records")
                .and_then(|out| out.array(records))
                .expect(WHY);
            out.into_writer()
        }
    }
}

/// What is told of a record that its shard did not take.
fn failure(form: Form, message: &str) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Failure<'a> {
        error_code: &'a str,
        error_message: &'a str,
    }
    let mut out = form.render(&Failure {
        error_code: "ProvisionedThroughputExceededException",
        error_message: message,
    });
    if form == Form::Json {
        out.push(b',');
    }
    out
}

/// What comes before the digits of a record's number.
fn front(form: Form) -> Vec<u8> {
    match form {
        Form::Json => br#"{"SequenceNumber":""#.into(),
        Form::Cbor => {
            let mut out = Encoder::new(Vec::new());
            out.map(2)
                .and_then(|out| out.str("SequenceNumber"))
                .expect(WHY);
            let digits = u64::try_from(DIGITS).expect("a usize fits");
            out.str_len(digits).expect(WHY);
            out.into_writer()
        }
    }
}

/// What comes after them.
fn rest(form: Form, shard: &Shard) -> Vec<u8> {
    match form {
        Form::Json => format!(r#"","ShardId":"{}"}},"#, shard.id()).into(),
        Form::Cbor => {
            let mut out = Encoder::new(Vec::new());
            out.str("ShardId")
                .and_then(|out| out.str(&shard.id()))
                .expect(WHY);
            out.into_writer()
        }
    }
}
