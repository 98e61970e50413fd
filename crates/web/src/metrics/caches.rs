//! What `/metrics` tells of the caches, by collection. Collections are those that have a rule.

use super::gauge;
use pando_model::caching::{CacheReport, CollectionReport};
use pando_store::kv::JournalReport;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use std::sync::atomic::{AtomicU64, Ordering};

/// Read from the caches when they are asked for.
#[derive(Default)]
pub(super) struct CacheMetrics {
    requests: Family<OutcomeLabels, Counter>,
    loads: Family<ResultLabels, Counter>,
    fills: Family<ResultLabels, Counter>,
    checks: Family<ResultLabels, Counter>,
    stale_on_error: Family<CollectionLabels, Counter>,
    entries: Family<CollectionLabels, Gauge>,
    used_bytes: Family<CollectionLabels, Gauge>,
    capacity_bytes: Family<CollectionLabels, Gauge>,
    inconsistency_rate: Family<CollectionLabels, Gauge<f64, AtomicU64>>,
    shadow_hit_ratio: Family<ShadowLabels, Gauge<f64, AtomicU64>>,
    warmed: Family<CollectionLabels, Counter>,
    warm_rows: Family<WarmLabels, Gauge>,
    journal_rows: Family<CollectionLabels, Gauge>,
    journal_oldest_seconds: Family<CollectionLabels, Gauge<f64, AtomicU64>>,
    following: Gauge,
    loads_max: Gauge,
    loads_under_way: Gauge,
    loads_waiting: Gauge,
    shared: Gauge,
    consumed_position: Gauge,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CollectionLabels {
    collection: String,
}

/// `hit`, `miss`, `ahead` (of what was taken in), `past` (only the owner may answer); of those that
/// were not hits, `shared` were answered by what processes share.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    collection: String,
    outcome: &'static str,
}

/// `done` or `failed`, `kept` or `refused`, `right` or `wrong`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabels {
    collection: String,
    result: &'static str,
}

/// `found` or `done`, of the run that is under way or was last.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WarmLabels {
    collection: String,
    rows: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ShadowLabels {
    collection: String,
    eviction: &'static str,
    capacity_bytes: u64,
}

