//! Lines on their way from a reader to the connections: cut into requests, bounded in memory.
//!
//! Nothing waits for a request to fill: an idle connection takes what is there. While all are busy,
//! lines gather, so requests grow with the load and a slow input is still sent at once.

use std::{
    collections::VecDeque,
    io::{self, BufRead, Read},
    sync::{Condvar, Mutex, MutexGuard},
    time::Duration,
};

use millstream_core::limit;
use thiserror::Error;

/// Bytes of one request at most; the host takes 10 MiB.
const CHUNK_BYTES: usize = 2 << 20;
/// Records of one request at most; the host takes 50,000.
const CHUNK_LINES: u64 = 20_000;
/// Requests that wait at most.
const CHUNKS: usize = 4;

/// Why the input ended early.
#[derive(Debug, Error)]
pub(crate) enum InputError {
    #[error(
        "line {line} is longer than the {} bytes of a record",
        limit::RECORD_BYTES
    )]
    TooLong { line: u64 },
    #[error("cannot read the input after line {line}: {source}")]
    Unreadable { line: u64, source: io::Error },
}

/// The lines of one request.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Chunk {
    pub(crate) bytes: Vec<u8>,
    /// Lines of the input before it.
    pub(crate) lines_before: u64,
    pub(crate) lines: u64,
}

/// Between one reader and the connections.
#[derive(Debug, Default)]
pub(crate) struct Feed {
    inner: Mutex<Inner>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Inner {
    /// The last one is being filled.
    chunks: VecDeque<Chunk>,
    lines: u64,
    ended: bool,
    stopped: bool,
    error: Option<InputError>,
}

impl Feed {
    /// Reads all lines of `input`. Returns early once the feed is stopped.
    pub(crate) fn read(&self, mut input: impl BufRead) {
        let mut line = Vec::new();
        let error = loop {
            line.clear();
            // One byte more for `\n`, and one to see that it is too long.
            let read = input
                .by_ref()
                .take(limit::RECORD_BYTES as u64 + 2)
                .read_until(b'\n', &mut line);
            let number = self.lock().lines + 1;
            match read {
                Ok(0) => break None,
                Ok(_) if line.trim_ascii_end().len() > limit::RECORD_BYTES => {
                    break Some(InputError::TooLong { line: number });
                }
                Ok(_) if !self.push(&line) => break None,
                Ok(_) => {}
                Err(source) => {
                    let line = number - 1;
                    break Some(InputError::Unreadable { line, source });
                }
            }
        };
        let mut inner = self.lock();
        inner.error = error;
        inner.ended = true;
        self.changed.notify_all();
    }

    /// Waits for room; false where nobody takes lines any more.
    fn push(&self, line: &[u8]) -> bool {
        let mut inner = self.lock();
        while !inner.stopped && inner.chunks.len() == CHUNKS && inner.is_full_for(line) {
            inner = self.changed.wait(inner).expect("no holder panics");
        }
        if inner.stopped {
            return false;
        }
        if inner.is_full_for(line) {
            let lines_before = inner.lines;
            inner.chunks.push_back(Chunk {
                lines_before,
                ..Chunk::default()
            });
        }
        inner.lines += 1;
        let chunk = inner.chunks.back_mut().expect("one was just made sure of");
        chunk.bytes.extend_from_slice(line);
        chunk.lines += 1;
        self.changed.notify_one();
        true
    }

    /// The next request, in order; none at the end of the input or once stopped.
    pub(crate) fn take(&self) -> Option<Chunk> {
        let mut inner = self.lock();
        loop {
            if inner.stopped {
                return None;
            }
            if let Some(chunk) = inner.chunks.pop_front() {
                self.changed.notify_all();
                return Some(chunk);
            }
            if inner.ended {
                return None;
            }
            inner = self.changed.wait(inner).expect("no holder panics");
        }
    }

    /// Nothing more is taken: it was interrupted, or a request failed.
    pub(crate) fn stop(&self) {
        self.lock().stopped = true;
        self.changed.notify_all();
    }

    /// Waits `time`; true where the feed was stopped meanwhile.
    pub(crate) fn stopped_within(&self, time: Duration) -> bool {
        let inner = self.lock();
        let waited = self
            .changed
            .wait_timeout_while(inner, time, |inner| !inner.stopped);
        waited.expect("no holder panics").0.stopped
    }

    /// Why the input ended early, where it did.
    pub(crate) fn take_error(&self) -> Option<InputError> {
        self.lock().error.take()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no holder panics")
    }
}

impl Inner {
    /// Whether `line` needs a new chunk.
    fn is_full_for(&self, line: &[u8]) -> bool {
        self.chunks.back().is_none_or(|chunk| {
            chunk.lines == CHUNK_LINES || chunk.bytes.len() + line.len() > CHUNK_BYTES
        })
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, thread};

    use super::*;

    fn all(feed: &Feed) -> Vec<Chunk> {
        std::iter::from_fn(|| feed.take()).collect()
    }

    #[test]
    fn gives_every_line_once_and_in_order() {
        let input: Vec<u8> = (0..50_000)
            .flat_map(|i| format!("{i}\n").into_bytes())
            .collect();
        let feed = Arc::new(Feed::default());
        let reader = thread::spawn({
            let (feed, input) = (Arc::clone(&feed), input.clone());
            move || feed.read(input.as_slice())
        });
        let chunks = all(&feed);
        reader.join().unwrap();
        assert!(chunks.iter().all(|chunk| chunk.lines <= CHUNK_LINES));
        let mut before = 0;
        for chunk in &chunks {
            assert_eq!(chunk.lines_before, before);
            before += chunk.lines;
        }
        assert_eq!(before, 50_000);
        let together: Vec<u8> = chunks.into_iter().flat_map(|chunk| chunk.bytes).collect();
        assert!(together == input);
        assert!(feed.take_error().is_none());
    }

    #[test]
    fn a_line_of_the_largest_record_passes_and_a_longer_one_is_named() {
        let longest = [vec![b'x'; limit::RECORD_BYTES], b"\r\n".to_vec()].concat();
        let feed = Feed::default();
        feed.read(longest.as_slice());
        assert_eq!(all(&feed).len(), 1);

        let too_long = [b"a\n".to_vec(), vec![b'x'; limit::RECORD_BYTES + 1]].concat();
        let feed = Feed::default();
        feed.read(too_long.as_slice());
        assert_eq!(all(&feed).len(), 1);
        assert!(matches!(
            feed.take_error(),
            Some(InputError::TooLong { line: 2 })
        ));
    }

    #[test]
    fn a_stopped_feed_lets_reader_and_takers_go() {
        let feed = Arc::new(Feed::default());
        let reader = thread::spawn({
            let feed = Arc::clone(&feed);
            move || feed.read(io::BufReader::new(io::repeat(b'\n')))
        });
        assert!(feed.take().is_some());
        feed.stop();
        reader.join().unwrap();
        assert!(feed.take().is_none());
        assert!(feed.stopped_within(Duration::from_secs(60)));
    }
}
