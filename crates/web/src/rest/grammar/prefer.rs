//! `Prefer`: what is read of it, and what is said to have been applied.

use http::header::{HeaderMap, HeaderName};
use pando_model::error::Refusal;
use pando_store::request::{Count, Resolution, Returning};

const PREFER: HeaderName = HeaderName::from_static("prefer");

/// The preferences of a request. The first of several for the same thing counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Prefer {
    /// `resolution=`.
    pub resolution: Option<Resolution>,
    /// `missing=`: `true` is default.
    pub missing_default: Option<bool>,
    /// `return=`.
    pub returning: Option<Returning>,
    /// `count=`.
    pub count: Option<Count>,
    /// `handling=`: `true` is strict.
    pub strict: Option<bool>,
    /// `timezone=UTC`, the one there is.
    pub utc: bool,
    /// `max-affected=`.
    pub max_affected: Option<u64>,
    /// `explain`: say where the request would go, and do nothing.
    pub explain: bool,
}

impl Prefer {
    /// Reads all `Prefer` headers; refuses (PGRST122) unknown ones under `handling=strict`.
    pub(crate) fn read(headers: &HeaderMap) -> Result<Prefer, Refusal> {
        let mut prefer = Prefer::default();
        let mut unknown = Vec::new();
        for header in headers.get_all(PREFER) {
            let Ok(text) = header.to_str() else {
                unknown.push("a preference that is not text".to_owned());
                continue;
            };
            for preference in text.split([',', ';']).map(str::trim) {
                if !preference.is_empty() && !prefer.take(preference) {
                    unknown.push(preference.to_owned());
                }
            }
        }
        if prefer.strict == Some(true) && !unknown.is_empty() {
            return Err(
                Refusal::new("PGRST122", "Invalid preferences given with handling=strict")
                    .details(format!("Invalid preferences: {}", unknown.join(", "))),
            );
        }
        Ok(prefer)
    }

    /// The value of `Preference-Applied`; `None` when nothing was preferred.
    pub(crate) fn applied(&self) -> Option<String> {
        let max_affected = self.max_affected.map(|max| format!("max-affected={max}"));
        let parts = [
            self.resolution.map(|resolution| match resolution {
                Resolution::Merge => "resolution=merge-duplicates",
                Resolution::Ignore => "resolution=ignore-duplicates",
            }),
            self.missing_default
                .map(|default| ["missing=null", "missing=default"][usize::from(default)]),
            self.returning.map(|returning| match returning {
                Returning::Minimal => "return=minimal",
                Returning::HeadersOnly => "return=headers-only",
                Returning::Representation => "return=representation",
            }),
            self.count.map(|count| match count {
                Count::Exact => "count=exact",
                Count::Planned => "count=planned",
                Count::Estimated => "count=estimated",
            }),
            self.strict
                .map(|strict| ["handling=lenient", "handling=strict"][usize::from(strict)]),
            self.utc.then_some("timezone=UTC"),
            max_affected.as_deref(),
            self.explain.then_some("explain"),
        ];
        let applied: Vec<&str> = parts.into_iter().flatten().collect();
        (!applied.is_empty()).then(|| applied.join(", "))
    }

    /// Whether it is one that is known (and can be met).
    fn take(&mut self, preference: &str) -> bool {
        let (name, value) = preference.split_once('=').unwrap_or((preference, ""));
        match (name.trim(), value.trim()) {
            ("resolution", "merge-duplicates") => keep(&mut self.resolution, Resolution::Merge),
            ("resolution", "ignore-duplicates") => keep(&mut self.resolution, Resolution::Ignore),
            ("missing", "default") => keep(&mut self.missing_default, true),
            ("missing", "null") => keep(&mut self.missing_default, false),
            ("return", "minimal") => keep(&mut self.returning, Returning::Minimal),
            ("return", "headers-only") => keep(&mut self.returning, Returning::HeadersOnly),
            ("return", "representation") => keep(&mut self.returning, Returning::Representation),
            ("count", "exact") => keep(&mut self.count, Count::Exact),
            ("count", "planned") => keep(&mut self.count, Count::Planned),
            ("count", "estimated") => keep(&mut self.count, Count::Estimated),
            ("handling", "strict") => keep(&mut self.strict, true),
            ("handling", "lenient") => keep(&mut self.strict, false),
            ("timezone", "UTC") => self.utc = true,
            ("explain", "") => self.explain = true,
            // Known, and ignored: a transaction ends as its request does.
            ("tx", "commit" | "rollback") => {}
            ("max-affected", max) => match max.parse() {
                Ok(max) => keep(&mut self.max_affected, max),
                Err(_) => return false,
            },
            _ => return false,
        }
        true
    }
}

fn keep<T>(slot: &mut Option<T>, value: T) {
    slot.get_or_insert(value);
}
