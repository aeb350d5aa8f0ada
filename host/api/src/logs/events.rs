//! GetLogEvents: lines of one stream, forwards and backwards.

use millstream_core::journal::{Pattern, Place};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    call::{
        Call, END_TIME, GROUP, GROUP_IDENTIFIER, LINES, NEXT_TOKEN, START_FROM_HEAD, START_TIME,
        STREAM_NAME, Which, moment,
    },
    fault::Fault,
    page::{Token, Wanted},
    stream::streams,
};
use crate::wire::schema::{Kind, Member};

/// Lines in an answer.
const EVENTS: usize = 10_000;

const MEMBERS: &[Member] = &[
    GROUP,
    GROUP_IDENTIFIER,
    Member::new("logStreamName", STREAM_NAME).required(),
    START_TIME,
    END_TIME,
    NEXT_TOKEN,
    LINES,
    START_FROM_HEAD,
    Member::new("unmask", Kind::Boolean),
];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Input {
    #[serde(flatten)]
    which: Which,
    log_stream_name: String,
    start_time: Option<i64>,
    end_time: Option<i64>,
    next_token: Option<String>,
    limit: Option<usize>,
    #[serde(default)]
    start_from_head: bool,
}

pub(super) fn answer(call: &Call<'_>) -> Result<Value, Fault> {
    let input: Input = call.input(MEMBERS)?;
    let function = call.function(&input.which)?;
    let start = moment("startTime", input.start_time)?;
    let end = moment("endTime", input.end_time)?;
    let calls = call.read(&function);
    let mut known = streams(call, &calls).into_iter();
    let stream = known.find(|(_, stream)| stream.name == input.log_stream_name);
    let (stream, _) = stream.ok_or(Fault::NoStream)?;
    let wanted = Wanted {
        from: Place::at(start.unwrap_or_default()),
        // Unlike FilterLogEvents, without the lines of that moment.
        to: end.map_or(Place::END, Place::at),
        streams: Some([stream].into()),
        pattern: &Pattern::default(),
        limit: input.limit.unwrap_or(EVENTS),
    };
    let token = match input.next_token.as_deref() {
        Some(token) => Token::parse(token)?,
        None if input.start_from_head => Token::Forward(Place::START),
        None => Token::Backward(Place::END),
    };
    let (page, _) = wanted.page(&calls, token);
    // A client that gets the token that it gave is at the end.
    let (forward, backward) = match (page.first(), page.last(), token) {
        (Some(first), Some(last), _) => (last.place.next(), first.place),
        (_, _, Token::Forward(place)) => (place, place),
        (_, _, Token::Backward(Place::END)) => (Place::START, Place::START),
        (_, _, Token::Backward(place)) => (place, place),
    };
    let events = page.iter().map(|found| {
        let at = found.kept.at;
        json!({
            "timestamp": at,
            "message": format!("{}\n", found.line.text),
            "ingestionTime": at,
        })
    });
    Ok(json!({
        "events": events.collect::<Vec<_>>(),
        "nextForwardToken": Token::Forward(forward).to_string(),
        "nextBackwardToken": Token::Backward(backward).to_string(),
    }))
}