impl CacheMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "requests",
            "Reads of a cached collection, by what memory had for them",
            self.requests.clone(),
        );
        for (name, help, counters) in [
            ("loads", "Loads from the store", &self.loads),
            (
                "fills",
                "Answers kept, or refused because something newer was known",
                &self.fills,
            ),
            (
                "checks",
                "Answers compared with the store's, and whether they were wrong and stayed so",
                &self.checks,
            ),
        ] {
            registry.register(name, help, counters.clone());
        }
        registry.register(
            "stale_on_error",
            "Stale answers given because the store failed",
            self.stale_on_error.clone(),
        );
        registry.register(
            "warmed",
            "Entries that were loaded before they were asked for",
            self.warmed.clone(),
        );
        registry.register(
            "warm_rows",
            "Entries that the query finds by which a collection is warmed, and that are loaded",
            self.warm_rows.clone(),
        );
        registry.register(
            "inconsistency_rate",
            "Wrong answers among those compared",
            self.inconsistency_rate.clone(),
        );
        registry.register(
            "shadow_hit_ratio",
            "The hit ratio that another policy or size would have",
            self.shadow_hit_ratio.clone(),
        );
        registry.register(
            "journal_rows",
            "Writes that wait to be applied, of a space that is written behind",
            self.journal_rows.clone(),
        );
        registry.register(
            "journal_oldest_seconds",
            "How long the oldest of them has waited",
            self.journal_oldest_seconds.clone(),
        );
        self.register_gauges(registry);
    }

    fn register_gauges(&self, registry: &mut Registry) {
        for (name, help, gauges) in [
            ("entries", "Answers kept", &self.entries),
            ("used_bytes", "Bytes kept", &self.used_bytes),
            (
                "capacity_bytes",
                "Bytes that may be kept",
                &self.capacity_bytes,
            ),
        ] {
            registry.register(name, help, gauges.clone());
        }
        for (name, help, gauge) in [
            (
                "following",
                "Whether the feed of changes is followed",
                &self.following,
            ),
            (
                "consumed_position",
                "The position up to which changes were taken in",
                &self.consumed_position,
            ),
            (
                "loads_max",
                "Loads that may be on the store at once",
                &self.loads_max,
            ),
            (
                "loads_under_way",
                "Loads on the store",
                &self.loads_under_way,
            ),
            (
                "loads_waiting",
                "Loads that wait for a place",
                &self.loads_waiting,
            ),
            (
                "shared_up",
                "Whether what processes share is asked",
                &self.shared,
            ),
        ] {
            registry.register(name, help, gauge.clone());
        }
    }

    /// Takes over what the caches say; collections without a rule are not told of any more.
    pub(super) fn take(&self, report: &CacheReport) {
        self.following.set(i64::from(report.is_following));
        self.loads_max.set(gauge(report.loads_max));
        self.loads_under_way.set(gauge(report.loads_under_way));
        self.loads_waiting.set(gauge(report.loads_waiting));
        self.shared.set(i64::from(report.shared == Some("asked")));
        self.consumed_position.set(gauge(report.consumed.p));
        self.shadow_hit_ratio.clear();
        for gauges in [&self.entries, &self.used_bytes, &self.capacity_bytes] {
            gauges.clear();
        }
        self.inconsistency_rate.clear();
        self.warm_rows.clear();
        for of in &report.collections {
            self.take_one(of);
        }
    }

    /// Takes over what waits in the journal; those that are not written behind, or
    /// not looked at yet, are not told of.
    pub(super) fn take_journals(&self, journals: &[JournalReport], now_us: i64) {
        self.journal_rows.clear();
        self.journal_oldest_seconds.clear();
        for of in journals {
            let labels = CollectionLabels {
                collection: format!("kv/{}", of.space),
            };
            let waits_us = of.oldest_us.map_or(0, |at| (now_us - at).max(0));
            let Some(rows) = of.rows else { continue };
            self.journal_rows.get_or_create(&labels).set(gauge(rows));
            self.journal_oldest_seconds
                .get_or_create(&labels)
                .set(waits_us as f64 / 1e6);
        }
    }

    fn take_warming(&self, of: &CollectionReport, labels: &CollectionLabels) {
        let Some(warming) = &of.warming else {
            return;
        };
        set(&self.warmed.get_or_create(labels), warming.warmed);
        for (rows, count) in [("found", warming.total), ("done", warming.done)] {
            let labels = WarmLabels {
                collection: labels.collection.clone(),
                rows,
            };
            self.warm_rows.get_or_create(&labels).set(gauge(count));
        }
    }

    fn take_one(&self, of: &CollectionReport) {
        let collection = || of.collection.clone();
        let labels = CollectionLabels {
            collection: collection(),
        };
        self.take_warming(of, &labels);
        let counts = &of.counts;
        for (outcome, count) in [
            ("hit", counts.hits),
            ("miss", counts.misses),
            ("ahead", counts.ahead),
            ("past", counts.past),
            ("shared", counts.shared_hits),
        ] {
            let labels = OutcomeLabels {
                collection: collection(),
                outcome,
            };
            set(&self.requests.get_or_create(&labels), count);
        }
        let wrong = counts.inconsistent;
        for (family, result, count) in [
            (
                &self.loads,
                "done",
                counts.loads - counts.loads_failed.min(counts.loads),
            ),
            (&self.loads, "failed", counts.loads_failed),
            (&self.loads, "not_admitted", counts.loads_not_admitted),
            (&self.loads, "unleased", counts.loads_unleased),
            (&self.fills, "kept", counts.fills),
            (&self.fills, "refused", counts.fills_refused),
            (
                &self.checks,
                "right",
                counts.checked - wrong.min(counts.checked),
            ),
            (&self.checks, "wrong", wrong),
        ] {
            let labels = ResultLabels {
                collection: collection(),
                result,
            };
            set(&family.get_or_create(&labels), count);
        }
        set(
            &self.stale_on_error.get_or_create(&labels),
            counts.stale_on_error,
        );
        self.entries.get_or_create(&labels).set(gauge(of.entries));
        self.used_bytes
            .get_or_create(&labels)
            .set(gauge(of.used_bytes));
        self.capacity_bytes
            .get_or_create(&labels)
            .set(gauge(of.capacity_bytes));
        let rate = counts.inconsistency_rate().unwrap_or(0.0);
        self.inconsistency_rate.get_or_create(&labels).set(rate);
        for estimate in &of.estimates {
            let labels = ShadowLabels {
                collection: collection(),
                eviction: estimate.eviction,
                capacity_bytes: estimate.capacity_bytes,
            };
            self.shadow_hit_ratio
                .get_or_create(&labels)
                .set(estimate.hit_ratio);
        }
    }
}

fn set(counter: &Counter, count: u64) {
    counter.inner().store(count, Ordering::Relaxed);
}
