//! What `/metrics` tells, in OpenMetrics' text form.
//!
//! Labels come from closed sets (routes, methods, statuses), never from what a
//! caller wrote, so that their number is bounded.

mod caches;
mod called;
mod listeners;
mod queues;
mod tasks;
mod workers;

use crate::reply::{self, Reply};
use caches::CacheMetrics;
use called::CalledMetrics;
use http::header::HeaderValue;
use http::{Method, StatusCode};
use listeners::ListenerMetrics;
use pando_model::engine::Statistics;
use pando_model::working::WorkerReport;
use pando_queue::changes::ChangesReport;
use pando_queue::listeners::ListenerReport;
use pando_queue::topics::TopicsReport;
use pando_store::Store;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use queues::QueueMetrics;
use std::fmt::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use workers::WorkerMetrics;

const TEXT: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

/// From a tenth of a millisecond, which a point read takes, to the timeout's order, by
/// factors of about three.
const BUCKETS: [f64; 11] = [
    0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0,
];

/// The metrics of one server.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    durations: Family<RouteLabels, Histogram>,
    in_flight: Gauge,
    pub(crate) connections: Gauge,
    pub(crate) queues: QueueMetrics,
    store: StoreMetrics,
    caches: CacheMetrics,
    listeners: ListenerMetrics,
    workers: WorkerMetrics,
    called: CalledMetrics,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: &'static str,
    method: &'static str,
    status: Status,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: &'static str,
    method: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Status(u16);

/// Read from the engine when they are asked for.
#[derive(Default)]
struct StoreMetrics {
    size_bytes: Gauge,
    commits: Counter,
    writes: Counter,
    swept_rows: Counter,
    queued: Gauge,
    last_commit_seconds: Gauge<f64, AtomicU64>,
    feed_depth: Gauge,
    position: Gauge,
    timeline: Gauge,
    schema_version: Gauge,
}

impl Metrics {
    pub(crate) fn new(store: &Store) -> Metrics {
        let mut registry = Registry::with_prefix("pando");
        let requests = Family::default();
        registry.register(
            "http_requests",
            "Requests answered, by route, method and status",
            Family::clone(&requests),
        );
        let new_histogram = || Histogram::new(BUCKETS);
        let durations: Family<RouteLabels, Histogram> = Family::new_with_constructor(new_histogram);
        registry.register_with_unit(
            "http_request_duration",
            "Time from a request's head to its answer",
            Unit::Seconds,
            durations.clone(),
        );
        let in_flight = Gauge::default();
        registry.register(
            "http_requests_in_flight",
            "Requests under way",
            in_flight.clone(),
        );
        let connections = Gauge::default();
        registry.register("http_connections", "Open connections", connections.clone());
        let engine = store.engine().info();
        let build = Info::new([
            ("version", env!("CARGO_PKG_VERSION").to_owned()),
            ("engine", engine.name.to_owned()),
            ("engine_version", engine.version),
        ]);
        registry.register("build", "What is running", build);
        let queues = registry.sub_registry_with_prefix("queue");
        let queues = QueueMetrics::new(store, queues);
        tasks::register(store.tasks(), &mut registry);
        let store = StoreMetrics::default();
        store.register(registry.sub_registry_with_prefix("store"));
        let caches = CacheMetrics::default();
        caches.register(registry.sub_registry_with_prefix("cache"));
        let listeners = ListenerMetrics::default();
        listeners.register(&mut registry);
        let workers = WorkerMetrics::default();
        workers.register(&mut registry);
        let called = CalledMetrics::default();
        called.register(&mut registry);
        Metrics {
            registry,
            requests,
            durations,
            in_flight,
            connections,
            queues,
            store,
            caches,
            listeners,
            workers,
            called,
        }
    }

    /// Counts an answer.
    pub(crate) fn count(
        &self,
        route: &'static str,
        method: &Method,
        status: StatusCode,
        took: Duration,
    ) {
        let method = label_of(method);
        self.durations
            .get_or_create(&RouteLabels { route, method })
            .observe(took.as_secs_f64());
        let labels = RequestLabels {
            route,
            method,
            status: Status(status.as_u16()),
        };
        self.requests.get_or_create(&labels).inc();
    }

    /// Takes over how those do who listen.
    pub(crate) fn take_listeners(&self, topics: TopicsReport, changes: Option<ChangesReport>) {
        self.listeners.take(topics, changes.unwrap_or_default());
    }

    /// Takes what is seen of workers, before it is asked for.
    pub(crate) fn take_workers(&self, workers: Vec<WorkerReport>) {
        self.workers.take(workers);
    }

    /// The same of the application's listeners.
    pub(crate) fn take_called(&self, listeners: Vec<ListenerReport>) {
        self.called.take(listeners);
    }

    /// The answer to `/metrics`.
    pub(crate) async fn answer(&self, store: &Store, in_flight: usize, waiting: usize) -> Reply {
        self.in_flight.set(gauge(in_flight as u64));
        self.queues.take(waiting, store.clock().now_us());
        match store.engine().fetch_statistics().await {
            Ok(statistics) => self.store.take(store, &statistics),
            Err(error) => tracing::warn!(%error, "could not fetch the store's statistics"),
        }
        if let Some(report) = store.engine().caches() {
            self.caches.take(&report);
        }
        let now_us = store.clock().now_us();
        self.caches.take_journals(&store.journal_reports(), now_us);
        let mut text = String::with_capacity(8 << 10);
        match encode(&mut text, &self.registry) {
            Ok(()) => reply::body(StatusCode::OK, TEXT, text),
            Err(_) => reply::empty(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }
}

impl StoreMetrics {
    fn register(&self, registry: &mut Registry) {
        registry.register("size_bytes", "Bytes kept", self.size_bytes.clone());
        registry.register(
            "commits",
            "Transactions committed since the start",
            self.commits.clone(),
        );
        registry.register(
            "writes",
            "Writes carried by those transactions",
            self.writes.clone(),
        );
        registry.register(
            "swept_rows",
            "Rows and receipts removed because they had run out",
            self.swept_rows.clone(),
        );
        registry.register(
            "queued",
            "Writes that wait for their turn",
            self.queued.clone(),
        );
        registry.register(
            "last_commit_seconds",
            "How long the last commit took, sync included",
            self.last_commit_seconds.clone(),
        );
        registry.register(
            "feed_depth",
            "Events in the feed that a follower has yet to deal with",
            self.feed_depth.clone(),
        );
        registry.register("position", "The shard's position", self.position.clone());
        registry.register("timeline", "The shard's timeline", self.timeline.clone());
        registry.register(
            "schema_version",
            "The schema in force",
            self.schema_version.clone(),
        );
    }

    fn take(&self, store: &Store, statistics: &Statistics) {
        self.size_bytes.set(gauge(statistics.size_bytes));
        self.commits
            .inner()
            .store(statistics.commits, Ordering::Relaxed);
        self.writes
            .inner()
            .store(statistics.writes, Ordering::Relaxed);
        self.swept_rows
            .inner()
            .store(store.swept(), Ordering::Relaxed);
        self.queued.set(gauge(statistics.queued));
        self.last_commit_seconds
            .set(statistics.last_commit.as_secs_f64());
        self.feed_depth.set(gauge(statistics.feed_depth));
        let high = store.engine().progress().high;
        self.position.set(gauge(high.p));
        self.timeline.set(i64::from(high.timeline));
        self.schema_version.set(gauge(store.schema().version));
    }
}

impl EncodeLabelValue for Status {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
        write!(encoder, "{}", self.0)
    }
}

fn gauge(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn label_of(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PATCH => "PATCH",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
