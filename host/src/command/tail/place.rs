//! How far a tail has come, so that another can go on there.

use std::{collections::BTreeMap, fmt};

use serde_json::Value;

/// Shards that are told; a stream may have thousands.
const TOLD: usize = 16;

/// The last record of each shard.
#[derive(Debug, Default)]
pub(super) struct Place(BTreeMap<String, String>);

impl Place {
    pub(super) fn passed(&mut self, record: &Value) {
        let field = |name: &str| record[name].as_str();
        let (Some(shard), Some(number)) = (field("shard_id"), field("sequence_number")) else {
            return;
        };
        match self.0.get_mut(shard) {
            Some(last) => number.clone_into(last),
            None => {
                self.0.insert(shard.to_owned(), number.to_owned());
            }
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("no record had come");
        }
        f.write_str("the last records were")?;
        for (at, (shard, number)) in self.0.iter().take(TOLD).enumerate() {
            let separator = if at == 0 { "" } else { "," };
            write!(f, "{separator} --shard {shard} --from {number}")?;
        }
        match self.0.len().saturating_sub(TOLD) {
            0 => Ok(()),
            more => write!(f, ", and those of {more} more shards"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tells_the_last_record_of_each_shard() {
        let mut place = Place::default();
        for (shard, number) in [("a", "1"), ("b", "2"), ("a", "3")] {
            place.passed(&json!({"shard_id": shard, "sequence_number": number}));
        }
        let told = "the last records were --shard a --from 3, --shard b --from 2";
        assert_eq!(place.to_string(), told);
        for shard in 0..20 {
            let shard = shard.to_string();
            place.passed(&json!({"shard_id": shard, "sequence_number": "4"}));
        }
        let told = place.to_string();
        assert!(told.ends_with("and those of 6 more shards"), "{told}");
    }
}
