//! Lists of documents, and searches: the grammar of tables, and `search=`.

use super::reader::Accept;
use crate::answer::Answer;
use crate::error::ApiError;
use crate::operate::NextLink;
use crate::params::malformed;
use crate::rest::grammar::{params, query};
use crate::web::Web;
use http::request::Parts;
use http::{StatusCode, Uri};
use pando_model::error::Refusal;
use pando_store::docs::DocumentList;
use pando_store::operation::Operation;
use pando_store::request::Query;

/// Plans a list, or a search.
pub(super) fn plan(
    web: &Web,
    collection: &str,
    parts: &Parts,
) -> Result<Operation<Answer>, ApiError> {
    let accept = Accept::of(parts)?;
    let (query, search) = asked(&parts.uri)?;
    let store = web.store();
    let listed = match search {
        Some(words) => store.docs_search(collection, &words, &query),
        None => store.docs_list(collection, &query),
    }
    .map_err(ApiError::of_question)?;
    let next = NextLink::of(parts);
    Ok(listed.map(move |list| answer(&accept, &next, list)))
}

fn answer(accept: &Accept, next: &NextLink, list: DocumentList) -> Result<Answer, Refusal> {
    let answer = accept.answer(StatusCode::OK, &list.json)?;
    Ok(next.on_list(answer, list.documents, list.truncated, list.cursor))
}

/// The query of a list, and what is searched for.
pub(crate) fn asked(uri: &Uri) -> Result<(Query, Option<String>), ApiError> {
    let raw = uri.query().unwrap_or_default();
    let mut search = None;
    let mut rest = Vec::new();
    for pair in raw.split('&').filter(|pair| !pair.is_empty()) {
        let Some((name, value)) = pair.split_once('=') else {
            return Err(malformed(format!("the parameter {pair:?} has no value")));
        };
        if params::decode(name).as_deref() != Some("search") {
            rest.push(pair);
            continue;
        }
        let text = params::decode(value);
        let text = text.ok_or_else(|| malformed("the query is not UTF-8 once it is decoded"))?;
        if search.replace(text.into_owned()).is_some() {
            return Err(malformed("search is given twice"));
        }
    }
    let parsed = query::parse(&rest.join("&")).map_err(unread)?;
    for (given, name) in [
        (parsed.columns.is_some(), "columns"),
        (parsed.on_conflict.is_some(), "on_conflict"),
    ] {
        if given {
            return Err(malformed(format!("there is no parameter {name:?} here"))
                .hint("A member of this name is filtered as \"columns\"=eq.1, quoted."));
        }
    }
    Ok((parsed.query, search))
}

/// What the grammar of tables refuses, in the code that is told outside of them.
fn unread(refusal: Refusal) -> Refusal {
    Refusal {
        details: refusal.details,
        hint: refusal.hint,
        ..Refusal::new("malformed", refusal.message)
    }
}
