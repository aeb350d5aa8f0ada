//! Connections: accepts them, bounds them in number and time, and lets them finish at the end.
//! Knows no route and no shape.

mod origin;
mod patience;
mod stall;

use std::{
    io,
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
    server::{
        conn::auto::Builder,
        graceful::{GracefulShutdown, Watcher},
    },
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
    time::{sleep, timeout},
};
use tower::Service as _;

use self::{patience::Patient, stall::Stalling};
use crate::{
    admit::Admission,
    app::App,
    kinesis,
    native::{self, error::NativeError},
};

/// Connections at once; further ones wait in the kernel's queue.
const CONNECTIONS: usize = 4096;
/// How long a client may take for the headers of a request, or before its first one.
const HEADERS: Duration = Duration::from_secs(30);
/// How long requests may still take once the host shuts down.
const DRAIN: Duration = Duration::from_secs(8);
/// Requests at once on one HTTP/2 connection.
const STREAMS: u32 = 256;
/// How long to wait when no file descriptor is left for a connection.
const EXHAUSTED: Duration = Duration::from_millis(100);

/// All routes: Kinesis's and our own.
pub fn router(app: App) -> Router {
    let admission = Arc::new(Admission::new());
    kinesis::router(app.clone(), Arc::clone(&admission)).merge(native::router(app, admission))
}

/// Serves on `listener` until `shutdown`; then finishes what was begun, within a deadline.
///
/// # Errors
/// When the listener is not one.
pub async fn serve(
    listener: TcpListener,
    app: App,
    shutdown: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    let address = listener.local_addr()?;
    tracing::info!(%address, "serving");
    let router = router(app);
    let builder = Arc::new(builder());
    let permits = Arc::new(Semaphore::new(CONNECTIONS));
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            accepted = accept(&listener, &permits) => {
                let (stream, permit) = accepted;
                let (builder, router, watcher) = (Arc::clone(&builder), router.clone(), graceful.watcher());
                connections.spawn(async move {
                    converse(&builder, stream, router, watcher).await;
                    drop(permit);
                });
            }
            Some(ended) = connections.join_next() => log_panic(ended),
            () = &mut shutdown => break,
        }
    }
    drop(listener);
    if timeout(DRAIN, graceful.shutdown()).await.is_err() {
        tracing::warn!(
            connections = connections.len(),
            "connections were cut after {DRAIN:?}"
        );
    }
    connections.shutdown().await;
    Ok(())
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
        .keep_alive_interval(HEADERS)
        .keep_alive_timeout(HEADERS);
    builder
}

async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> (TcpStream, OwnedSemaphorePermit) {
    let permit = Arc::clone(permits).acquire_owned().await;
    let permit = permit.expect("the semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, _peer)) if stream.set_nodelay(true).is_ok() => return (stream, permit),
            // Gone before it was served.
            Ok(_) => {}
            Err(error) if is_the_clients(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "no connection could be accepted");
                sleep(EXHAUSTED).await;
            }
        }
    }
}

fn is_the_clients(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    )
}

/// Serves one connection to its end.
async fn converse(
    builder: &Builder<TokioExecutor>,
    stream: TcpStream,
    router: Router,
    watcher: Watcher,
) {
    let spoke = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&spoke);
    let reached = stream.local_addr().ok();
    let reached = reached.map(|address| address.ip().to_canonical());
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        seen.store(true, Relaxed);
        let is_foreign = origin::is_foreign(request.headers(), reached);
        let mut router = router.clone();
        async move {
            if is_foreign {
                return Ok(NativeError::CrossSite.into_response());
            }
            router.call(request.map(Patient::new)).await
        }
    });
    let stream = TokioIo::new(Stalling::new(stream));
    let connection = builder.serve_connection(stream, service);
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

fn log_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a connection's task failed");
    }
}
