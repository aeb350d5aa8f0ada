//! Whether the process serves, and whether it should be given work.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use tokio::sync::watch;

use crate::app::App;

/// Where the host stands between its start and its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// Not ready yet, and what it waits for.
    Starting(&'static str),
    /// Takes work.
    Ready,
    /// Finishes what it has, takes no more.
    Draining,
}

/// The host's stage, set by the binary and watched by whatever must end with it.
#[derive(Debug)]
pub struct Life(watch::Sender<Stage>);

impl Default for Life {
    fn default() -> Self {
        Self(watch::Sender::new(Stage::Starting("the host is starting")))
    }
}

impl Life {
    /// Moves to `stage`. Nothing leads back from [`Stage::Draining`].
    pub fn enter(&self, stage: Stage) {
        self.0.send_if_modified(|current| {
            let moves = *current != Stage::Draining && *current != stage;
            if moves {
                *current = stage;
            }
            moves
        });
    }

    /// The stage at the moment.
    #[must_use]
    pub fn stage(&self) -> Stage {
        self.0.borrow().clone()
    }

    /// Waits until the host drains. At once where it does already.
    pub fn draining(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut stages = self.0.subscribe();
        async move {
            // An error means that the host's state is gone, which is an end as well.
            let _ended = stages.wait_for(|stage| *stage == Stage::Draining).await;
        }
    }
}

/// `GET /livez`
pub(super) async fn livez() -> &'static str {
    "ok"
}

/// `GET /readyz`
pub(super) async fn readyz(State(app): State<App>) -> Response {
    match app.life.stage() {
        Stage::Ready => "ready".into_response(),
        Stage::Starting(what) => (StatusCode::SERVICE_UNAVAILABLE, what).into_response(),
        Stage::Draining => {
            (StatusCode::SERVICE_UNAVAILABLE, "the host is shutting down").into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn draining_is_final_and_seen_by_all_who_wait() {
        let life = Life::default();
        let waiting = life.draining();
        life.enter(Stage::Ready);
        assert_eq!(life.stage(), Stage::Ready);
        life.enter(Stage::Draining);
        life.enter(Stage::Ready);
        assert_eq!(life.stage(), Stage::Draining);
        waiting.await;
        life.draining().await;
    }
}
