//! `POST`, `PATCH`, `PUT` and `DELETE` of a table.

use super::grammar::media::{Media, payload_format};
use super::grammar::prefer::Prefer;
use super::grammar::{query, range};
use super::nulls;
use super::read::content_range;
use crate::answer::{Answer, PREFERENCE_APPLIED, TRUNCATED};
use crate::error::ApiError;
use crate::idempotency::{self, UnderWay};
use crate::operate::Done;
use crate::stamps;
use bytes::Bytes;
use http::header::{CONTENT_RANGE, CONTENT_TYPE, HeaderValue, LOCATION};
use http::request::Parts;
use http::{Method, StatusCode};
use pando_model::error::Refusal;
use pando_store::Store;
use pando_store::request::{
    Idempotency, PayloadFormat, Resolution, Returning, RowRange, TableWrite, Verb,
};
use pando_store::session::TableAnswer;

/// What a write asks for, in the store's words and in HTTP's.
pub(super) struct WriteRequest {
    pub write: TableWrite,
    pub prefer: Prefer,
    media: Media,
}

/// How an answer is written, known before the write is carried out.
#[derive(Clone)]
pub(super) struct Form {
    verb: Verb,
    prefer: Prefer,
    media: Media,
    path: String,
}

/// Reads a request's query string and headers; the body comes later.
pub(super) fn request(table: &str, verb: Verb, parts: &Parts) -> Result<WriteRequest, ApiError> {
    let prefer = Prefer::read(&parts.headers)?;
    let media = Media::accepted(&parts.headers)?;
    let format = match verb {
        Verb::Delete => PayloadFormat::Json,
        _ => payload_format(&parts.headers).map_err(|refusal| {
            ApiError::from(refusal).status(StatusCode::UNSUPPORTED_MEDIA_TYPE)
        })?,
    };
    let parsed = query::parse(parts.uri.query().unwrap_or_default())?;
    if verb == Verb::Put && range::of_root(&parsed.query) != RowRange::default() {
        return Err(Refusal::new(
            "PGRST114",
            "limit/offset querystring parameters are not allowed for PUT",
        )
        .into());
    }
    let write = TableWrite {
        verb,
        table: table.to_owned(),
        query: parsed.query,
        body: Bytes::new(),
        format,
        columns: parsed.columns,
        on_conflict: parsed.on_conflict,
        resolution: prefer.resolution,
        missing_default: prefer.missing_default.unwrap_or(false),
        returning: prefer.returning.unwrap_or_default(),
        max_affected: prefer.max_affected,
        count: prefer.count,
        shape: media.shape,
        idempotency: None,
    };
    Ok(WriteRequest {
        write,
        prefer,
        media,
    })
}

/// Carries a write out. Dropping the future does not undo it.
pub(super) async fn carry_out(
    store: &Store,
    under_way: &UnderWay,
    caller: &str,
    request: WriteRequest,
    parts: &Parts,
) -> Result<Done, ApiError> {
    let session = stamps::session_of(store, &parts.headers)?;
    let (mut write, form) = request.into_form(parts);
    let (method, uri, headers) = (&parts.method, &parts.uri, &parts.headers);
    write.idempotency = idempotency::identify(caller, method, uri, headers, &write.body)?;
    let _claim = write
        .idempotency
        .as_ref()
        .map(|idempotency: &Idempotency| under_way.claim(idempotency))
        .transpose()?;
    let encode = Box::new(move |rows: &TableAnswer| form.answer(rows).encode());
    let written = store.write_table(write, &session, encode).await?;
    let answer = Answer::stored(written.answer)?;
    Ok(Done {
        answer,
        replayed: written.replayed,
        stamped: written.stamped,
        is_new: !written.replayed,
    })
}

/// What a method does to a table; `None` for methods that change nothing.
pub(super) fn verb_of(method: &Method) -> Option<Verb> {
    match *method {
        Method::POST => Some(Verb::Insert),
        Method::PATCH => Some(Verb::Update),
        Method::PUT => Some(Verb::Put),
        Method::DELETE => Some(Verb::Delete),
        _ => None,
    }
}

impl WriteRequest {
    /// The write, and how it is answered.
    pub(super) fn into_form(self, parts: &Parts) -> (TableWrite, Form) {
        let form = Form {
            verb: self.write.verb,
            prefer: self.prefer,
            media: self.media,
            path: parts.uri.path().to_owned(),
        };
        (self.write, form)
    }
}

