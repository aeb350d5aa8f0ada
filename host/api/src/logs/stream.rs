//! DescribeLogStreams: a stream for each day and version.

use std::collections::BTreeMap;

use millstream_core::{
    journal::{Kept, LogStream},
    time::Millis,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    call::{Call, GROUP, GROUP_IDENTIFIER, LIMIT, NEXT_TOKEN, STREAM_NAME, Which},
    fault::Fault,
    page,
};
use crate::wire::schema::{Kind, Member, one_of};

/// Streams in an answer.
const STREAMS: usize = 50;
const BY_TIME: &str = "LastEventTime";

const MEMBERS: &[Member] = &[
    GROUP,
    GROUP_IDENTIFIER,
    Member::new("logStreamNamePrefix", STREAM_NAME),
    Member::new("orderBy", one_of(&["LogStreamName", BY_TIME])),
    Member::new("descending", Kind::Boolean),
    NEXT_TOKEN,
    LIMIT,
];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Input {
    #[serde(flatten)]
    which: Which,
    log_stream_name_prefix: Option<String>,
    order_by: Option<String>,
    #[serde(default)]
    descending: bool,
    next_token: Option<String>,
    limit: Option<usize>,
}

/// A log stream, as far as something is kept of it.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) name: String,
    first: Millis,
    last: Millis,
}

/// The log streams of calls.
pub(super) fn streams(call: &Call<'_>, calls: &[Kept]) -> BTreeMap<LogStream, Stream> {
    let host = call.app.journals.host();
    let mut streams = BTreeMap::new();
    for kept in calls {
        let stream = kept.stream();
        let known = streams.entry(stream).or_insert_with(|| Stream {
            name: stream.name(host),
            first: kept.at,
            last: kept.at,
        });
        known.last = kept.at;
    }
    streams
}

pub(super) fn describe(call: &Call<'_>) -> Result<Value, Fault> {
    let input: Input = call.input(MEMBERS)?;
    let function = call.function(&input.which)?;
    let by_time = input.order_by.as_deref() == Some(BY_TIME);
    let prefix = input.log_stream_name_prefix.as_deref();
    if by_time && prefix.is_some() {
        let why = "Cannot order by LastEventTime with a logStreamNamePrefix.";
        return Err(Fault::Parameter(why.to_owned()));
    }
    let streams = streams(call, &call.read(&function)).into_values();
    let mut streams: Vec<_> = streams
        .filter(|stream| stream.name.starts_with(prefix.unwrap_or_default()))
        .collect();
    streams.sort_by(|a, b| a.name.cmp(&b.name));
    if by_time {
        streams.sort_by_key(|stream| stream.last);
    }
    if input.descending {
        streams.reverse();
    }
    let arn = call.arn(&function);
    let views = streams.into_iter().map(|stream| {
        let view = view(&arn, &stream);
        (stream.name, view)
    });
    let limit = input.limit.unwrap_or(STREAMS);
    let (page, next) = page::named(views.collect(), input.next_token.as_deref(), limit)?;
    let mut answer = json!({"logStreams": page});
    if let Some(next) = next {
        answer["nextToken"] = next.into();
    }
    Ok(answer)
}

fn view(group: &str, stream: &Stream) -> Value {
    let Stream { name, first, last } = stream;
    json!({
        "logStreamName": name,
        "creationTime": first,
        "firstEventTimestamp": first,
        "lastEventTimestamp": last,
        "lastIngestionTime": last,
        "uploadSequenceToken": format!("{:056}", last.0),
        "arn": format!("{group}:log-stream:{name}"),
        "storedBytes": 0,
    })
}
