//! A queue under sixteen workers: some crash, some are slow, some records are poison, and the host is
//! killed under them.
//!
//! Every record ends acknowledged or dead, and none is delivered again after an acknowledgement was
//! answered.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::{Value, json};
use support::{Api, Host, Random, host, wait};

const WORKERS: usize = 16;
const KILLS: usize = 6;
/// Records that are put in each round.
const RECORDS: usize = 250;
/// One of so many records is never worked off.
const POISONED: u64 = 25;

/// What workers and producers know of the records, by their data.
#[derive(Debug, Default)]
struct Ledger {
    /// Those that are certainly in the stream.
    put: BTreeSet<String>,
    /// How often a record was received, and with which count an acknowledgement was answered.
    records: BTreeMap<String, Fate>,
}

#[derive(Debug, Default)]
struct Fate {
    /// The highest count of a delivery.
    received: u64,
    /// The count of the delivery that was acknowledged.
    acknowledged: Option<u64>,
    /// Whether an acknowledgement was sent and never answered.
    unknown: bool,
    dead: bool,
}

type Shared<'a> = &'a Mutex<Ledger>;

fn note<T>(ledger: Shared<'_>, what: impl FnOnce(&mut Ledger) -> T) -> T {
    what(&mut ledger.lock().unwrap_or_else(PoisonError::into_inner))
}

#[test]
fn records_are_acknowledged_or_dead_and_never_delivered_again() -> Result<()> {
    let home = host::folder()?;
    let data = home.path().join("data");
    let mut random = Random::announced("queue");
    let ledger = Mutex::new(Ledger::default());
    let mut queue = None;
    for round in 0..=KILLS {
        let host = Host::start_on(&data, &[])?;
        let arn = match queue.take() {
            Some(arn) => arn,
            None => create(&host.api)?,
        };
        let is_last = round == KILLS;
        work(host, &arn, round, &ledger, &mut random, is_last)?;
        queue = Some(arn);
    }
    let arn = queue.context("a round made it")?;
    let host = Host::start_on(&data, &[])?;
    drain(&host.api, &arn, &ledger)?;
    collect_dead(&host.api, &arn, &ledger)?;
    ensure!(host.stop()?.success(), "the host did not end well");
    note(&ledger, |ledger| verify(ledger))
}

fn create(api: &Api) -> Result<String> {
    let mode = json!({ "StreamMode": "ON_DEMAND" });
    let body = json!({ "StreamName": "work", "StreamModeDetails": mode });
    api.kinesis("CreateStream", &body)?.ok()?;
    let body = json!({ "StreamName": "work" });
    let stream = wait::until("the stream", || {
        let described = api.kinesis("DescribeStreamSummary", &body)?.ok()?;
        let summary = &described["StreamDescriptionSummary"];
        let active = summary["StreamStatus"] == "ACTIVE";
        Ok(active.then(|| summary["StreamARN"].clone()))
    })?;
    let start = json!({ "StreamARN": stream, "StartingPosition": { "Type": "TRIM_HORIZON" } });
    let dead = json!({ "TargetType": "BUILT_IN", "MaxReceiveCount": 5 });
    let attributes = json!({ "VisibilityTimeoutSeconds": 1, "DeadLetterConfiguration": dead });
    let body = json!({
        "QueueName": "work", "StreamConfigurationList": [start], "QueueAttributes": attributes,
    });
    let created = api.kinesis("CreateQueue", &body)?.ok()?;
    let arn = created["QueueDescription"]["QueueARN"].clone();
    wait::until("the queue", || {
        let described = api
            .kinesis("DescribeQueue", &json!({ "QueueARN": arn }))?
            .ok()?;
        Ok((described["QueueDescription"]["QueueStatus"] == "ACTIVE").then_some(()))
    })?;
    Ok(arn.as_str().context("an ARN")?.to_owned())
}

/// Runs workers until the host is killed under them; in the last round, until nothing is left.
fn work(
    host: Host,
    queue: &str,
    round: usize,
    ledger: Shared<'_>,
    random: &mut Random,
    is_last: bool,
) -> Result<()> {
    let api = host.api.clone();
    let life = Duration::from_millis(300 + random.below(900));
    let seeds: Vec<u64> = (0..WORKERS).map(|_| random.draw()).collect();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let workers: Vec<_> = seeds
            .into_iter()
            .map(|seed| {
                let (api, stop) = (&api, &stop);
                scope.spawn(move || worker(api, queue, ledger, &mut Random::seeded(seed), stop))
            })
            .collect();
        produce(&api, round, ledger)?;
        let ended = if is_last {
            settled(ledger).map(|()| Some(host))
        } else {
            // The moment of the kill is what this test draws lots for.
            thread::sleep(life);
            host.kill().map(|_home| None)
        };
        stop.store(true, Ordering::Relaxed);
        for worker in workers {
            worker.join().map_err(|_| anyhow!("a worker panicked"))??;
        }
        match ended? {
            Some(host) => host.kill().map(drop),
            None => Ok(()),
        }
    })
}

