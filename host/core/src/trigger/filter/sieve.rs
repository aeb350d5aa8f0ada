//! A trigger's filters on one shard, or on a part of it: which of its records are delivered.

use serde_json::{Map, Value};

use super::{criteria::FilterCriteria, tree::Node};
use crate::{
    catalog::Shard,
    sequence::SequenceNumber,
    trigger::{batch::Record, share::Share},
};

/// The record's data, decoded, as patterns name it.
pub(super) const DATA: &str = "data";

/// The filters of a trigger, for the records of one shard. There is at least one, or the shard is
/// divided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sieve {
    criteria: FilterCriteria,
    shard: Shard,
    share: Share,
    /// Which fields of a record the filters ask for at all.
    needs: Needs,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Needs {
    data: bool,
    partition_key: bool,
    sequence_number: bool,
    arrival: bool,
    schema: bool,
}

/// What becomes of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is delivered.
    Kept,
    /// The filters leave it out.
    Filtered,
    /// It is another lane's.
    Foreign,
}

impl Sieve {
    /// None where there is no filter and no other lane: then all records are wanted.
    #[must_use]
    pub fn new(criteria: &FilterCriteria, shard: &Shard, share: Share) -> Option<Self> {
        let mut needs = Needs::default();
        let ways = criteria.patterns().flat_map(|pattern| pattern.ways());
        for name in ways.flat_map(Node::names) {
            match name {
                DATA => needs.data = true,
                "partitionKey" => needs.partition_key = true,
                "sequenceNumber" => needs.sequence_number = true,
                "approximateArrivalTimestamp" => needs.arrival = true,
                "kinesisSchemaVersion" => needs.schema = true,
                // Kinesis's records have no such field: what asks for it matches none.
                _ => (),
            }
        }
        (!criteria.is_empty() || !share.is_whole()).then(|| Self {
            criteria: criteria.clone(),
            shard: shard.clone(),
            share,
            needs,
        })
    }

    /// What becomes of the record.
    #[must_use]
    pub fn fate(&self, record: &Record<'_>) -> Fate {
        if !self.share.owns(record.key) {
            Fate::Foreign
        } else if self.criteria.is_empty() || self.keeps(record) {
            Fate::Kept
        } else {
            Fate::Filtered
        }
    }

    /// Whether a filter matches the record. Data that is no JSON object has no fields, not even absent
    /// ones: nothing that asks for data matches it.
    #[must_use]
    pub fn keeps(&self, record: &Record<'_>) -> bool {
        let data = self.needs.data.then(|| serde_json::from_slice(record.data));
        let mut event = self.metadata(record);
        let has_data = match data {
            Some(Ok(data @ Value::Object(_))) => {
                event.insert(DATA.to_owned(), data);
                true
            }
            _ => false,
        };
        let counts = |way: &Node| has_data || !way.names().any(|name| name == DATA);
        let mut patterns = self.criteria.patterns();
        patterns.any(|pattern| pattern.matches_by(&event, counts))
    }

    /// What is asked for of the record's fields beside its data, as Lambda's events have them.
    fn metadata(&self, record: &Record<'_>) -> Map<String, Value> {
        let mut event = Map::new();
        let mut put = |wanted: bool, name: &str, value: &dyn Fn() -> Value| {
            if wanted {
                event.insert(name.to_owned(), value());
            }
        };
        let needs = &self.needs;
        put(needs.partition_key, "partitionKey", &|| record.key.into());
        put(needs.sequence_number, "sequenceNumber", &|| {
            let Record {
                position, arrival, ..
            } = *record;
            let number = SequenceNumber::of(&self.shard, position, arrival);
            number.to_string().into()
        });
        put(needs.arrival, "approximateArrivalTimestamp", &|| {
            (record.arrival.0 as f64 / 1000.0).into()
        });
        put(needs.schema, "kinesisSchemaVersion", &|| "1.0".into());
        event
    }
}
