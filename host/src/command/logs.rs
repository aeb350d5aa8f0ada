//! `millstream logs`: show or follow what a function logs.

use std::io::BufReader;

use jiff::Timestamp;
use millstream_core::{
    journal::{Pattern, PatternError},
    time::Since,
};
use serde_json::Value;

use super::Session;
use crate::{
    client::{
        events::{Event, Events},
        route::Route,
    },
    failure::Failure,
    output::printable,
};

/// Lines that following begins with, where nobody says how many.
const RECENT: u32 = 10;

/// Which lines.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A call's lines come together, once it has ended, under the moment of its end. The host keeps the
newest lines of each function in memory; they are gone when it stops.

--filter takes terms as CloudWatch does: 'a b' has both, '\"a b\"' as it stands, '?a ?b' one of them,
'-a' not that one.

Examples:
  millstream logs sessions
  millstream logs sessions -f
  millstream logs sessions --since 10m --filter '?error ?timed'
  millstream logs sessions --filter REPORT -n 20
  millstream logs sessions -f --json | jq -r .message")]
pub(crate) struct Args {
    /// The function.
    function: String,
    /// Go on with what it logs from now on.
    #[arg(short, long)]
    follow: bool,
    /// Only lines from then on: how long ago, such as 90s, 10m, 2h or 1d, or a moment, such as
    /// 2015-05-17T10:05:03Z.
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<String>,
    /// Only lines with these terms.
    #[arg(long, value_name = "TERMS", value_parser = terms, allow_hyphen_values = true)]
    filter: Option<String>,
    /// The newest so many lines; by default 1,000, and 10 before those that are followed.
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=10_000))]
    lines: Option<u32>,
}

fn since(text: &str) -> Result<String, String> {
    text.parse::<Since>().map(|_| text.to_owned())
}

fn terms(text: &str) -> Result<String, PatternError> {
    Pattern::parse(text).map(|_| text.to_owned())
}

pub(super) fn run(args: &Args, session: &Session) -> Result<(), Failure> {
    // Whoever says since when wants all of it.
    let recent = (args.follow && args.since.is_none()).then_some(RECENT);
    let route = Route::new(&["v1", "functions", &args.function, "logs"])
        .with_some("since", args.since.as_deref())
        .with_some("filter", args.filter.as_deref())
        .with_some("limit", args.lines.or(recent));
    if args.follow {
        return follow(&route.with("follow", true), session);
    }
    let logs = session.client.get(&route)?;
    for line in logs["lines"].as_array().into_iter().flatten() {
        print(line, &line.to_string(), session)?;
    }
    Ok(())
}

fn follow(route: &Route, session: &Session) -> Result<(), Failure> {
    let body = session.client.stream(route)?;
    for event in Events::new(BufReader::new(body)) {
        let event = event.map_err(|error| Failure::Cut {
            url: session.client.url().to_owned(),
            reason: error.to_string(),
            place: "lines that came after the last one shown can be read again".to_owned(),
        })?;
        let Event::Data(data) = event else {
            return Err(Failure::Answer("an event with a name".to_owned()));
        };
        let line: Value =
            serde_json::from_str(&data).map_err(|error| Failure::Answer(error.to_string()))?;
        print(&line, &data, session)?;
    }
    let why = "the host ended the stream, as it does when it stops; what it kept of logs is gone";
    Err(Failure::Failed(why.to_owned()))
}

fn print(line: &Value, json: &str, session: &Session) -> Result<(), Failure> {
    if session.output.json {
        session.output.line(json)
    } else {
        session.output.line(&show(line))
    }
}

fn show(line: &Value) -> String {
    let at = line["at_ms"].as_i64();
    let at = at.and_then(|ms| Timestamp::from_millisecond(ms).ok());
    let at = at.map_or_else(|| "-".to_owned(), |at| format!("{at:.3}"));
    let message = printable(line["message"].as_str().unwrap_or_default());
    let message = message.trim_end();
    match line["level"].as_str() {
        Some(level) => format!("{at} {:5} {message}", level.to_ascii_uppercase()),
        None => format!("{at} {message}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_functions_own_lines_show_their_level() {
        let at = 1_431_857_103_000_u64;
        let line = json!({"at_ms": at, "level": "warn", "message": "a\u{1b}b\n"});
        assert_eq!(show(&line), "2015-05-17T10:05:03.000Z WARN  a\\u{1b}b\\n");
        let line = json!({"at_ms": at, "message": "END RequestId: x"});
        assert_eq!(show(&line), "2015-05-17T10:05:03.000Z END RequestId: x");
    }

    #[test]
    fn what_the_host_would_refuse_is_refused_at_once() {
        assert!(since("10m").is_ok() && since("soon").is_err());
        assert!(terms("?a ?b").is_ok() && terms("{ $.a = 1 }").is_err());
    }
}
