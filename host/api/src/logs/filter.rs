//! FilterLogEvents: lines of a whole group, or of some of its streams. This is what following polls.

use std::collections::BTreeSet;

use millstream_core::{
    journal::{Kept, LogStream, Pattern, Place},
    time::Millis,
};
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
use crate::wire::schema::{Kind, Member, text};

/// Lines in an answer.
const EVENTS: usize = 10_000;

const MEMBERS: &[Member] = &[
    GROUP,
    GROUP_IDENTIFIER,
    Member::new(
        "logStreamNames",
        Kind::List {
            of: &STREAM_NAME,
            max: 100,
        },
    ),
    Member::new("logStreamNamePrefix", STREAM_NAME),
    START_TIME,
    END_TIME,
    Member::new("filterPattern", text(0, 1024)),
    NEXT_TOKEN,
    LINES,
    START_FROM_HEAD,
    Member::new("interleaved", Kind::Boolean),
    Member::new("unmask", Kind::Boolean),
];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Input {
    #[serde(flatten)]
    which: Which,
    log_stream_names: Option<Vec<String>>,
    log_stream_name_prefix: Option<String>,
    start_time: Option<i64>,
    end_time: Option<i64>,
    filter_pattern: Option<String>,
    next_token: Option<String>,
    limit: Option<usize>,
    start_from_head: Option<bool>,
}

pub(super) fn answer(call: &Call<'_>) -> Result<Value, Fault> {
    let input: Input = call.input(MEMBERS)?;
    let function = call.function(&input.which)?;
    let start = moment("startTime", input.start_time)?;
    let end = moment("endTime", input.end_time)?;
    let pattern = Pattern::parse(input.filter_pattern.as_deref().unwrap_or_default());
    let pattern = pattern
        .map_err(|why| Fault::Parameter(format!("Invalid filter pattern: {why} by Millstream.")))?;
    let calls = call.read(&function);
    let wanted = Wanted {
        from: Place::at(start.unwrap_or_default()),
        // Lines of that moment are wanted, too.
        to: end.map_or(Place::END, |Millis(ms)| {
            Place::at(Millis(ms.saturating_add(1)))
        }),
        streams: wanted_streams(call, &input, &calls)?,
        pattern: &pattern,
        limit: input.limit.unwrap_or(EVENTS),
    };
    let token = match input.next_token.as_deref() {
        Some(token) => Token::parse(token)?,
        None if input.start_from_head == Some(false) => Token::Backward(Place::END),
        None => Token::Forward(Place::START),
    };
    let (mut page, more) = wanted.page(&calls, token);
    let next = match token {
        Token::Forward(_) => page.last().map(|found| Token::Forward(found.place.next())),
        Token::Backward(_) => page.first().map(|found| Token::Backward(found.place)),
    };
    if matches!(token, Token::Backward(_)) {
        page.reverse();
    }
    let host = call.app.journals.host();
    let events = page.iter().map(|found| {
        let at = found.kept.at;
        json!({
            "logStreamName": found.kept.stream().name(host),
            "timestamp": at,
            "message": format!("{}\n", found.line.text),
            "ingestionTime": at,
            "eventId": found.place.to_string(),
        })
    });
    let mut answer = json!({"events": events.collect::<Vec<_>>(), "searchedLogStreams": []});
    if let Some(next) = next.filter(|_| more) {
        answer["nextToken"] = next.to_string().into();
    }
    Ok(answer)
}

/// None means all.
fn wanted_streams(
    call: &Call<'_>,
    input: &Input,
    calls: &[Kept],
) -> Result<Option<BTreeSet<LogStream>>, Fault> {
    let of = |is_wanted: &dyn Fn(&str) -> bool| {
        let known = streams(call, calls).into_iter();
        let wanted = known.filter(|(_, stream)| is_wanted(&stream.name));
        wanted.map(|(stream, _)| stream).collect::<BTreeSet<_>>()
    };
    match (&input.log_stream_names, &input.log_stream_name_prefix) {
        (None, None) => Ok(None),
        (None, Some(prefix)) => Ok(Some(of(&|name| name.starts_with(prefix.as_str())))),
        (Some(names), None) => {
            let distinct: BTreeSet<&str> = names.iter().map(String::as_str).collect();
            let found = of(&|name| distinct.contains(name));
            if found.len() == distinct.len() {
                Ok(Some(found))
            } else {
                Err(Fault::NoStream)
            }
        }
        (Some(_), Some(_)) => {
            let why = "Only one of logStreamNames and logStreamNamePrefix can be given.";
            Err(Fault::Parameter(why.to_owned()))
        }
    }
}
