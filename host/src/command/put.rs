//! `millstream put`: records from a file or stdin into a stream, with an exact account of what is
//! stored when something goes wrong.

pub(crate) mod feed;
pub(crate) mod sender;

use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, mpsc},
    thread,
    time::{Duration, Instant},
};

use clap::ValueEnum;
use indicatif::ProgressBar;
use serde_json::json;

use self::{
    feed::Feed,
    sender::{Sender, Tally},
};
use super::{Session, progress};
use crate::{
    client::{Payload, route::Route},
    failure::Failure,
    interrupt,
    output::{bytes, count},
};

const READ_BYTES: usize = 256 << 10;
/// How long answers under way are waited for after a signal.
const GRACE: Duration = Duration::from_secs(5);

/// What to put where.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Each request is stored whole or not at all. With one connection the order of the input is kept.
When it is interrupted or fails, it says how many records are stored, and from which line on the
input is not.

Examples:
  millstream put --stream access-log --file access.log --key-field 1
  tail -F access.log | millstream put --stream access-log --key-field 1
  millstream put --stream clicks --file clicks.ndjson --key-pointer /user/id
  millstream put --stream photos --file photo.jpg --format raw --key album-1")]
pub(crate) struct Args {
    /// The stream.
    #[arg(long, value_name = "NAME")]
    stream: String,
    /// The file to read; `-` is stdin.
    #[arg(long, value_name = "FILE", default_value = "-")]
    file: PathBuf,
    /// One partition key for all records.
    #[arg(long, value_name = "KEY", group = "keys")]
    key: Option<String>,
    /// The Nth field of each line is its partition key; fields are separated by blanks.
    #[arg(long, value_name = "N", group = "keys", value_parser = clap::value_parser!(u32).range(1..))]
    key_field: Option<u32>,
    /// A JSON pointer to the partition key in each line, as in /user/id.
    #[arg(long, value_name = "POINTER", group = "keys")]
    key_pointer: Option<String>,
    /// What a record is. Default: ndjson for *.ndjson and *.jsonl, otherwise lines.
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,
    /// Requests under way at the same time; with more than one, requests may overtake each other.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    connections: u8,
    /// How long to try again while the host is full or busy.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    retry_for: u64,
}

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Each line.
    Lines,
    /// Each line, which must be JSON.
    Ndjson,
    /// The whole input is one record.
    Raw,
}

pub(super) fn run(args: Args, session: &Session) -> Result<(), Failure> {
    let format = args.format();
    let (input, bar) = args.open(session)?;
    let sender = Sender {
        client: session.client.clone(),
        route: args.route(format),
        connections: args.connections.into(),
        patience: Duration::from_secs(args.retry_for),
        bar,
    };
    let began = Instant::now();
    if format == Format::Raw {
        return put_raw(input, &sender, session);
    }
    let tally = put_lines(input, sender)?;
    report(tally, &args, began.elapsed(), session)
}

impl Args {
    fn format(&self) -> Format {
        let extension = self.file.extension().and_then(|e| e.to_str());
        self.format.unwrap_or(match extension {
            Some("ndjson" | "jsonl") => Format::Ndjson,
            _ => Format::Lines,
        })
    }

    fn open(&self, session: &Session) -> Result<(Box<dyn Read + Send>, ProgressBar), Failure> {
        if self.file == Path::new("-") {
            let bar = progress::of_unknown_length(session.output, "put");
            return Ok((Box::new(io::stdin()), bar));
        }
        let unreadable = |source| Failure::File {
            path: self.file.clone(),
            source,
        };
        let file = File::open(&self.file).map_err(unreadable)?;
        let about = file.metadata().map_err(unreadable)?;
        if about.is_dir() {
            return Err(unreadable(io::ErrorKind::IsADirectory.into()));
        }
        let bar = progress::over_bytes(session.output, about.len(), "put");
        Ok((Box::new(file), bar))
    }

    fn route(&self, format: Format) -> Route {
        let format = match format {
            Format::Lines => "lines",
            Format::Ndjson => "ndjson",
            Format::Raw => "raw",
        };
        records(&self.stream)
            .with("format", format)
            .with_some("key", self.key.as_deref())
            .with_some("key_field", self.key_field)
            .with_some("key_pointer", self.key_pointer.as_deref())
    }
}

/// Where a stream's records go.
pub(crate) fn records(stream: &str) -> Route {
    Route::new(&["v1", "streams", stream, "records"])
}

/// What wakes the command while its threads read and send.
enum News {
    AllSent,
    Interrupted,
}

