//! One connection from its handshake to its end.

use std::{
    io,
    net::IpAddr,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::{Router, response::IntoResponse as _};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto::Builder, graceful::Watcher},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::watch,
    time::timeout,
};
use tokio_rustls::server::TlsStream;
use tower::Service as _;

use super::{origin, patience::Patient, stall::Stalling, tls::Tls};
use crate::{auth::Peer, native::error::NativeError};

/// How long a client may take for the headers of a request, or before its first one.
const HEADERS: Duration = Duration::from_secs(30);
/// How long a client may take to agree on TLS.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Requests at once on one HTTP/2 connection.
const STREAMS: u32 = 256;
/// Bytes of one HTTP/2 request's headers, however many frames they come in.
const HEADER_BYTES: u32 = 32 << 10;
/// HTTP/2 requests that a client may have taken back before they were looked at.
const TAKEN_BACK: usize = 64;
/// HTTP/2 requests that may be refused for breaking the protocol before the connection is ended.
const REFUSED: usize = 256;

/// What all connections are served with.
#[derive(Debug)]
pub(super) struct Conversation {
    builder: Builder<TokioExecutor>,
    router: Router,
    tls: Option<Tls>,
}

/// What one connection is told of the server's end.
pub(super) struct Ending {
    /// Ends it between two requests.
    pub(super) watcher: Watcher,
    /// Ends it before the first: the sender is dropped.
    pub(super) closing: watch::Receiver<()>,
}

impl Conversation {
    pub(super) fn new(router: Router, tls: Option<Tls>) -> Self {
        Self {
            builder: builder(),
            router,
            tls,
        }
    }

    /// Serves one connection to its end.
    pub(super) async fn hold(&self, stream: TcpStream, mut ending: Ending) {
        let (Ok(peer), Ok(reached)) = (stream.peer_addr(), stream.local_addr()) else {
            return;
        };
        let ends = Ends {
            peer: peer.ip(),
            reached: reached.ip().to_canonical(),
        };
        let stream = Stalling::new(stream);
        let Some(tls) = &self.tls else {
            return self.answer(stream, ends, ending.watcher).await;
        };
        tokio::select! {
            stream = shake_hands(tls, stream) => match stream {
                Ok(stream) => self.answer(stream, ends, ending.watcher).await,
                Err(error) => tracing::debug!(%error, "no TLS was agreed on"),
            },
            _ended = ending.closing.changed() => {}
        }
    }

    async fn answer<S>(&self, stream: S, ends: Ends, watcher: Watcher)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let spoke = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&spoke);
        let service = service_fn(move |mut request: hyper::Request<Incoming>| {
            seen.store(true, Relaxed);
            let is_foreign = origin::is_foreign(request.headers(), Some(ends.reached));
            request.extensions_mut().insert(Peer(ends.peer));
            let mut router = self.router.clone();
            async move {
                if is_foreign {
                    return Ok(NativeError::CrossSite.into_response());
                }
                router.call(request.map(Patient::new)).await
            }
        });
        let connection = self.builder.serve_connection(TokioIo::new(stream), service);
        let mut connection = pin!(watcher.watch(connection));
        // hyper's own deadline begins only once it knows which version of HTTP is spoken.
        let ended = match timeout(HEADERS, &mut connection).await {
            Ok(ended) => ended,
            Err(_late) if spoke.load(Relaxed) => connection.await,
            Err(_late) => return,
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended early");
        }
    }
}

/// The addresses of both ends.
#[derive(Debug, Clone, Copy)]
struct Ends {
    peer: IpAddr,
    reached: IpAddr,
}

async fn shake_hands<S>(tls: &Tls, stream: S) -> io::Result<TlsStream<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let late = |_| Err(io::ErrorKind::TimedOut.into());
    timeout(HANDSHAKE, tls.accept(stream))
        .await
        .unwrap_or_else(late)
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS)
        .keep_alive(true);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEADER_BYTES)
        .max_pending_accept_reset_streams(TAKEN_BACK)
        .max_local_error_reset_streams(REFUSED)
        .keep_alive_interval(HEADERS)
        .keep_alive_timeout(HEADERS);
    builder
}

#[cfg(test)]
mod tests {
    use tokio::io::duplex;

    use super::*;
    use crate::server::SelfSigned;

    #[tokio::test(start_paused = true)]
    async fn a_client_that_does_not_shake_hands_is_cut() {
        let made = SelfSigned::new(vec!["localhost".to_owned()], 2026).unwrap();
        let tls = Tls::from_pem(made.certificate.as_bytes(), made.key.as_bytes()).unwrap();
        let (near, _far) = duplex(64);
        let cut = shake_hands(&tls, near).await;
        assert_eq!(cut.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
