//! `Accept` and `Content-Type`: how rows are written down, and how they came.

use http::HeaderMap;
use http::header::{ACCEPT, CONTENT_TYPE};
use pando_model::error::Refusal;
use pando_store::request::{PayloadFormat, Shape};

/// How the answer is written down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Media {
    /// An array, one object, or CSV.
    pub shape: Shape,
    /// The type that is named in the answer.
    pub kind: MediaKind,
    /// `;nulls=stripped`: keys whose value is null are left out.
    pub strip_nulls: bool,
}

/// The media types that tables are written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum MediaKind {
    /// `application/json`.
    #[default]
    Json,
    /// `application/vnd.pgrst.object+json`.
    Object,
    /// `application/vnd.pgrst.array+json`.
    Array,
    /// `text/csv`.
    Csv,
}

impl Media {
    /// What `Accept` asks for, by weight, then order; PGRST107 when none of it is there.
    pub(crate) fn accepted(headers: &HeaderMap) -> Result<Media, Refusal> {
        let mut asked: Vec<(u16, &str)> = Vec::new();
        for header in headers.get_all(ACCEPT) {
            let text = header.to_str().unwrap_or_default();
            if matches!(text, "*/*" | "application/json") && asked.is_empty() {
                asked.push((1000, text));
                continue;
            }
            for range in text.split(',').map(str::trim).filter(|r| !r.is_empty()) {
                asked.push((weight(range), range));
            }
        }
        if asked.is_empty() {
            return Ok(Media::default());
        }
        asked.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
        let mut known = asked.iter().filter(|(weight, _)| *weight > 0);
        if let Some(media) = known.find_map(|(_, range)| Media::of(range)) {
            return Ok(media);
        }
        let names: Vec<&str> = asked.iter().map(|(_, range)| *range).collect();
        Err(Refusal::new(
            "PGRST107",
            format!(
                "None of these media types are available: {}",
                names.join(", ")
            ),
        ))
    }

    fn of(range: &str) -> Option<Media> {
        let mut parts = range.split(';').map(str::trim);
        let (kind, shape) = match parts.next()?.to_ascii_lowercase().as_str() {
            "*/*" | "application/*" | "application/json" => (MediaKind::Json, Shape::Array),
            "application/vnd.pgrst.object+json" | "application/vnd.pgrst.object" => {
                (MediaKind::Object, Shape::Object)
            }
            "application/vnd.pgrst.array+json" | "application/vnd.pgrst.array" => {
                (MediaKind::Array, Shape::Array)
            }
            "text/csv" | "text/*" => (MediaKind::Csv, Shape::Csv),
            _ => return None,
        };
        let strip_nulls = matches!(kind, MediaKind::Object | MediaKind::Array)
            && parts.any(|parameter| parameter.eq_ignore_ascii_case("nulls=stripped"));
        Some(Media {
            shape,
            kind,
            strip_nulls,
        })
    }

    /// The value of `Content-Type`.
    pub(crate) fn content_type(self) -> &'static str {
        match (self.kind, self.strip_nulls) {
            (MediaKind::Json, _) => "application/json; charset=utf-8",
            (MediaKind::Csv, _) => "text/csv; charset=utf-8",
            (MediaKind::Object, false) => "application/vnd.pgrst.object+json; charset=utf-8",
            (MediaKind::Object, true) => {
                "application/vnd.pgrst.object+json;nulls=stripped; charset=utf-8"
            }
            (MediaKind::Array, false) => "application/vnd.pgrst.array+json; charset=utf-8",
            (MediaKind::Array, true) => {
                "application/vnd.pgrst.array+json;nulls=stripped; charset=utf-8"
            }
        }
    }
}

/// The form of a body by its `Content-Type`; JSON where there is none. The
/// refusal is answered 415.
pub(crate) fn payload_format(headers: &HeaderMap) -> Result<PayloadFormat, Refusal> {
    let Some(header) = headers.get(CONTENT_TYPE) else {
        return Ok(PayloadFormat::Json);
    };
    let text = String::from_utf8_lossy(header.as_bytes());
    let kind = text.split(';').next().unwrap_or_default().trim();
    match kind.to_ascii_lowercase().as_str() {
        "application/json" | "application/vnd.pgrst.object+json" => Ok(PayloadFormat::Json),
        "application/vnd.pgrst.array+json" => Ok(PayloadFormat::Json),
        "text/csv" => Ok(PayloadFormat::Csv),
        "application/x-www-form-urlencoded" => Ok(PayloadFormat::Form),
        _ => Err(
            Refusal::new("PGRST102", format!("Content-Type not acceptable: {kind}"))
                .hint("Use application/json, text/csv or application/x-www-form-urlencoded."),
        ),
    }
}

/// `q=` in thousandths; 1000 where there is none or it cannot be read.
fn weight(range: &str) -> u16 {
    let quality = range.split(';').skip(1).find_map(|parameter| {
        let value = parameter.trim().strip_prefix("q=")?;
        value.trim().parse::<f32>().ok()
    });
    quality.map_or(1000, |q| (q.clamp(0.0, 1.0) * 1000.0) as u16)
}