/// Reads and sends until the end of the input, a failure or a signal, whichever comes first.
fn put_lines(input: Box<dyn Read + Send>, sender: Sender) -> Result<Tally, Failure> {
    let feed = Arc::new(Feed::default());
    let tally = Arc::new(Mutex::new(Tally::default()));
    let (news, arrived) = mpsc::channel();
    interrupt::on_first({
        let news = news.clone();
        // Nobody listens any more once everything is sent.
        move || drop(news.send(News::Interrupted))
    })?;
    // Neither is joined: a read of stdin, or a request to a host that hangs, cannot be broken off.
    thread::spawn({
        let feed = Arc::clone(&feed);
        move || feed.read(BufReader::with_capacity(READ_BYTES, input))
    });
    let bar = sender.bar.clone();
    thread::spawn({
        let (feed, tally) = (Arc::clone(&feed), Arc::clone(&tally));
        move || {
            sender.run(&feed, &tally);
            drop(news.send(News::AllSent));
        }
    });
    let interrupted = matches!(arrived.recv(), Ok(News::Interrupted));
    if interrupted {
        feed.stop();
        // Whether the answers came in time is in the tally.
        drop(arrived.recv_timeout(GRACE));
    }
    bar.finish_and_clear();
    let mut tally = std::mem::take(&mut *tally.lock().expect("no holder panics"));
    if tally.failure.is_none() {
        tally.failure = match feed.take_error() {
            _ if interrupted => Some(Failure::Interrupted(String::new())),
            error => error.map(|error| Failure::Failed(error.to_string())),
        };
    }
    Ok(tally)
}

fn put_raw(mut input: Box<dyn Read + Send>, to: &Sender, session: &Session) -> Result<(), Failure> {
    let mut record = Vec::new();
    let read = input.read_to_end(&mut record);
    read.map_err(|error| Failure::Failed(format!("cannot read the input: {error}")))?;
    let payload = Payload::Bytes(&record);
    let answer = to.client.send("POST", &to.route, payload)?.body;
    to.bar.finish_and_clear();
    session.output.print(&answer, |answer| {
        let size = answer["bytes"].as_u64().unwrap_or_default();
        format!("put 1 record ({})", bytes(size))
    })
}

fn report(tally: Tally, args: &Args, took: Duration, session: &Session) -> Result<(), Failure> {
    let next_line = resume_at(&tally, args.connections);
    let summary = json!({
        "stream": args.stream,
        "records": tally.records,
        "bytes": tally.bytes,
        "requests": tally.requests,
        "unknown_records": tally.unknown,
        "next_line": next_line,
        "complete": tally.failure.is_none(),
        "seconds": (took.as_secs_f64() * 1000.0).round() / 1000.0,
    });
    session
        .output
        .print(&summary, |_| sentence(&tally, next_line, took))?;
    match tally.failure {
        Some(failure) => Err(failure),
        None => Ok(()),
    }
}

/// The first line that was not acknowledged. Only a single connection keeps the order that makes
/// everything before it acknowledged.
fn resume_at(tally: &Tally, connections: u8) -> Option<u64> {
    (tally.failure.is_some() && connections == 1).then_some(tally.lines + 1)
}

fn sentence(tally: &Tally, next_line: Option<u64>, took: Duration) -> String {
    let mut text = format!(
        "put {} records ({}) in {:.2} s",
        count(tally.records),
        bytes(tally.bytes),
        took.as_secs_f64()
    );
    if tally.unknown > 0 {
        let unknown = count(tally.unknown);
        text += &format!("; {unknown} more may or may not be stored");
    }
    if let Some(line) = next_line {
        text += &format!(
            "; line {} of the input is the first without an answer",
            count(line)
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    fn args(line: &str) -> Result<Args, clap::Error> {
        let line = format!("millstream put --stream s {line}");
        let cli = Cli::try_parse_from(line.split_whitespace())?;
        match cli.command {
            Command::Put(args) => Ok(args),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_extension_tells_the_format() {
        assert_eq!(args("--file a.ndjson").unwrap().format(), Format::Ndjson);
        assert_eq!(args("--file a.jsonl").unwrap().format(), Format::Ndjson);
        assert_eq!(args("--file a.log").unwrap().format(), Format::Lines);
        assert_eq!(args("").unwrap().format(), Format::Lines);
        let given = args("--file a.ndjson --format lines").unwrap();
        assert_eq!(given.format(), Format::Lines);
    }

    #[test]
    fn there_is_one_kind_of_key() {
        let route = |line: &str| {
            let args = args(line).unwrap();
            args.route(args.format()).to_string()
        };
        let base = "/v1/streams/s/records?format=lines";
        assert_eq!(route(""), base);
        assert_eq!(route("--key-field 1"), format!("{base}&key_field=1"));
        assert_eq!(
            route("--key-pointer /a/b"),
            format!("{base}&key_pointer=%2Fa%2Fb")
        );
        assert!(args("--key a --key-field 1").is_err());
        assert!(args("--key-field 0").is_err());
        assert!(args("--connections 0").is_err());
    }

    #[test]
    fn the_account_names_what_is_unknown() {
        let mut tally = Tally {
            records: 1200,
            bytes: 2048,
            ..Tally::default()
        };
        let took = Duration::from_millis(500);
        assert_eq!(
            sentence(&tally, None, took),
            "put 1,200 records (2.00 KiB) in 0.50 s"
        );
        assert_eq!(resume_at(&tally, 1), None);
        tally.failure = Some(Failure::Failed(String::new()));
        tally.lines = 1200;
        tally.unknown = 300;
        assert_eq!(resume_at(&tally, 1), Some(1201));
        assert_eq!(resume_at(&tally, 2), None);
        let text = sentence(&tally, Some(1201), took);
        assert!(text.ends_with("300 more may or may not be stored; line 1,201 of the input is the first without an answer"), "{text}");
    }
}
