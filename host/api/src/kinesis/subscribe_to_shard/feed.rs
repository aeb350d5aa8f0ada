//! Frames of a shard that were made a moment ago: subscriptions that stand at the same place are sent
//! the same bytes, so that another consumer costs no encoding.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use millstream_core::{
    port::Volume,
    position::{Position, ShardNumber},
    time::Millis,
};
use tokio::time::Instant;

use crate::wire::form::Form;

/// How old a frame may be, since it says how far behind its reader is.
const FRESH: Duration = Duration::from_millis(20);
/// Bytes of frames that are kept for a shard.
const KEPT_BYTES: usize = 256 << 10;

/// An event as it is sent.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    pub(super) bytes: Bytes,
    pub(super) form: Form,
    /// For a reader that stands here.
    pub(super) from: Position,
    /// Where the reader stands afterwards.
    pub(super) next: Position,
    /// When the oldest record arrived.
    pub(super) oldest: Millis,
    /// Whether nothing comes after it.
    pub(super) is_last: bool,
    /// What it gives.
    pub(super) given: Volume,
    pub(super) made: Instant,
}

/// The frames of one shard.
#[derive(Debug, Default)]
pub(super) struct Recent {
    frames: VecDeque<Frame>,
    bytes: usize,
}

impl Recent {
    /// A frame for a reader at `from` to whom records from before `horizon` are not shown.
    pub(super) fn find(&self, form: Form, from: Position, horizon: Millis) -> Option<&Frame> {
        let mut frames = self.frames.iter().rev();
        let found = frames.find(|frame| frame.from == from && frame.form == form)?;
        (found.made.elapsed() < FRESH && found.oldest >= horizon).then_some(found)
    }

    /// Keeps a frame for others, in place of older ones.
    pub(super) fn keep(&mut self, frame: &Frame) {
        self.bytes += frame.bytes.len();
        self.frames.push_back(frame.clone());
        while self.bytes > KEPT_BYTES {
            self.forget_one();
        }
    }

    /// Forgets what is too old.
    pub(super) fn tidy(&mut self) {
        while let Some(oldest) = self.frames.front()
            && oldest.made.elapsed() >= FRESH
        {
            self.forget_one();
        }
    }

    fn forget_one(&mut self) {
        let oldest = self.frames.pop_front();
        self.bytes -= oldest.map_or(0, |frame| frame.bytes.len());
    }
}

/// The shards that somebody is subscribed to.
#[derive(Debug, Default)]
pub(super) struct Feeds(Mutex<HashMap<ShardNumber, Arc<Mutex<Recent>>>>);

/// A subscription's part in a shard's frames.
#[derive(Debug)]
pub(super) struct Feed {
    feeds: Arc<Feeds>,
    shard: ShardNumber,
    recent: Arc<Mutex<Recent>>,
}

impl Feeds {
    pub(super) fn join(self: &Arc<Self>, shard: ShardNumber) -> Feed {
        let recent = Arc::clone(lock(&self.0).entry(shard).or_default());
        Feed {
            feeds: Arc::clone(self),
            shard,
            recent,
        }
    }
}

impl Feed {
    pub(super) fn recent(&self) -> MutexGuard<'_, Recent> {
        lock(&self.recent)
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        let mut feeds = lock(&self.feeds.0);
        // The map's and this one's.
        if Arc::strong_count(&self.recent) == 2 {
            feeds.remove(&self.shard);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    fn frame(from: u64, bytes: usize) -> Frame {
        Frame {
            bytes: vec![0; bytes].into(),
            form: Form::Json,
            from: Position(from),
            next: Position(from + 1),
            oldest: Millis(10),
            is_last: false,
            given: Volume::default(),
            made: Instant::now(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_frame_is_found_where_it_is_true() {
        let mut recent = Recent::default();
        recent.keep(&frame(5, 9));
        let find = |recent: &Recent, form, from, horizon| {
            let found = recent.find(form, Position(from), Millis(horizon));
            found.map(|frame| frame.bytes.len())
        };
        assert_eq!(find(&recent, Form::Json, 5, 10), Some(9));
        assert_eq!(find(&recent, Form::Cbor, 5, 10), None);
        assert_eq!(find(&recent, Form::Json, 6, 10), None);
        assert_eq!(find(&recent, Form::Json, 5, 11), None, "it has expired");
        advance(FRESH).await;
        assert_eq!(find(&recent, Form::Json, 5, 10), None, "it is old");
        recent.keep(&frame(5, 7));
        assert_eq!(find(&recent, Form::Json, 5, 10), Some(7), "the newest");
        recent.tidy();
        assert_eq!((recent.frames.len(), recent.bytes), (1, 7));
    }

    #[test]
    fn no_more_is_kept_than_is_good() {
        let mut recent = Recent::default();
        recent.keep(&frame(1, KEPT_BYTES / 2));
        recent.keep(&frame(2, KEPT_BYTES / 2));
        recent.keep(&frame(3, 1));
        assert_eq!(recent.frames.len(), 2);
        recent.keep(&frame(4, KEPT_BYTES + 1));
        assert_eq!((recent.frames.len(), recent.bytes), (0, 0));
    }

    #[test]
    fn a_shards_frames_go_with_its_last_subscription() {
        let feeds = Arc::new(Feeds::default());
        let [one, two] = [1, 1].map(|shard| feeds.join(ShardNumber(shard)));
        one.recent().keep(&frame(1, 1));
        drop(one);
        assert_eq!(two.recent().frames.len(), 1);
        drop(two);
        assert!(lock(&feeds.0).is_empty());
    }
}
