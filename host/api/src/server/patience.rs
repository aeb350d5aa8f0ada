//! A request body that must keep coming: a client that stalls is cut, one that is merely slow is not.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use thiserror::Error;
use tokio::time::{Instant, Sleep, sleep_until};

/// How long a client may send nothing in the midst of a body.
const STALL: Duration = Duration::from_secs(30);
/// Bytes that buy another second; a client that sends fewer has [`STALL`] in all.
const RATE: u64 = 1 << 10;
/// How long a whole body may take, however slowly it comes.
const WHOLE: Duration = Duration::from_secs(300);

/// Why a body has no next part.
#[derive(Debug, Error)]
pub(super) enum BodyError {
    /// The client stalled.
    #[error("the body did not arrive in time")]
    TooSlow,
    /// The connection broke.
    #[error(transparent)]
    Broken(#[from] hyper::Error),
}

/// Runs the deadlines. The timer exists only once there is something to wait for.
#[derive(Debug)]
pub(super) struct Patient<B = Incoming> {
    body: B,
    /// When the client has been too slow, and when the body is to be there at the latest.
    ends: Option<[Instant; 2]>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl<B> Patient<B> {
    pub(super) fn new(body: B) -> Self {
        Self {
            body,
            ends: None,
            timer: None,
        }
    }
}

impl<B> Body for Patient<B>
where
    B: Body<Data = Bytes> + Unpin,
    BodyError: From<B::Error>,
{
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context) {
            this.timer = None;
            if let (Some([late, _]), Some(Ok(frame))) = (&mut this.ends, &frame) {
                let bytes = frame.data_ref().map_or(0, Bytes::len) as u64;
                let bought = *late + Duration::from_millis(bytes * 1000 / RATE);
                *late = bought.min(Instant::now() + STALL);
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(BodyError::from)));
        }
        let now = Instant::now();
        let [late, end] = *this.ends.get_or_insert([now + STALL, now + WHOLE]);
        let timer = this
            .timer
            .get_or_insert_with(|| Box::pin(sleep_until(late.min(end))));
        ready!(timer.as_mut().poll(context));
        Poll::Ready(Some(Err(BodyError::TooSlow)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::stream;
    use http_body_util::{BodyExt as _, StreamBody};
    use tokio::{sync::mpsc, time::advance};

    use super::*;

    impl From<Infallible> for BodyError {
        fn from(never: Infallible) -> Self {
            match never {}
        }
    }

    fn channel() -> (
        mpsc::Sender<&'static str>,
        impl Body<Data = Bytes, Error = Infallible> + Unpin,
    ) {
        let (sender, receiver) = mpsc::channel(1);
        let frames = stream::unfold(receiver, |mut receiver| async {
            let data: &str = receiver.recv().await?;
            Some((Ok(Frame::data(data.into())), receiver))
        });
        (sender, StreamBody::new(Box::pin(frames)))
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_stalls_is_cut() {
        let (sender, body) = channel();
        let mut body = Patient::new(body);
        sender.send("a").await.unwrap();
        assert!(body.frame().await.unwrap().is_ok());
        let cut = body.frame().await.unwrap();
        assert!(matches!(cut, Err(BodyError::TooSlow)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_trickles_is_cut_as_one_that_stalls() {
        let (sender, body) = channel();
        let began = Instant::now();
        let collected = tokio::spawn(async move { Patient::new(body).collect().await.map(drop) });
        while sender.send("a").await.is_ok() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        assert!(began.elapsed() < STALL * 2, "{:?}", began.elapsed());
        let cut = collected.await.unwrap();
        assert!(matches!(cut, Err(BodyError::TooSlow)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_is_slow_gets_time_but_not_for_ever() {
        let (sender, body) = channel();
        let collected = tokio::spawn(async move { Patient::new(body).collect().await.map(drop) });
        let step = STALL - Duration::from_secs(1);
        let enough: &str = String::leak("a".repeat(30 << 10));
        let mut taken = 0;
        while sender.send(enough).await.is_ok() {
            tokio::task::yield_now().await;
            advance(step).await;
            taken += 1;
        }
        assert!((9..=12).contains(&taken), "{taken}");
        let cut = collected.await.unwrap();
        assert!(matches!(cut, Err(BodyError::TooSlow)));
    }

    #[tokio::test]
    async fn a_body_that_is_there_needs_no_timer() {
        let (sender, body) = channel();
        let mut body = Patient::new(body);
        sender.send("a").await.unwrap();
        drop(sender);
        assert!(body.frame().await.unwrap().is_ok());
        assert!(body.frame().await.is_none());
        assert!(body.timer.is_none());
    }
}
