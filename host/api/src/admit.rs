//! Bodies: refused unread where they are too big, bounded in memory over all requests.
//! Knows no shape of any error or route.

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use http_body_util::BodyExt as _;
use thiserror::Error;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Bytes of bodies that are held at once; further requests wait, unread.
const HELD_BYTES: usize = 256 << 20;
/// What a permit of the semaphore stands for.
const UNIT: usize = 1 << 10;

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
}

/// Counts the bytes of all bodies that are being worked on.
#[derive(Debug)]
pub(crate) struct Admission {
    units: Semaphore,
}

/// A body, and its share of the memory until it is dropped.
#[derive(Debug)]
pub(crate) struct Held<'a> {
    pub(crate) bytes: Bytes,
    _share: SemaphorePermit<'a>,
}

impl Admission {
    pub(crate) fn new() -> Self {
        Self {
            units: Semaphore::new(HELD_BYTES / UNIT),
        }
    }

    /// Reads `body`, of at most `limit` bytes.
    pub(crate) async fn read(&self, body: Body, limit: usize) -> Result<Held<'_>, BodyRefused> {
        let too_large = BodyRefused::TooLarge { limit };
        let announced = body.size_hint().exact();
        let most = match announced.map(usize::try_from) {
            Some(Ok(bytes)) if bytes <= limit => bytes,
            Some(_) => return Err(too_large),
            // Chunked: it may become as big as is taken.
            None => limit,
        };
        let units = u32::try_from(most.div_ceil(UNIT)).expect("limits are below 4 TiB");
        let share = self.units.acquire_many(units).await;
        Ok(Held {
            bytes: collect(body, announced.map_or(0, |_| most), limit).await?,
            _share: share.expect("the semaphore is never closed"),
        })
    }
}

/// The body's bytes; not copied where they come in one piece.
async fn collect(mut body: Body, announced: usize, limit: usize) -> Result<Bytes, BodyRefused> {
    let mut first = Bytes::new();
    let mut all = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| BodyRefused::Broken(reason(&error)))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if first.is_empty() {
            first = data;
        } else {
            if all.is_empty() {
                all.reserve_exact(announced.max(first.len() + data.len()));
                all.extend_from_slice(&first);
            }
            all.extend_from_slice(&data);
        }
        if all.len().max(first.len()) > limit {
            return Err(BodyRefused::TooLarge { limit });
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

    #[tokio::test]
    async fn a_body_waits_until_others_have_gone() {
        let admission = Admission::new();
        let held = admission.read(Body::from("a"), HELD_BYTES).await.unwrap();
        let whole = admission.read(chunked(&["b"]), HELD_BYTES);
        tokio::pin!(whole);
        assert!(futures_util::poll!(&mut whole).is_pending());
        drop(held);
        assert_eq!(whole.await.unwrap().bytes, "b");
    }
}
