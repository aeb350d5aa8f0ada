//! PutRecords: up to 500 records in one commit, all of them durable or none.
//!
//! A body that is as it should be is scanned, its records straight into blocks. Anything else is looked
//! at again by the schema, which knows what Amazon says of it.

mod render;

use std::time::Instant;

use millstream_core::limit;
use serde::Deserialize;

use self::render::render;
use super::{
    call::Call,
    put::{self, Asked, Entry, EntryScan, Ready},
};
use crate::{
    error::Fault,
    wire::{
        answer::Answer,
        decode::malformed,
        scan::{Scan, Scanned, once, scanned},
        schema::{self, Kind, Member},
    },
};

const INPUT: &[Member] = &members(&Kind::Structure(&record(KEY.required())));
/// The same for a stream that spreads its records.
const KEYLESS: &[Member] = &members(&Kind::Structure(&record(KEY)));
const KEY: Member = Member::new("PartitionKey", schema::PARTITION_KEY);

const fn members(of: &'static Kind) -> [Member; 5] {
    let max = limit::PUT_RECORDS_COUNT;
    [
        Member::new("Records", Kind::List { of, max }).required(),
        schema::STREAM_NAME,
        schema::STREAM_ARN,
        schema::STREAM_ID,
        schema::DRY_RUN,
    ]
}

const fn record(key: Member) -> [Member; 3] {
    [
        key,
        Member::new("Data", schema::DATA).required(),
        Member::new("ExplicitHashKey", schema::HASH_KEY),
    ]
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input<'a> {
    #[serde(borrow)]
    records: Vec<Entry<'a>>,
    #[serde(borrow, flatten)]
    asked: Asked<'a>,
}

impl<'a> Scanned<'a> for Input<'a> {
    fn scan<S: Scan<'a>>(scan: &mut S) -> Option<Self> {
        let (mut records, mut asked) = (None, Asked::default());
        scan.structure(|scan, name| match name {
            b"Records" => once(&mut records, entries(scan)),
            name => asked.member(scan, name),
        })?;
        let records = records?;
        Some(Self { records, asked })
    }
}

/// 1 to 500 records, and no longer a list: a body of 16 MiB could hold half a million.
fn entries<'a, S: Scan<'a>>(scan: &mut S) -> Option<Vec<Entry<'a>>> {
    let mut entries = Vec::with_capacity(limit::PUT_RECORDS_COUNT);
    scan.list(|scan| {
        let mut members = EntryScan::default();
        scan.structure(|scan, name| members.member(scan, name))?;
        let fits = entries.len() < limit::PUT_RECORDS_COUNT;
        entries.push(fits.then(|| members.entry()).flatten()?);
        Some(())
    })?;
    (!entries.is_empty()).then_some(entries)
}

pub(super) async fn answer(call: &Call<'_>) -> Result<Answer, Fault> {
    let started = Instant::now();
    let prepare = || {
        let plain = scanned(call.form, call.body).filter(|input: &Input| input.asked.is_plain());
        let quickly = plain.and_then(|input| call.prepare(&input).ok());
        quickly.map_or_else(|| call.prepare_slowly(), Ok)
    };
    let (ready, durable) = call.put(started, prepare).await?;
    Ok(Answer::Whole(render(call.form, &ready, &durable)))
}

impl Call<'_> {
    fn prepare(&self, input: &Input<'_>) -> Result<Ready, Fault> {
        let stream = self.live_stream(input.asked.names())?;
        let app = &self.kinesis.app;
        let planned = put::encode(app, &stream, &input.records, |index| {
            format!("records.{}.member.data", index + 1)
        })?;
        input.asked.seriously()?;
        Ok(Ready {
            stream: self.named(stream.name.name()),
            planned,
            encrypted: stream.encryption_key.is_some(),
            watched: (!stream.monitored.is_empty()).then_some(stream),
        })
    }

    #[cold]
    fn prepare_slowly(&self) -> Result<Ready, Fault> {
        let value = put::checked(self, INPUT, KEYLESS)?;
        self.prepare(&Input::deserialize(&value).map_err(malformed)?)
    }
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, sample::Index};
    use serde_json::{Value, json};

    use super::*;
    use crate::wire::{cbor, decode::checked, form::Form};

    /// What an input asks for; none where data cannot be decoded.
    fn told(input: &Input<'_>) -> Option<Value> {
        let records: Option<Vec<_>> = input.records.iter().map(Entry::told).collect();
        Some(json!({"records": records?, "asked": format!("{:?}", input.asked)}))
    }

    fn bodies() -> [(Form, Vec<u8>); 2] {
        let records = json!([
            {"Data": "AAAA", "PartitionKey": "a\u{e9}"},
            {"PartitionKey": "b", "Data": "", "ExplicitHashKey": "12"},
        ]);
        let body = json!({"Records": records, "StreamName": "s", "DryRun": false});
        [Form::Json, Form::Cbor].map(|form| (form, form.render(&body)))
    }

    #[test]
    fn what_clients_send_is_read_quickly() {
        for (form, body) in bodies() {
            let input = scanned::<Input<'_>>(form, &body).unwrap();
            assert_eq!(input.records.len(), 2);
        }
        let none = br#"{"Records":[],"StreamName":"s"}"#;
        assert!(scanned::<Input<'_>>(Form::Json, none).is_none());
        let many = json!({"Records": vec![json!({"Data": "", "PartitionKey": "k"}); 501]});
        for body in [many.to_string().into_bytes(), cbor::encode(&many)] {
            assert!(scanned::<Input<'_>>(Form::Json, &body).is_none());
            assert!(scanned::<Input<'_>>(Form::Cbor, &body).is_none());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn what_is_read_quickly_is_what_is_read_slowly(
            body in prop::sample::select(bodies().to_vec()),
            changes in prop::collection::vec((any::<Index>(), any::<u8>()), 0..3),
        ) {
            let (form, mut body) = body;
            for (at, byte) in changes {
                let at = at.index(body.len());
                body[at] = byte;
            }
            let quickly = scanned::<Input<'_>>(form, &body);
            if let Some(quickly) = quickly.as_ref().and_then(told) {
                match checked(form, &body, INPUT) {
                    Ok(value) => {
                        let slowly = Input::deserialize(&value).unwrap();
                        prop_assert_eq!(Some(quickly), told(&slowly));
                    }
                    // Constraints are checked by what is done with the input.
                    Err(fault) => prop_assert!(matches!(fault, Fault::Validation(_)), "{fault}"),
                }
            }
        }
    }
}
