//! Lists: one page, or all of them as a stream.

use crate::answer::Answer;
use crate::call::Call;
use crate::error::Result;
use futures_util::stream::{self, Stream, TryStreamExt};
use serde::de::DeserializeOwned;

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// What is in it.
    pub items: Vec<T>,
    /// Where the next one begins; nothing on the last.
    pub cursor: Option<String>,
    /// The server cut it at its `max_rows`.
    pub truncated: bool,
}

impl<T> Page<T> {
    /// Reads a page whose items the body is, or has within.
    pub(crate) fn read<B: DeserializeOwned>(
        answer: Answer,
        items: impl FnOnce(B) -> Vec<T>,
    ) -> Result<Page<T>> {
        let answer = answer.success()?;
        Ok(Page {
            items: items(answer.json()?),
            cursor: answer.header("pando-cursor").map(str::to_owned),
            truncated: answer.headers.contains_key("pando-truncated"),
        })
    }
}

/// All items of a list, page by page. A page is asked for when the one before is used up.
pub(crate) fn stream<T: Send + 'static>(
    page: impl Fn(Option<&str>) -> Call<Page<T>> + Send + 'static,
) -> impl Stream<Item = Result<T>> + Send {
    // Nothing when there is no next page; else its cursor, if it is not the first.
    let first: Option<Option<String>> = Some(None);
    stream::try_unfold((page, first), |(page, at)| async move {
        let Some(cursor) = at else {
            return Ok(None);
        };
        let call = page(cursor.as_deref());
        let read = call.await?;
        let next = read.cursor.map(Some);
        Ok(Some((
            stream::iter(read.items.into_iter().map(Ok)),
            (page, next),
        )))
    })
    .try_flatten()
}
