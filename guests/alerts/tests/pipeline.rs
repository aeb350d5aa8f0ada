//! The four functions as one pipeline over a real log, against a second computation.
//!
//! Three lanes, as three shards have them: a client's lines are all in one.

use std::{collections::BTreeMap, fs, path::Path};

use millstream_sdk::{
    Handler,
    testing::{Host, Outcome},
};
use serde_json::Value;

const LANES: usize = 3;
const FLUSH: (&str, &[u8]) = ("flush", b"{\"flush\":true}");

type Records = Vec<(String, Vec<u8>)>;

/// Runs a function over its lanes in batches, each lane with state of its own.
fn run<M>(
    stream: &str,
    lanes: &[Records],
    batch: usize,
    handler: impl Handler<M> + Copy,
) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for (number, lane) in lanes.iter().enumerate() {
        let mut host = Host::new()
            .stream(stream)
            .shard_id(&format!("shardId-{number:012}"));
        for records in lane.chunks(batch) {
            let outcome = host.run(handler, records.iter().map(|(key, data)| (key, data)));
            assert_eq!(outcome.error, None);
            assert_eq!(outcome.failures, []);
            let (reads, writes) = outcome.state_calls;
            assert!(reads <= 2 && writes <= 1, "{reads} reads, {writes} writes");
            outcomes.push(outcome);
        }
    }
    outcomes
}

fn lane_of(key: &str) -> usize {
    key.bytes().map(usize::from).sum::<usize>() % LANES
}

/// The records for a stream, on the lanes of their keys.
fn routed(outcomes: &[Outcome], stream: &str) -> Vec<Records> {
    let mut lanes = vec![Records::new(); LANES];
    for (key, data) in outcomes
        .iter()
        .filter_map(|o| o.outputs.get(stream))
        .flatten()
    {
        lanes[lane_of(key)].push((key.clone(), data.clone()));
    }
    lanes
}

fn json(outcomes: &[Outcome], stream: &str) -> Vec<Value> {
    outcomes
        .iter()
        .flat_map(|outcome| outcome.json(stream))
        .collect()
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().expect("the field is text")
}

fn number(value: &Value, field: &str) -> u64 {
    value[field].as_u64().expect("the field is a number")
}

/// What the log says, found by cutting lines at fixed marks and no code of the functions.
#[derive(Debug, Default, PartialEq)]
struct Expected {
    unparsable: usize,
    /// Requests and bytes by minute.
    minutes: BTreeMap<String, (u64, u64)>,
    sessions: BTreeMap<String, usize>,
    requests: u64,
}

fn expected(log: &str) -> Expected {
    let mut expected = Expected::default();
    let mut visits: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for line in log.lines() {
        let parts: Vec<&str> = line.split('"').collect();
        // Escaped quotes only ever make more parts.
        if parts.len() < 7 || !line.ends_with('"') {
            expected.unparsable += 1;
            continue;
        }
        let (client, rest) = line.split_once(' ').expect("a line of the format");
        let time = &rest[rest.find('[').expect("a time") + 1..][..20];
        let bytes = parts[2].split_whitespace().nth(1).expect("bytes");
        // All of the log is from May 2015, in UTC.
        assert_eq!(&time[2..12], "/May/2015:");
        let number = |from: usize| time[from..from + 2].parse::<u64>().expect("two digits");
        let minute = format!(
            "2015-05-{:02}T{:02}:{:02}",
            number(0),
            number(12),
            number(15)
        );
        let entry = expected.minutes.entry(minute).or_default();
        entry.0 += 1;
        entry.1 += bytes.parse().unwrap_or(0);
        expected.requests += 1;
        let second = ((number(0) * 24 + number(12)) * 60 + number(15)) * 60 + number(18);
        visits.entry(client).or_default().push(second);
    }
    for (client, mut seconds) in visits {
        seconds.sort_unstable();
        let sessions = seconds.chunk_by(|a, b| b - a <= 30 * 60).count();
        expected.sessions.insert(client.to_owned(), sessions);
    }
    expected
}

fn found(parsed: &[Outcome], metrics: &[Outcome], sessions: &[Outcome]) -> Expected {
    let mut found = Expected {
        unparsable: json(parsed, "unparsable").len(),
        ..Expected::default()
    };
    for part in json(metrics, "metrics") {
        if part["section"] == "*" {
            let minute = text(&part, "minute")[..16].to_owned();
            let entry = found.minutes.entry(minute).or_default();
            entry.0 += number(&part, "requests");
            entry.1 += number(&part, "bytes");
        }
    }
    for session in json(sessions, "sessions") {
        let client = text(&session, "client").to_owned();
        *found.sessions.entry(client).or_default() += 1;
        found.requests += number(&session, "requests");
    }
    found
}

#[test]
fn a_real_log_gives_exactly_the_expected_counts_in_batches_of_any_size() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/apache_access.log");
    let Ok(log) = fs::read_to_string(&path) else {
        println!("skipped: there is no ../shared/data/apache_access.log");
        return;
    };
    let expected = expected(&log);
    for batch in [1000, 37] {
        let mut lanes = vec![Records::new(); LANES];
        for line in log.lines() {
            let client = line.split(' ').next().unwrap();
            lanes[lane_of(client)].push((client.to_owned(), line.as_bytes().to_vec()));
        }
        let parsed = run("access-log", &lanes, batch, guest_access_log::handle);
        let mut events = routed(&parsed, "events");
        for lane in &mut events {
            lane.push((FLUSH.0.to_owned(), FLUSH.1.to_vec()));
        }
        let metrics = run("events", &events, batch, guest_metrics::handle);
        let sessions = run("events", &events, batch, guest_sessions::handle);
        assert_eq!(found(&parsed, &metrics, &sessions), expected);

        let mut alerts = run("events", &events, batch, guest_alerts::handle);
        let parts = routed(&metrics, "metrics");
        alerts.extend(run("metrics", &parts, batch, guest_alerts::handle));
        let mut alerts = json(&alerts, "alerts");
        alerts.sort_by_key(|alert| alert["message"].to_string());
        let subjects: Vec<_> = alerts
            .iter()
            .map(|a| a["subject"].as_str().unwrap())
            .collect();
        // Five clients that probe for known holes, a crawler with broken links, one bad minute.
        let expected = [
            "144.76.95.39",
            "188.165.243.45",
            "195.250.34.144",
            "198.245.61.43",
            "91.236.75.25",
            "95.78.54.93",
            "*",
        ];
        assert_eq!(subjects, expected, "{alerts:#?}");
    }
}
