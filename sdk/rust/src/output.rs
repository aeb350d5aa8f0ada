//! Outputs on their way out: columns a stream, which a failed record's part can be cut off again.

/// Records for one stream, as the host takes them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Columns {
    pub(crate) stream: String,
    pub(crate) key_ends: Vec<u32>,
    pub(crate) keys: Vec<u8>,
    pub(crate) data_ends: Vec<u32>,
    pub(crate) data: Vec<u8>,
}

impl Columns {
    fn push(&mut self, key: &str, data: &[u8]) {
        self.keys.extend_from_slice(key.as_bytes());
        self.key_ends.push(end(&self.keys));
        self.data.extend_from_slice(data);
        self.data_ends.push(end(&self.data));
    }

    fn truncate(&mut self, records: usize) {
        let last = |ends: &[u32]| records.checked_sub(1).map_or(0, |last| ends[last] as usize);
        self.keys.truncate(last(&self.key_ends));
        self.data.truncate(last(&self.data_ends));
        self.key_ends.truncate(records);
        self.data_ends.truncate(records);
    }

    fn bytes(&self) -> usize {
        self.keys.len() + self.data.len()
    }
}

fn end(column: &[u8]) -> u32 {
    u32::try_from(column.len()).expect("a stream's outputs between two records fit in 4 GiB")
}

/// The outputs that the host has not been given yet.
#[derive(Debug, Default)]
pub(crate) struct Outputs {
    streams: Vec<Pending>,
}

#[derive(Debug, Default)]
struct Pending {
    columns: Columns,
    /// Records of the records before the current one.
    kept: usize,
}

impl Outputs {
    pub(crate) fn push(&mut self, stream: &str, key: &str, data: &[u8]) {
        self.of(stream).columns.push(key, data);
    }

    /// Takes whole columns. They are not copied when they are the first of their stream.
    pub(crate) fn append(&mut self, more: Columns) {
        let pending = self.of(&more.stream);
        if pending.columns.key_ends.is_empty() {
            pending.columns = more;
            return;
        }
        let into = &mut pending.columns;
        let (keys, data) = (end(&into.keys), end(&into.data));
        into.keys.extend_from_slice(&more.keys);
        into.data.extend_from_slice(&more.data);
        let shift = |base: u32| move |end: u32| base.checked_add(end).expect("fits in 4 GiB");
        into.key_ends
            .extend(more.key_ends.into_iter().map(shift(keys)));
        into.data_ends
            .extend(more.data_ends.into_iter().map(shift(data)));
    }

    fn of(&mut self, stream: &str) -> &mut Pending {
        // A function writes to a few streams, so a scan is quicker than a map.
        let found = self.streams.iter().position(|p| p.columns.stream == stream);
        let at = found.unwrap_or_else(|| {
            let mut pending = Pending::default();
            stream.clone_into(&mut pending.columns.stream);
            self.streams.push(pending);
            self.streams.len() - 1
        });
        &mut self.streams[at]
    }

    /// What is there now is not taken back any more.
    pub(crate) fn keep(&mut self) {
        for pending in &mut self.streams {
            pending.kept = pending.columns.key_ends.len();
        }
    }

    /// Drops what came since [`Outputs::keep`].
    pub(crate) fn take_back(&mut self) {
        for pending in &mut self.streams {
            pending.columns.truncate(pending.kept);
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.streams.iter().map(|p| p.columns.bytes()).sum()
    }

    /// Gives away everything.
    pub(crate) fn take(&mut self) -> impl Iterator<Item = Columns> + use<> {
        let streams = std::mem::take(&mut self.streams).into_iter();
        streams
            .map(|p| p.columns)
            .filter(|c| !c.key_ends.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn records(columns: &Columns) -> Vec<(String, Vec<u8>)> {
        let cut = |column: &[u8], ends: &[u32], i: usize| {
            let begin = if i == 0 { 0 } else { ends[i - 1] as usize };
            column[begin..ends[i] as usize].to_vec()
        };
        (0..columns.key_ends.len())
            .map(|i| {
                let key = cut(&columns.keys, &columns.key_ends, i);
                let data = cut(&columns.data, &columns.data_ends, i);
                (String::from_utf8(key).unwrap(), data)
            })
            .collect()
    }

    fn stored(outputs: &mut Outputs, stream: &str) -> Vec<(String, Vec<u8>)> {
        let found = outputs.take().find(|columns| columns.stream == stream);
        found.map_or(Vec::new(), |columns| records(&columns))
    }

    #[test]
    fn whole_columns_follow_what_is_there() {
        let mut outputs = Outputs::default();
        outputs.push("s", "a", b"1");
        outputs.append(Columns {
            stream: "s".to_owned(),
            key_ends: vec![1, 3],
            keys: b"bcc".to_vec(),
            data_ends: vec![0, 2],
            data: b"33".to_vec(),
        });
        let expected = [("a", "1"), ("b", ""), ("cc", "33")];
        let expected = expected.map(|(k, d)| (k.to_owned(), d.as_bytes().to_vec()));
        assert_eq!(stored(&mut outputs, "s"), expected);
    }

    proptest! {
        #[test]
        fn what_is_taken_back_leaves_nothing_behind(
            rounds in prop::collection::vec((prop::collection::vec(("[ab]", "[xyz]{0,3}", prop::collection::vec(any::<u8>(), 0..5)), 0..4), any::<bool>()), 0..8),
        ) {
            let mut outputs = Outputs::default();
            let mut expected: Vec<(String, String, Vec<u8>)> = Vec::new();
            for (records, good) in rounds {
                outputs.keep();
                for (stream, key, data) in &records {
                    outputs.push(stream, key, data);
                }
                if good {
                    expected.extend(records);
                } else {
                    outputs.take_back();
                }
            }
            let all: Vec<Columns> = outputs.take().collect();
            for stream in ["a", "b"] {
                let is = all.iter().find(|c| c.stream == stream).map_or(Vec::new(), records);
                let of_stream = expected.iter().filter(|(s, _, _)| s == stream);
                let should: Vec<_> = of_stream.map(|(_, k, d)| (k.clone(), d.clone())).collect();
                prop_assert_eq!(is, should);
            }
        }
    }
}