impl Form {
    /// What a write is answered as.
    pub(super) fn answer(&self, rows: &TableAnswer) -> Answer {
        let returning = self.prefer.returning == Some(Returning::Representation);
        let mut answer = Answer::new(self.status(rows, returning));
        let counted = self.prefer.count.map(|_| rows.affected);
        let range = match self.verb {
            Verb::Insert | Verb::Delete => Some(content_range(0, 0, counted)),
            Verb::Update => Some(content_range(0, rows.affected, counted)),
            Verb::Put => None,
        };
        if let Some(range) = range {
            answer.put(CONTENT_RANGE, range);
        }
        if let Some(filters) = &rows.location {
            answer.put(LOCATION, format!("{}?{filters}", self.path));
        }
        if let Some(applied) = self.applied() {
            answer.put(PREFERENCE_APPLIED, applied);
        }
        if returning {
            let content_type = self.media.content_type();
            answer.put(CONTENT_TYPE, HeaderValue::from_static(content_type));
            if rows.truncated {
                answer.put(TRUNCATED, HeaderValue::from_static("true"));
            }
            answer.body = if self.media.strip_nulls {
                nulls::strip(&rows.body).into()
            } else {
                rows.body.clone()
            };
        }
        answer
    }

    fn status(&self, rows: &TableAnswer, returning: bool) -> StatusCode {
        let merges = self.prefer.resolution == Some(Resolution::Merge);
        match self.verb {
            Verb::Insert if merges && rows.inserted == 0 => StatusCode::OK,
            Verb::Insert => StatusCode::CREATED,
            _ if !returning => StatusCode::NO_CONTENT,
            Verb::Put if rows.inserted > 0 => StatusCode::CREATED,
            Verb::Put | Verb::Update | Verb::Delete => StatusCode::OK,
        }
    }

    /// The preferences that this verb looks at.
    fn applied(&self) -> Option<String> {
        let mut prefer = self.prefer.clone();
        if self.verb != Verb::Insert {
            prefer.resolution = None;
        }
        if !matches!(self.verb, Verb::Insert | Verb::Update) {
            prefer.missing_default = None;
        }
        if !matches!(self.verb, Verb::Update | Verb::Delete) {
            prefer.max_affected = None;
        }
        prefer.applied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pando_store::request::Count;

    #[test]
    fn statuses_and_ranges_are_postgrest_s() {
        let minimal = Prefer::default();
        let full = Prefer {
            returning: Some(Returning::Representation),
            ..Prefer::default()
        };
        let merge = Prefer {
            resolution: Some(Resolution::Merge),
            count: Some(Count::Exact),
            ..Prefer::default()
        };
        for (verb, prefer, (affected, inserted), status, range) in [
            (Verb::Insert, &minimal, (1, 1), 201, Some("*/*")),
            (Verb::Insert, &full, (2, 2), 201, Some("*/*")),
            (Verb::Insert, &merge, (2, 0), 200, Some("*/2")),
            (Verb::Insert, &merge, (2, 1), 201, Some("*/2")),
            (Verb::Update, &minimal, (2, 0), 204, Some("0-1/*")),
            (Verb::Update, &full, (0, 0), 200, Some("*/*")),
            (Verb::Delete, &minimal, (2, 0), 204, Some("*/*")),
            (Verb::Delete, &full, (2, 0), 200, Some("*/*")),
            (Verb::Put, &minimal, (1, 1), 204, None),
            (Verb::Put, &full, (1, 1), 201, None),
            (Verb::Put, &full, (1, 0), 200, None),
        ] {
            let form = Form {
                verb,
                prefer: prefer.clone(),
                media: Media::default(),
                path: "/rest/v1/t".to_owned(),
            };
            let answer = form.answer(&TableAnswer {
                body: Bytes::new(),
                rows: 0,
                offset: 0,
                total: None,
                truncated: false,
                cursor: None,
                affected,
                inserted,
                location: Some("id=eq.1".to_owned()),
            });
            assert_eq!(answer.status, status, "for {verb:?}");
            let found = answer.headers.get(CONTENT_RANGE);
            assert_eq!(found.map(HeaderValue::as_bytes), range.map(str::as_bytes));
            assert_eq!(answer.headers[LOCATION], "/rest/v1/t?id=eq.1");
        }
    }
}
