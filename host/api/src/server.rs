//! Connections: accepts them, bounds them in number and time, and lets them finish at the end.
//! Knows no route and no shape.

mod connection;
mod origin;
mod patience;
mod stall;
mod tls;

use std::{io, pin::pin, sync::Arc, time::Duration};

use axum::Router;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::JoinSet,
    time::{sleep, timeout},
};

use self::connection::{Conversation, Ending};
pub use self::tls::{SelfSigned, Tls, TlsError};
use crate::{admit::Admission, app::App, front, lambda, native};

/// Connections at once; further ones wait in the kernel's queue.
const CONNECTIONS: usize = 4096;
/// How long requests may still take once the host shuts down.
const DRAIN: Duration = Duration::from_secs(8);
/// How long to wait when no file descriptor is left for a connection.
const EXHAUSTED: Duration = Duration::from_millis(100);

/// All routes: Amazon's services' and our own.
pub fn router(app: App) -> Router {
    let admission = Arc::new(Admission::new());
    let amazons = front::router(app.clone(), Arc::clone(&admission))
        .merge(lambda::router(app.clone(), Arc::clone(&admission)));
    amazons.merge(native::router(app, admission))
}

/// Where clients come in.
#[derive(Debug)]
pub struct Door {
    /// Where they connect.
    pub listener: TcpListener,
    /// What they have to speak; in clear where there is none.
    pub tls: Option<Tls>,
}

impl From<TcpListener> for Door {
    fn from(listener: TcpListener) -> Self {
        Self {
            listener,
            tls: None,
        }
    }
}

/// Serves at `door` until `shutdown`; then finishes what was begun, within a deadline.
///
/// # Errors
/// When the listener is not one.
pub async fn serve(
    door: impl Into<Door>,
    app: App,
    shutdown: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    let Door { listener, tls } = door.into();
    let address = listener.local_addr()?;
    tracing::info!(%address, tls = tls.is_some(), "serving");
    let conversation = Arc::new(Conversation::new(router(app), tls));
    let permits = Arc::new(Semaphore::new(CONNECTIONS));
    let graceful = GracefulShutdown::new();
    let (open, closing) = watch::channel(());
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            accepted = accept(&listener, &permits) => {
                let (stream, permit) = accepted;
                let conversation = Arc::clone(&conversation);
                let ending = Ending {
                    watcher: graceful.watcher(),
                    closing: closing.clone(),
                };
                connections.spawn(async move {
                    conversation.hold(stream, ending).await;
                    drop(permit);
                });
            }
            Some(ended) = connections.join_next() => log_panic(ended),
            () = &mut shutdown => break,
        }
    }
    drop((listener, open));
    if timeout(DRAIN, graceful.shutdown()).await.is_err() {
        tracing::warn!(
            connections = connections.len(),
            "connections were cut after {DRAIN:?}"
        );
    }
    connections.shutdown().await;
    Ok(())
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

fn log_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a connection's task failed");
    }
}
