//! Producers that remember exactly what the host acknowledged.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};

use anyhow::{Result, ensure};
use serde_json::json;
use support::{Api, Random, records::Record};

/// What became of the records that were sent, kept apart from the host's directory.
/// An id names one record for ever and is sent once.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Answered by 200, in the order in which each producer sent them.
    pub(crate) acknowledged: Vec<String>,
    /// Refused with the promise that nothing was written.
    pub(crate) refused: Vec<String>,
    /// No answer came: they may have been written, or not.
    pub(crate) unknown: Vec<String>,
}

impl Ledger {
    /// Takes over what another ledger holds.
    pub(crate) fn extend(&mut self, other: Self) {
        let Self {
            acknowledged,
            refused,
            unknown,
        } = other;
        self.acknowledged.extend(acknowledged);
        self.refused.extend(refused);
        self.unknown.extend(unknown);
    }
}

/// Sends records to `in` until told to stop or until the host does not answer any more.
/// Keys are the producer's own, so that the order of its records in a shard is known.
pub(crate) fn produce(
    api: &Api,
    producer: u64,
    next: &AtomicU64,
    random: &mut Random,
    stop: &AtomicBool,
) -> Result<Ledger> {
    let mut ledger = Ledger::default();
    while !stop.load(Ordering::Relaxed) {
        let ids: Vec<String> = (0..=random.below(20))
            .map(|_| format!("{producer}/{:08}", next.fetch_add(1, Ordering::Relaxed)))
            .collect();
        let records: Vec<_> = ids
            .iter()
            .map(|id| {
                let data = base64_simd::STANDARD.encode_to_string(id.as_bytes());
                json!({ "PartitionKey": format!("{producer}-{}", random.below(5)), "Data": data })
            })
            .collect();
        let body = json!({ "StreamName": "in", "Records": records });
        match api.kinesis("PutRecords", &body) {
            Ok(answer) if answer.status == 200 => {
                ensure!(
                    answer.json()?["FailedRecordCount"] == 0,
                    "failed in part: {answer:?}"
                );
                ledger.acknowledged.extend(ids);
            }
            Ok(answer) => {
                ensure!(
                    answer.status >= 500,
                    "a good request was refused: {answer:?}"
                );
                ledger.refused.extend(ids);
            }
            Err(_) => {
                ledger.unknown.extend(ids);
                break;
            }
        }
    }
    Ok(ledger)
}

/// Checks that a stream holds every acknowledged record once, no refused one, nothing that was not
/// sent, and each producer's records of a key in the order in which they were sent.
pub(crate) fn check(ledger: &Ledger, stored: &[Record]) -> Result<()> {
    let mut seen = BTreeMap::new();
    let mut newest = BTreeMap::new();
    for record in stored {
        let id = record.text()?;
        let before = seen.insert(id.to_owned(), &record.sequence);
        ensure!(
            before.is_none(),
            "{id} is there twice: {before:?} and {}",
            record.sequence
        );
        // Ids have a fixed width, so that their order is the order of their text.
        let newer = newest
            .insert(record.key.as_str(), id)
            .is_none_or(|before| before < id);
        ensure!(newer, "{id} is out of order in {}", record.shard);
    }
    for id in &ledger.acknowledged {
        ensure!(
            seen.remove(id).is_some(),
            "{id} was acknowledged and is lost"
        );
    }
    for id in &ledger.refused {
        ensure!(!seen.contains_key(id), "{id} was refused and is there");
    }
    for id in seen.keys() {
        ensure!(
            ledger.unknown.contains(id),
            "{id} is there and was never sent"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(ids: &[&str]) -> Vec<Record> {
        let record = |id: &&str| Record {
            shard: "shardId-000000000000".to_owned(),
            sequence: String::new(),
            key: "k".to_owned(),
            data: id.as_bytes().to_vec(),
            arrival_ms: 0,
        };
        ids.iter().map(record).collect()
    }

    fn fault(ids: &[&str]) -> String {
        let ledger = Ledger {
            acknowledged: vec!["0/1".to_owned(), "0/2".to_owned()],
            refused: vec!["0/3".to_owned()],
            unknown: vec!["0/4".to_owned()],
        };
        check(&ledger, &stored(ids))
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default()
    }

    #[test]
    fn the_ledger_finds_what_is_lost_repeated_moved_or_foreign() {
        assert_eq!(fault(&["0/1", "0/2"]), "");
        assert_eq!(fault(&["0/1", "0/2", "0/4"]), "");
        assert!(fault(&["0/1"]).contains("lost"));
        assert!(fault(&["0/1", "0/2", "0/2"]).contains("twice"));
        assert!(fault(&["0/2", "0/1"]).contains("out of order"));
        assert!(fault(&["0/1", "0/2", "0/3"]).contains("refused"));
        assert!(fault(&["0/1", "0/2", "0/5"]).contains("never sent"));
    }
}