fn produce(api: &Api, round: usize, ledger: Shared<'_>) -> Result<()> {
    let ids: Vec<String> = (0..RECORDS).map(|i| format!("{round}/{i:05}")).collect();
    let record = |id: &String| {
        let data = base64_simd::STANDARD.encode_to_string(id.as_bytes());
        json!({ "PartitionKey": id, "Data": data })
    };
    let records: Vec<_> = ids.iter().map(record).collect();
    let body = json!({ "StreamName": "work", "Records": records });
    let answer = api.kinesis("PutRecords", &body)?.ok()?;
    ensure!(answer["FailedRecordCount"] == 0, "failed in part: {answer}");
    note(ledger, |ledger| ledger.put.extend(ids));
    Ok(())
}

fn is_poison(id: &str) -> bool {
    let number = id.rsplit('/').next().and_then(|n| n.parse::<u64>().ok());
    number.is_some_and(|n| n % POISONED == 0)
}

/// Waits until every record that can be worked off is.
fn settled(ledger: Shared<'_>) -> Result<()> {
    wait::until("all records to be worked off", || {
        let open = note(ledger, |ledger| {
            let done = |id: &&String| {
                let fate = ledger.records.get(*id);
                fate.is_some_and(|f| {
                    f.acknowledged.is_some() || f.unknown || f.received >= 5 || f.dead
                })
            };
            ledger.put.iter().filter(|id| !done(id)).count()
        });
        Ok((open == 0).then_some(()))
    })
}

/// Works off records until the host does not answer any more.
fn worker(
    api: &Api,
    queue: &str,
    ledger: Shared<'_>,
    random: &mut Random,
    stop: &AtomicBool,
) -> Result<()> {
    while !stop.load(Ordering::Relaxed) {
        let Ok(records) = receive(api, "ReceiveQueueRecords", queue) else {
            return Ok(());
        };
        let mut done = Vec::new();
        let mut released = Vec::new();
        note(ledger, |ledger| -> Result<()> {
            for record in &records {
                let (id, count) = identify(record)?;
                let fate = ledger.records.entry(id.clone()).or_default();
                fate.received = fate.received.max(count);
                let receipt = record["ReceiptHandle"].clone();
                if is_poison(&id) {
                    released
                        .push(json!({ "ReceiptHandle": receipt, "VisibilityTimeoutSeconds": 0 }));
                } else {
                    done.push((id, count, receipt));
                }
            }
            Ok(())
        })?;
        match random.below(20) {
            // It crashes: its records show again by themselves.
            0 => continue,
            // It is slow, for longer than its records are its own.
            1 => thread::sleep(Duration::from_millis(1_100)),
            _ => {}
        }
        if !released.is_empty() {
            let body = json!({ "QueueARN": queue, "Entries": released });
            if api.kinesis("UpdateQueueRecordsVisibility", &body).is_err() {
                return Ok(());
            }
        }
        if !done.is_empty() && !acknowledge(api, queue, &done, ledger)? {
            return Ok(());
        }
    }
    Ok(())
}

/// Gives whether the host still answers.
fn acknowledge(
    api: &Api,
    queue: &str,
    done: &[(String, u64, Value)],
    ledger: Shared<'_>,
) -> Result<bool> {
    let entry = |(_, _, receipt): &(String, u64, Value)| json!({ "ReceiptHandle": receipt });
    let entries: Vec<_> = done.iter().map(entry).collect();
    let body = json!({ "QueueARN": queue, "Entries": entries });
    let answer = api.kinesis("AcknowledgeQueueRecords", &body);
    let answered = match answer {
        Ok(answer) if answer.status == 200 => Some(answer.json()?),
        _ => None,
    };
    note(ledger, |ledger| -> Result<()> {
        for (id, count, receipt) in done {
            let fate = ledger.records.entry(id.clone()).or_default();
            let Some(answered) = &answered else {
                fate.unknown = true;
                continue;
            };
            let successful = answered["Successful"].as_array().context("a list")?;
            if successful
                .iter()
                .any(|one| one["ReceiptHandle"] == *receipt)
            {
                let before = fate.acknowledged.replace(*count);
                ensure!(before.is_none(), "{id} was acknowledged twice");
            }
        }
        Ok(())
    })?;
    Ok(answered.is_some())
}

