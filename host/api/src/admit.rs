//! Memory: bodies that are too big are refused unread, and all that are held are bounded together,
//! as are big answers until they are sent.
//! Knows no shape of any error or route.

use std::{sync::Arc, time::Duration};

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use http_body_util::BodyExt;
use thiserror::Error;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError},
    time::timeout,
};

/// Bytes of bodies and answers that are held at once.
const HELD_BYTES: usize = 256 << 20;
/// A body that announces no more than this has a reserve, so that it never waits for big ones.
const SMALL_BYTES: usize = 64 << 10;
/// Bytes of small bodies that are held at once.
const RESERVE_BYTES: usize = 32 << 20;
/// What a permit of the semaphores stands for.
const UNIT: usize = 1 << 10;
/// How long a body waits until others have gone.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why there is no body.
#[derive(Debug, Error)]
pub(crate) enum BodyRefused {
    /// It has more bytes than are taken.
    #[error("the body has more than {limit} bytes")]
    TooLarge {
        /// What is taken.
        limit: usize,
    },
    /// It ended early, or took too long.
    #[error("the body could not be read: {0}")]
    Broken(String),
    /// There is no memory for it.
    #[error(transparent)]
    Crowded(#[from] Crowded),
}

/// Others hold all the memory that bodies and answers may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("too many bytes of other requests are held; nothing was done")]
pub(crate) struct Crowded;

/// Counts the bytes of all bodies that are being worked on, and of big answers.
#[derive(Debug)]
pub(crate) struct Admission {
    units: Arc<Semaphore>,
    reserve: Arc<Semaphore>,
}

/// A body, and its share of the memory until it is dropped.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) bytes: Bytes,
    _share: Share,
}

/// Memory that is taken as it is needed, and given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Share {
    from: Arc<Semaphore>,
    units: usize,
    permit: Option<OwnedSemaphorePermit>,
}

impl Admission {
    pub(crate) fn new() -> Self {
        Self::of(HELD_BYTES, RESERVE_BYTES)
    }

    fn of(held: usize, reserve: usize) -> Self {
        let semaphore = |bytes| Arc::new(Semaphore::new(bytes / UNIT));
        Self {
            units: semaphore(held),
            reserve: semaphore(reserve),
        }
    }

    /// Reads `body`, of at most `limit` bytes. It counts as far as it has come.
    pub(crate) async fn read(&self, body: Body, limit: usize) -> Result<Held, BodyRefused> {
        let announced = match body.size_hint().exact().map(usize::try_from) {
            Some(Ok(bytes)) if bytes <= limit => Some(bytes),
            Some(_) => return Err(BodyRefused::TooLarge { limit }),
            None => None,
        };
        let is_small = announced.is_some_and(|bytes| bytes <= SMALL_BYTES);
        let mut share = Share::of(if is_small { &self.reserve } else { &self.units });
        Ok(Held {
            bytes: collect(body, announced.unwrap_or(0), limit, &mut share).await?,
            _share: share,
        })
    }

    /// Room for an answer of `bytes`; none is needed for a small one.
    pub(crate) async fn room(&self, bytes: usize) -> Result<Option<Share>, Crowded> {
        if bytes <= SMALL_BYTES {
            return Ok(None);
        }
        let mut share = Share::of(&self.units);
        share.grow(bytes).await?;
        Ok(Some(share))
    }
}

impl Share {
    fn of(from: &Arc<Semaphore>) -> Self {
        Self {
            from: Arc::clone(from),
            units: 0,
            permit: None,
        }
    }

    /// Takes what is missing to `bytes`.
    async fn grow(&mut self, bytes: usize) -> Result<(), Crowded> {
        let units = bytes.div_ceil(UNIT);
        if units <= self.units {
            return Ok(());
        }
        let missing = u32::try_from(units - self.units).expect("limits are below 4 TiB");
        let permit = match Arc::clone(&self.from).try_acquire_many_owned(missing) {
            Ok(permit) => permit,
            Err(TryAcquireError::NoPermits) => {
                let waiting = Arc::clone(&self.from).acquire_many_owned(missing);
                let waited = timeout(PATIENCE, waiting).await.map_err(|_late| Crowded)?;
                waited.expect("the semaphore is never closed")
            }
            Err(TryAcquireError::Closed) => unreachable!("the semaphore is never closed"),
        };
        self.units = units;
        match &mut self.permit {
            Some(held) => held.merge(permit),
            none => *none = Some(permit),
        }
        Ok(())
    }
}

