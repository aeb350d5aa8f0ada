//! Records that come, each with a number of its own.

use millstream_aggregate::{UserRecord, pack};
use millstream_core::block::{BlockBuilder, Slice};

use super::World;

impl World {
    /// Puts so many records as one block. A record's data is its number, from 0, and its key ends in
    /// the same.
    pub(crate) fn put(&mut self, records: usize) {
        let mut builder = BlockBuilder::default();
        for _ in 0..records {
            let number = self.name();
            let key = self.key_of(self.named - 1);
            builder.push(&key, &number);
        }
        self.append(builder);
    }

    /// The same with a record for each of `sizes`, which says how many bytes of data it has.
    pub(crate) fn put_sized(&mut self, sizes: &[usize]) {
        let mut builder = BlockBuilder::default();
        for &size in sizes {
            let mut data = self.name();
            data.resize(size, b' ');
            builder.push("k", &data);
        }
        self.append(builder);
    }

    /// As [`World::put`], with a record for each of `users`, in which so many user records are packed.
    pub(crate) fn put_packed(&mut self, users: &[usize]) {
        let mut builder = BlockBuilder::default();
        for &users in users {
            let named: Vec<_> = (0..users).map(|_| self.name()).collect();
            let user = |data| UserRecord {
                partition_key: "user",
                explicit_hash_key: None,
                data,
            };
            let packed: Vec<_> = named.iter().map(|data| user(data)).collect();
            builder.push("k", &pack(&packed));
        }
        self.append(builder);
    }

    /// The partition key of a record.
    pub(crate) fn key_of(&self, record: usize) -> String {
        format!("k{}", record % self.key_count)
    }

    fn name(&mut self) -> Vec<u8> {
        self.named += 1;
        (self.named - 1).to_string().into_bytes()
    }

    fn append(&mut self, builder: BlockBuilder) {
        let records = builder.len();
        self.shard.push(Slice {
            block: builder.finish().unwrap(),
            range: 0..records as u32,
            base: self.tail(),
            arrival: self.now,
        });
        self.put += records;
    }
}