fn receive(api: &Api, action: &str, queue: &str) -> Result<Vec<Value>> {
    let body = json!({ "QueueARN": queue, "WaitTimeSeconds": 1 });
    let answer = api.kinesis(action, &body)?.ok()?;
    Ok(answer["QueueRecords"].as_array().context("a list")?.clone())
}

fn identify(record: &Value) -> Result<(String, u64)> {
    let data = record["Data"].as_str().context("no data")?;
    let data = base64_simd::STANDARD.decode_to_vec(data)?;
    let count = record["ReceiveCount"].as_u64().context("no count")?;
    Ok((String::from_utf8(data)?, count))
}

/// Takes what is left: only records whose acknowledgement nobody answered.
fn drain(api: &Api, queue: &str, ledger: Shared<'_>) -> Result<()> {
    let patience = Instant::now() + Duration::from_secs(2);
    loop {
        let left = receive(api, "ReceiveQueueRecords", queue)?;
        if left.is_empty() && Instant::now() > patience {
            return Ok(());
        }
        let mut done = Vec::new();
        for record in &left {
            let (id, count) = identify(record)?;
            let is_unknown = note(ledger, |ledger| {
                let fate = ledger.records.entry(id.clone()).or_default();
                fate.received = fate.received.max(count);
                fate.unknown
            });
            ensure!(is_unknown, "{id} is left after a restart");
            done.push((id, count, record["ReceiptHandle"].clone()));
        }
        if !done.is_empty() {
            ensure!(acknowledge(api, queue, &done, ledger)?, "no answer");
        }
    }
}

/// Takes all dead letters; those that workers released last are hidden for a second.
fn collect_dead(api: &Api, queue: &str, ledger: Shared<'_>) -> Result<()> {
    let patience = Instant::now() + Duration::from_secs(3);
    loop {
        let letters = receive(api, "ReceiveDeadLetterQueueRecords", queue)?;
        if letters.is_empty() && Instant::now() > patience {
            return Ok(());
        }
        let mut entries = Vec::new();
        for letter in &letters {
            let (id, _) = identify(letter)?;
            note(ledger, |ledger| {
                ledger.records.entry(id).or_default().dead = true;
            });
            entries.push(json!({ "ReceiptHandle": letter["ReceiptHandle"] }));
        }
        if !entries.is_empty() {
            let body = json!({ "QueueARN": queue, "Entries": entries });
            let discarded = api
                .kinesis("AcknowledgeDeadLetterQueueRecords", &body)?
                .ok()?;
            ensure!(
                discarded["Failed"] == json!([]),
                "not discarded: {discarded}"
            );
        }
    }
}

fn verify(ledger: &Ledger) -> Result<()> {
    let Ledger { put, records } = ledger;
    for id in put {
        let fate = records
            .get(id)
            .with_context(|| format!("{id} was never delivered"))?;
        let ended = fate.acknowledged.is_some() || fate.unknown || fate.dead;
        ensure!(ended, "{id} is neither acknowledged nor dead: {fate:?}");
        // A receipt is good only while it is the record's newest, so a later delivery would be one
        // after the acknowledgement.
        let again = fate.acknowledged.is_some_and(|count| count < fate.received);
        ensure!(
            !again,
            "{id} was delivered after it was acknowledged: {fate:?}"
        );
        ensure!(
            !(fate.acknowledged.is_some() && fate.dead),
            "{id} died though it was done"
        );
        ensure!(
            !is_poison(id) || fate.dead,
            "{id} is poison and not dead: {fate:?}"
        );
    }
    let acknowledged = records.values().filter(|fate| fate.acknowledged.is_some());
    let dead = records.values().filter(|fate| fate.dead);
    println!(
        "{} put, {} acknowledged, {} dead",
        put.len(),
        acknowledged.count(),
        dead.count()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(id: &str, fate: Fate) -> String {
        let ledger = Ledger {
            put: [id.to_owned()].into(),
            records: [(id.to_owned(), fate)].into(),
        };
        verify(&ledger)
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default()
    }

    #[test]
    fn the_ledger_finds_what_is_lost_or_comes_again() {
        let done = |received| Fate {
            received,
            acknowledged: Some(2),
            ..Fate::default()
        };
        let dead = || Fate {
            received: 5,
            dead: true,
            ..Fate::default()
        };
        assert_eq!(fault("0/00001", done(2)), "");
        assert_eq!(fault("0/00025", dead()), "");
        assert!(fault("0/00001", done(3)).contains("after it was acknowledged"));
        let open = Fate {
            received: 1,
            ..Fate::default()
        };
        assert!(fault("0/00001", open).contains("neither acknowledged nor dead"));
        let both = Fate {
            acknowledged: Some(2),
            received: 2,
            ..dead()
        };
        assert!(fault("0/00001", both).contains("died though"));
        assert!(fault("0/00025", done(2)).contains("poison"));
    }
}
