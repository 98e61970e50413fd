//! `GET` and `HEAD` of a table.

use super::grammar::media::Media;
use super::grammar::prefer::Prefer;
use super::grammar::{query, range};
use super::nulls;
use crate::answer::{Answer, CURSOR, PREFERENCE_APPLIED, TRUNCATED};
use crate::error::ApiError;
use crate::operate::NextLink;
use crate::stamps;
use http::header::{CONTENT_RANGE, CONTENT_TYPE, HeaderValue, LINK, RANGE};
use http::request::Parts;
use http::{Method, StatusCode};
use pando_store::Store;
use pando_store::request::TableRead;
use pando_store::session::{Stamped, TableAnswer};

/// What a read asks for, in the store's words and in HTTP's.
pub(super) struct ReadRequest {
    pub read: TableRead,
    pub prefer: Prefer,
    media: Media,
}

/// Reads a request's query string and headers.
pub(super) fn request(table: &str, parts: &Parts) -> Result<ReadRequest, ApiError> {
    let mut prefer = Prefer::read(&parts.headers)?;
    // These are about writes; they are not applied here.
    prefer.resolution = None;
    prefer.returning = None;
    prefer.missing_default = None;
    prefer.max_affected = None;
    let media = Media::accepted(&parts.headers)?;
    let mut query = query::parse(parts.uri.query().unwrap_or_default())?.query;
    if parts.method == Method::GET
        && let Some(header) = parts.headers.get(RANGE)
    {
        range::narrow(&mut query, header.to_str().unwrap_or_default())?;
    }
    Ok(ReadRequest {
        read: TableRead {
            table: table.to_owned(),
            query,
            count: prefer.count,
            shape: media.shape,
        },
        prefer,
        media,
    })
}

/// Carries a read out.
pub(super) async fn carry_out(
    store: &Store,
    request: &ReadRequest,
    parts: &Parts,
) -> Result<(Answer, Stamped), ApiError> {
    let session = stamps::session_of(store, &parts.headers)?;
    let (rows, stamped) = store.read_table(&request.read, &session).await?;
    Ok((answer(request, rows, parts), stamped))
}

/// What the rows of a read are answered as.
pub(super) fn answer(request: &ReadRequest, rows: TableAnswer, parts: &Parts) -> Answer {
    let status = match rows.total {
        Some(total) if rows.rows < total => StatusCode::PARTIAL_CONTENT,
        _ => StatusCode::OK,
    };
    let mut answer = Answer::new(status);
    let content_type = request.media.content_type();
    answer.put(CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer.put(
        CONTENT_RANGE,
        content_range(rows.offset, rows.rows, rows.total),
    );
    if let Some(applied) = request.prefer.applied() {
        answer.put(PREFERENCE_APPLIED, applied);
    }
    if rows.truncated {
        answer.put(TRUNCATED, HeaderValue::from_static("true"));
    }
    if let Some(cursor) = rows.cursor {
        answer.put(LINK, NextLink::of(parts).behind(&cursor));
        answer.put(CURSOR, cursor);
    }
    answer.body = if request.media.strip_nulls {
        nulls::strip(&rows.body).into()
    } else {
        rows.body
    };
    answer
}

/// `0-24/100`: the rows that an answer holds, numbered from 0, of how many.
pub(crate) fn content_range(offset: u64, rows: u64, total: Option<u64>) -> String {
    let total_text = total.map_or("*".to_owned(), |total| total.to_string());
    match rows.checked_sub(1) {
        Some(last) if total != Some(0) => format!("{offset}-{}/{total_text}", offset + last),
        _ => format!("*/{total_text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_range_is_postgrest_s() {
        let cases = [
            ((0, 25, None), "0-24/*"),
            ((10, 5, Some(100)), "10-14/100"),
            ((0, 0, None), "*/*"),
            ((0, 0, Some(0)), "*/0"),
            ((5, 0, Some(3)), "*/3"),
        ];
        for ((offset, rows, total), text) in cases {
            assert_eq!(content_range(offset, rows, total), text);
        }
    }

    #[test]
    fn the_next_page_is_the_same_request_behind_the_cursor() {
        let cases = [
            ("/rest/v1/t", "</rest/v1/t?cursor=c>; rel=\"next\""),
            (
                "/rest/v1/t?a=eq.1&cursor=b&offset=5&limit=2",
                "</rest/v1/t?a=eq.1&limit=2&cursor=c>; rel=\"next\"",
            ),
        ];
        for (uri, link) in cases {
            let request = http::Request::get(uri).body(()).expect("a request");
            assert_eq!(NextLink::of(&request.into_parts().0).behind("c"), link);
        }
    }
}
