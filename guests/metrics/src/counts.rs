//! What is counted.

use serde::{Deserialize, Serialize};

/// Requests, bytes and status classes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// How many requests.
    pub requests: u64,
    /// Bytes that were sent in answer.
    pub bytes: u64,
    /// Answers of each class, from 1xx to 5xx.
    pub classes: [u64; 5],
}

impl Counts {
    /// Counts one request. A status outside of the five classes counts as a request alone.
    pub fn add(&mut self, status: u16, bytes: u64) {
        self.requests += 1;
        self.bytes = self.bytes.saturating_add(bytes);
        let class = usize::from(status / 100).checked_sub(1);
        if let Some(count) = class.and_then(|class| self.classes.get_mut(class)) {
            *count += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_count_in_their_class() {
        let mut counts = Counts::default();
        for status in [100, 200, 206, 304, 404, 499, 500, 99, 600, 0] {
            counts.add(status, 2);
        }
        let expected = Counts {
            requests: 10,
            bytes: 20,
            classes: [1, 2, 1, 2, 1],
        };
        assert_eq!(counts, expected);
    }
}
