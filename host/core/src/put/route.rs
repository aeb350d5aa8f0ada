//! Which shard a record goes to. Knows nothing of positions: the log gives those.

use crate::{
    block::{Block, BlockBuilder},
    catalog::{Shard, Stream, stream::Distribution},
    hash_key::HashKey,
    position::ShardNumber,
};

/// The records of `block` by the shard that their keys belong to, in order within each shard.
///
/// Where all of them go to one shard, the block itself goes there, uncopied; where the stream has
/// one shard, its keys are not even hashed. Where records are spread evenly whatever their keys, `turn`
/// says with which shard that begins.
#[must_use]
pub fn route(stream: &Stream, block: Block, turn: u64) -> Vec<(ShardNumber, Block)> {
    let mut shards: Vec<&Shard> = stream.open_shards().collect();
    if let [only] = shards[..] {
        return vec![(only.number, block)];
    }
    shards.sort_unstable_by_key(|shard| shard.range.start);
    let targets = match stream.distribution {
        Distribution::UserPartitionKey => by_keys(&shards, &block),
        Distribution::Auto => in_turn(shards.len(), block.len(), turn),
    };
    let mut totals = vec![(0, 0); shards.len()];
    for (&target, i) in targets.iter().zip(0..) {
        let (records, bytes) = &mut totals[target as usize];
        *records += 1;
        *bytes += block.payload(i..i + 1);
    }
    if let Some(only) = totals.iter().position(|&(n, _)| n == targets.len()) {
        return vec![(shards[only].number, block)];
    }
    let mut builders: Vec<BlockBuilder> = totals
        .iter()
        .map(|&(records, bytes)| BlockBuilder::with_capacity(records, bytes))
        .collect();
    let mut start = 0;
    for run in targets.chunk_by(|a, b| a == b) {
        let end = start + u32::try_from(run.len()).expect("a run is within a block");
        builders[run[0] as usize].push_block(&block, start..end);
        start = end;
    }
    shards
        .iter()
        .zip(builders)
        .filter_map(|(shard, builder)| Some((shard.number, builder.finish()?)))
        .collect()
}

fn by_keys(shards: &[&Shard], block: &Block) -> Vec<u32> {
    let keys = (0..block.len()).map(|i| &block.keys()[block.key_range(i)]);
    let hashes = HashKey::of_all(keys).into_iter();
    hashes.map(|key| target(shards, key)).collect()
}

/// As many records for each of `shards`, those for one together.
fn in_turn(shards: usize, records: u32, turn: u64) -> Vec<u32> {
    let shards = u64::try_from(shards).expect("a usize fits");
    let records = u64::from(records);
    let at = |i| (turn % shards + i * shards / records) % shards;
    (0..records)
        .map(|i| u32::try_from(at(i)).expect("a stream has fewer than 2^20 shards"))
        .collect()
}

fn target(shards: &[&Shard], key: HashKey) -> u32 {
    let at = shards.partition_point(|shard| shard.range.end < key);
    assert!(at < shards.len(), "open shards cover all hash keys");
    u32::try_from(at).expect("a stream has fewer than 2^20 shards")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::time::Millis;

    fn stream(shards: u32) -> Stream {
        Stream::new("s".try_into().unwrap(), shards, ShardNumber(7), Millis(0))
    }

    fn block(keys: &[String]) -> Block {
        let mut builder = BlockBuilder::default();
        for (i, key) in keys.iter().enumerate() {
            builder.push(key, format!("{i}").as_bytes());
        }
        builder.finish().unwrap()
    }

    #[test]
    fn one_shard_takes_the_very_block() {
        let made = block(&["a".into(), "b".into()]);
        let routed = route(&stream(1), made.clone(), 0);
        assert_eq!(routed.len(), 1);
        assert_eq!(routed[0].0, ShardNumber(7));
        assert_eq!(routed[0].1.bytes().as_ptr(), made.bytes().as_ptr());
    }

    #[test]
    fn records_of_one_key_are_not_copied_either() {
        let made = block(&["a".into(), "a".into()]);
        let routed = route(&stream(5), made.clone(), 0);
        assert_eq!(routed.len(), 1);
        assert_eq!(routed[0].1.bytes().as_ptr(), made.bytes().as_ptr());
    }

    #[test]
    fn closed_shards_take_nothing() {
        let mut stream = stream(2);
        let mut child = stream.shards[1].clone();
        stream.shards[1].closed = Some(Millis(1));
        child.index = 2;
        child.number = ShardNumber(99);
        // Order by index is not order by hash key once shards were split.
        stream.shards.insert(0, child);
        let keys: Vec<String> = (0..50).map(|i| format!("k{i}")).collect();
        let routed = route(&stream, block(&keys), 0);
        let numbers: Vec<_> = routed.iter().map(|(number, _)| number.0).collect();
        assert_eq!(numbers, [7, 99]);
    }

    #[test]
    fn records_are_spread_evenly_where_keys_do_not_matter() {
        let mut stream = stream(3);
        stream.distribution = Distribution::Auto;
        let keys = vec!["a".to_owned(); 8];
        let counts = |turn| -> Vec<u32> {
            let routed = route(&stream, block(&keys), turn);
            routed.iter().map(|(_, block)| block.len()).collect()
        };
        assert_eq!(counts(0), [3, 3, 2]);
        assert_eq!(counts(1), [2, 3, 3]);
        let shard = |turn| route(&stream, block(&keys[..1]), turn)[0].0.0;
        assert_eq!([0, 1, 2, 3].map(shard), [7, 8, 9, 7]);
    }

    proptest! {
        #[test]
        fn every_record_goes_in_order_to_the_shard_of_its_key(
            shards in 1u32..9,
            keys in prop::collection::vec("[a-e]{1,2}", 1..60),
        ) {
            let stream = stream(shards);
            let routed = route(&stream, block(&keys), 0);
            let mut seen = 0;
            for (number, block) in &routed {
                let mut before = None;
                for i in 0..block.len() {
                    let home = stream.shard_for(HashKey::of(block.key(i).as_bytes()));
                    prop_assert_eq!(home.number, *number);
                    let ordinal: usize = std::str::from_utf8(block.datum(i)).unwrap().parse().unwrap();
                    prop_assert_eq!(block.key(i), &keys[ordinal]);
                    prop_assert!(before < Some(ordinal));
                    before = Some(ordinal);
                    seen += 1;
                }
            }
            prop_assert_eq!(seen, keys.len());
        }
    }
}
