//! What this crate counts, and where the log, the runtime and the workers add their samples.
//!
//! Counting is an atomic addition: routes get their counters when the router is built.

pub(crate) mod shards;
mod text;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::{
    extract::{Request, State},
    http::{StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

pub use self::{
    shards::Shards,
    text::{Kind, family, histogram, sample},
};
use crate::app::App;

/// Upper bounds of the put histogram's buckets, in microseconds.
const PUT_BOUNDS_US: [u64; 12] = [
    250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 250_000, 1_000_000, 5_000_000,
];
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// Adds samples of its own to `/metrics`.
pub type Source = Box<dyn Fn(&mut String) + Send + Sync>;

/// All that is counted here.
#[derive(Default)]
pub struct Metrics {
    routes: Mutex<BTreeMap<&'static str, Arc<Route>>>,
    records_in: AtomicU64,
    bytes_in: AtomicU64,
    puts: Histogram,
    shards: Shards,
    sources: Mutex<Vec<Source>>,
}

/// The answers of one route, by the class of their status.
#[derive(Debug, Default)]
pub struct Route([AtomicU64; CLASSES.len()]);

#[derive(Debug, Default)]
struct Histogram {
    /// One more than there are bounds: the last takes what is above all.
    buckets: [AtomicU64; PUT_BOUNDS_US.len() + 1],
    sum_us: AtomicU64,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics")
            .field("records_in", &self.records_in)
            .field("bytes_in", &self.bytes_in)
            .finish_non_exhaustive()
    }
}

impl Metrics {
    /// The counters of the route (or Kinesis action) of that name. Ask when the router is built.
    #[must_use]
    pub fn route(&self, name: &'static str) -> Arc<Route> {
        let mut routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(routes.entry(name).or_default())
    }

    /// Counts a put that became durable: its records, their bytes, and how long it took.
    pub fn put(&self, records: u64, bytes: u64, took: Duration) {
        self.records_in.fetch_add(records, Relaxed);
        self.bytes_in.fetch_add(bytes, Relaxed);
        self.puts.observe(took);
    }

    /// What is counted of single shards.
    #[must_use]
    pub fn shards(&self) -> &Shards {
        &self.shards
    }

    /// Has `source` called for each `/metrics`; see [`family`] and [`sample`] for what it writes.
    pub fn add_source(&self, source: Source) {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        sources.push(source);
    }

    /// Records that became durable since the start.
    #[must_use]
    pub fn records_in(&self) -> u64 {
        self.records_in.load(Relaxed)
    }

    /// Bytes of their keys and data.
    #[must_use]
    pub fn bytes_in(&self) -> u64 {
        self.bytes_in.load(Relaxed)
    }

    /// Everything as Prometheus text.
    #[must_use]
    pub fn render(&self) -> String {
        let mut out = String::with_capacity(8 << 10);
        self.render_requests(&mut out);
        let counters = [
            (
                "millstream_records_in_total",
                "Records taken from producers.",
                self.records_in(),
            ),
            (
                "millstream_bytes_in_total",
                "Bytes of keys and data taken from producers.",
                self.bytes_in(),
            ),
        ];
        for (name, help, value) in counters {
            family(&mut out, name, Kind::Counter, help);
            sample(&mut out, name, &[], value as f64);
        }
        self.puts.render(&mut out);
        let sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        for source in sources.iter() {
            source(&mut out);
        }
        out
    }

    fn render_requests(&self, out: &mut String) {
        let name = "millstream_http_requests_total";
        family(
            out,
            name,
            Kind::Counter,
            "Requests answered, by route and class of status.",
        );
        let routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        for (route, counts) in routes.iter() {
            for (class, count) in CLASSES.iter().zip(&counts.0) {
                let count = count.load(Relaxed);
                if count > 0 {
                    sample(
                        out,
                        name,
                        &[("route", route), ("status", class)],
                        count as f64,
                    );
                }
            }
        }
    }
}

impl Route {
    /// Counts one answer.
    pub fn answered(&self, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100).clamp(1, CLASSES.len()) - 1;
        self.0[class].fetch_add(1, Relaxed);
    }
}

impl Histogram {
    fn observe(&self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = PUT_BOUNDS_US.partition_point(|bound| *bound < us);
        self.buckets[bucket].fetch_add(1, Relaxed);
        self.sum_us.fetch_add(us, Relaxed);
    }

    fn render(&self, out: &mut String) {
        let name = "millstream_put_seconds";
        family(
            out,
            name,
            Kind::Histogram,
            "Time of a put, from its decoded body to its answer.",
        );
        let bounds = PUT_BOUNDS_US.map(|us| us as f64 / 1e6);
        let counts: Vec<u64> = self.buckets.iter().map(|c| c.load(Relaxed)).collect();
        let sum = self.sum_us.load(Relaxed) as f64 / 1e6;
        histogram(out, name, &[], &bounds, &counts, sum);
    }
}

/// The middleware that counts what a route answers.
pub(super) async fn count(
    State(route): State<Arc<Route>>,
    request: Request,
    next: Next,
) -> Response {
    let response = next.run(request).await;
    route.answered(response.status());
    response
}

/// `GET /metrics`
pub(super) async fn get(State(app): State<App>) -> impl IntoResponse {
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    let mut text = app.metrics.render();
    let shards = app.metrics.shards();
    shards.render(&mut text, &app.control.catalog(), app.log.as_ref());
    ([(header::CONTENT_TYPE, kind)], text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_put_falls_into_the_first_bucket_that_holds_it() {
        let metrics = Metrics::default();
        metrics.put(3, 300, Duration::from_micros(250));
        metrics.put(1, 100, Duration::from_micros(251));
        metrics.put(1, 1, Duration::from_secs(60));
        let text = metrics.render();
        for line in [
            "millstream_records_in_total 5",
            "millstream_bytes_in_total 401",
            "millstream_put_seconds_bucket{le=\"0.00025\"} 1",
            "millstream_put_seconds_bucket{le=\"0.0005\"} 2",
            "millstream_put_seconds_bucket{le=\"5\"} 2",
            "millstream_put_seconds_bucket{le=\"+Inf\"} 3",
            "millstream_put_seconds_count 3",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} in\n{text}");
        }
    }

    #[test]
    fn routes_are_counted_by_class() {
        let metrics = Metrics::default();
        let route = metrics.route("PutRecords");
        route.answered(StatusCode::OK);
        route.answered(StatusCode::NO_CONTENT);
        metrics
            .route("PutRecords")
            .answered(StatusCode::INTERNAL_SERVER_ERROR);
        let text = metrics.render();
        let name = "millstream_http_requests_total";
        assert!(text.contains(&format!("{name}{{route=\"PutRecords\",status=\"2xx\"}} 2")));
        assert!(text.contains(&format!("{name}{{route=\"PutRecords\",status=\"5xx\"}} 1")));
        assert!(!text.contains("4xx"));
    }
}