/// The body's bytes; not copied where they come in one piece.
async fn collect(
    mut body: Body,
    announced: usize,
    limit: usize,
    share: &mut Share,
) -> Result<Bytes, BodyRefused> {
    let mut first = Bytes::new();
    let mut all = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| BodyRefused::Broken(reason(&error)))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        let length = first.len().max(all.len()) + data.len();
        if length > limit {
            return Err(BodyRefused::TooLarge { limit });
        }
        share.grow(length).await?;
        if first.is_empty() {
            first = data;
        } else {
            if all.is_empty() {
                all.reserve_exact(announced.max(first.len() + data.len()));
                all.extend_from_slice(&first);
            }
            all.extend_from_slice(&data);
        }
    }
    Ok(if all.is_empty() { first } else { all.into() })
}

/// What lies at the bottom of `error`, which says most.
fn reason(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    fn chunked(chunks: &'static [&'static str]) -> Body {
        let ok = |chunk: &'static str| Ok::<_, std::io::Error>(Bytes::from(chunk));
        Body::from_stream(stream::iter(chunks.iter().map(move |chunk| ok(chunk))))
    }

    #[tokio::test]
    async fn takes_bodies_up_to_the_limit_whole_or_in_pieces() {
        let admission = Admission::new();
        for body in [
            Body::from("abcd"),
            chunked(&["abcd"]),
            chunked(&["a", "", "bc", "d"]),
        ] {
            assert_eq!(admission.read(body, 4).await.unwrap().bytes, "abcd");
        }
        assert_eq!(admission.read(Body::empty(), 4).await.unwrap().bytes, "");
    }

    #[tokio::test]
    async fn refuses_one_byte_more() {
        let admission = Admission::new();
        for body in [
            Body::from("abcde"),
            chunked(&["abcde"]),
            chunked(&["abc", "de"]),
        ] {
            let refused = admission.read(body, 4).await;
            assert!(matches!(refused, Err(BodyRefused::TooLarge { limit: 4 })));
        }
    }

    #[tokio::test]
    async fn says_why_a_body_broke() {
        let broken = [Ok(Bytes::from("a")), Err(std::io::Error::other("it broke"))];
        let body = Body::from_stream(stream::iter(broken));
        let refused = Admission::new().read(body, 4).await.err().unwrap();
        assert_eq!(refused.to_string(), "the body could not be read: it broke");
    }

    /// Three units for all, one for small ones.
    fn narrow() -> Admission {
        Admission::of(3 * UNIT, UNIT)
    }

    fn endless(first: Vec<u8>) -> Body {
        let first = stream::once(async { Ok::<_, std::io::Error>(Bytes::from(first)) });
        Body::from_stream(futures_util::StreamExt::chain(first, stream::pending()))
    }

    #[tokio::test]
    async fn a_body_waits_until_others_have_gone() {
        let admission = narrow();
        let held = admission.read(chunked(&["a"]), 4).await.unwrap();
        let body = Body::from_stream(stream::iter([Ok::<_, std::io::Error>(vec![0; 3 * UNIT])]));
        let whole = admission.read(body, 3 * UNIT);
        tokio::pin!(whole);
        assert!(futures_util::poll!(&mut whole).is_pending());
        drop(held);
        assert_eq!(whole.await.unwrap().bytes.len(), 3 * UNIT);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_waits_for_a_while_only() {
        let admission = narrow();
        let _held = admission.read(chunked(&["a"]), 4).await.unwrap();
        let body = Body::from_stream(stream::iter([Ok::<_, std::io::Error>(vec![0; 3 * UNIT])]));
        let refused = admission.read(body, 3 * UNIT).await.err().unwrap();
        assert!(matches!(refused, BodyRefused::Crowded(Crowded)));
    }

    #[tokio::test]
    async fn a_body_takes_no_more_than_has_come() {
        let admission = narrow();
        let stalled = [b"a", b"b"].map(|byte| admission.read(endless(byte.to_vec()), HELD_BYTES));
        let [mut one, mut two] = stalled.map(Box::pin);
        assert!(futures_util::poll!(&mut one).is_pending());
        assert!(futures_util::poll!(&mut two).is_pending());
        assert_eq!(admission.units.available_permits(), 1);
        assert!(admission.read(chunked(&["c"]), HELD_BYTES).await.is_ok());
    }

    #[tokio::test]
    async fn a_small_body_does_not_wait_for_big_ones() {
        let admission = narrow();
        let mut big = Box::pin(admission.read(endless(vec![0; 3 * UNIT]), HELD_BYTES));
        assert!(futures_util::poll!(&mut big).is_pending());
        assert_eq!(admission.units.available_permits(), 0);
        let small = admission.read(Body::from("a"), HELD_BYTES).await;
        assert_eq!(small.unwrap().bytes, "a");
    }
}
