//! Functions' logs: what is kept of them, and what comes.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::{
    future::{Either, select},
    stream::unfold,
};
use millstream_core::{
    journal::{
        Kept, Kind, Line, Pattern, Place,
        line::{level, version_of},
    },
    name::FunctionName,
    port::{Journals, Later},
    time::{Millis, Since},
};
use serde::{Deserialize, Serialize};

use super::{
    error::NativeError,
    health::Stage,
    input::{Name, Params},
    sse::{self, BEAT, GOODBYE, HEARTBEAT},
};
use crate::app::App;

/// Lines that are told where nobody says how many.
const LINES: usize = 1_000;
/// Lines that are told at most.
const LINES_MAX: usize = 10_000;
/// Calls that are read, rendered and held for one client at a time.
const CHUNK_CALLS: usize = 200;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Query {
    since: Option<String>,
    filter: Option<String>,
    limit: Option<usize>,
    #[serde(default)]
    follow: bool,
}

/// A line as it is shown.
#[derive(Debug, Serialize)]
struct LineView {
    at_ms: Millis,
    request_id: String,
    version: String,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    level: Option<&'static str>,
    message: String,
}

impl LineView {
    fn of(kept: &Kept, line: Line) -> Self {
        let (kind, level) = match line.kind {
            Kind::Start => ("start", None),
            Kind::Said(number) => ("line", Some(level(number))),
            Kind::Failure => ("failure", None),
            Kind::End => ("end", None),
            Kind::Report => ("report", None),
        };
        Self {
            at_ms: kept.at,
            request_id: kept.ended.request.to_string(),
            version: version_of(kept.ended.number),
            kind,
            level,
            message: line.text,
        }
    }
}

/// `GET /v1/functions/{name}/logs`
pub(super) async fn get(
    State(app): State<App>,
    Name(name): Name<FunctionName>,
    Params(query): Params<Query>,
) -> Result<Response, NativeError> {
    let setting = |field: &str, why: String| NativeError::Setting(format!("{field}: {why}"));
    let since = match query.since.as_deref().map(str::parse::<Since>) {
        None => Millis(0),
        Some(Ok(since)) => since.moment((app.now)()),
        Some(Err(why)) => return Err(setting("since", why)),
    };
    let pattern = Pattern::parse(query.filter.as_deref().unwrap_or_default());
    let pattern = pattern.map_err(|why| setting("filter", why.to_string()))?;
    let limit = query.limit.unwrap_or(LINES);
    if limit > LINES_MAX {
        return Err(setting("limit", format!("{LINES_MAX} lines at most")));
    }
    let calls = app.journals.read(&name, Place::at(since));
    if calls.is_empty() && !is_known(&app, &name) {
        return Err(NativeError::no_function(&name));
    }
    let lines = newest(&calls, &pattern, limit);
    if !query.follow {
        #[derive(Serialize)]
        struct Logs {
            function: FunctionName,
            lines: Vec<LineView>,
        }
        let function = name;
        return Ok(Json(Logs { function, lines }).into_response());
    }
    let follower = Follower {
        next: after(&calls).unwrap_or(Place::at(since)),
        draining: Box::pin(app.life.draining()),
        ended: false,
        first: Some(lines),
        journals: Arc::clone(&app.journals),
        name,
        pattern,
        app,
    };
    let events = unfold(follower, async |mut follower| {
        let chunk = follower.next().await?;
        Some((chunk, follower))
    });
    Ok(sse::answer(events))
}

fn is_known(app: &App, name: &FunctionName) -> bool {
    let logged = || app.journals.functions();
    app.control.catalog().function(name.as_str()).is_some()
        || logged().iter().any(|(function, _)| function == name)
}

/// The last `limit` lines that are wanted, in their order.
fn newest(calls: &[Kept], pattern: &Pattern, limit: usize) -> Vec<LineView> {
    let all = calls.iter().rev().flat_map(|kept| {
        let lines = kept.lines().rev();
        lines.map(move |(_, line)| (kept, line))
    });
    let wanted = all.filter(|(_, line)| pattern.matches(&line.text));
    let views = wanted
        .take(limit)
        .map(|(kept, line)| LineView::of(kept, line));
    let mut lines: Vec<_> = views.collect();
    lines.reverse();
    lines
}

/// The place after all lines of `calls`.
fn after(calls: &[Kept]) -> Option<Place> {
    let (last, _) = calls.last()?.lines().next_back()?;
    Some(last.next())
}

/// One client's place in a function's log.
struct Follower {
    app: App,
    journals: Arc<dyn Journals>,
    name: FunctionName,
    pattern: Pattern,
    /// What is there already.
    first: Option<Vec<LineView>>,
    next: Place,
    draining: Later<'static, ()>,
    ended: bool,
}

impl Follower {
    /// The next bytes to send; nothing at the end.
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(lines) = self.first.take().filter(|lines| !lines.is_empty()) {
            return Some(render(&lines));
        }
        while !self.ended {
            // Here as well, since a function that always logs is never waited for.
            if self.app.life.stage() == Stage::Draining {
                self.ended = true;
                return Some(GOODBYE);
            }
            if let Some(lines) = self.read() {
                if !lines.is_empty() {
                    return Some(render(&lines));
                }
                continue;
            }
            let grown = self.journals.grown(&self.name, self.next);
            let timer = std::pin::pin!(tokio::time::sleep(HEARTBEAT));
            match select(select(grown, &mut self.draining), timer).await {
                Either::Left((Either::Left(_), _)) => {}
                Either::Left((Either::Right(_), _)) => {
                    self.ended = true;
                    return Some(GOODBYE);
                }
                Either::Right(_) => return Some(BEAT),
            }
        }
        None
    }

    /// The lines of the next calls that are wanted; nothing where there is no further call.
    fn read(&mut self) -> Option<Vec<LineView>> {
        let mut calls = self.journals.read(&self.name, self.next);
        calls.truncate(CHUNK_CALLS);
        let (from, end) = (self.next, after(&calls)?);
        if end <= from {
            return None;
        }
        self.next = end;
        let lines = calls.iter().flat_map(|kept| {
            let lines = kept.lines().filter(|(place, _)| *place >= from);
            lines.map(move |(_, line)| (kept, line))
        });
        let wanted = lines.filter(|(_, line)| self.pattern.matches(&line.text));
        Some(
            wanted
                .map(|(kept, line)| LineView::of(kept, line))
                .collect(),
        )
    }
}

fn render(lines: &[LineView]) -> Bytes {
    let mut out = Vec::new();
    for line in lines {
        sse::push(&mut out, line);
    }
    out.into()
}
