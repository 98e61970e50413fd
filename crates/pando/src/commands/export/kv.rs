//! The values of a space: keys by pages, values by batches that fit in memory.

use super::pages::List;
use crate::surface::{Asked, Surface};
use anyhow::Context;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Bytes of the values that are fetched at once, unless one is larger by itself.
const BATCH_BYTES_MAX: u64 = 4 << 20;

/// Values with their keys.
pub(super) struct Values<'a> {
    surface: &'a Surface,
    batch: String,
    keys: List<'a>,
    listed: VecDeque<Listed>,
}

#[derive(Deserialize)]
struct Keys {
    keys: VecDeque<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    key: String,
    size: u64,
}

#[derive(Serialize)]
struct Get<'a> {
    op: &'static str,
    key: &'a str,
}

/// A value as it is answered, and as it is exported.
#[derive(Deserialize)]
struct Got {
    key: String,
    found: bool,
    text: Option<String>,
    value: Option<String>,
    content_type: Option<String>,
    expires_at: Option<String>,
}

#[derive(Serialize)]
struct Exported {
    key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    content_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
}

impl<'a> Values<'a> {
    pub(super) fn new(surface: &'a Surface, path: &str) -> Values<'a> {
        Values {
            surface,
            batch: format!("{path}/batch"),
            keys: List::new(surface, path.to_owned()),
            listed: VecDeque::new(),
        }
    }

    pub(super) async fn next(&mut self) -> anyhow::Result<Option<Bytes>> {
        while self.listed.is_empty() {
            let Some(page) = self.keys.next().await? else {
                return Ok(None);
            };
            let page: Keys = serde_json::from_slice(&page.body).context("a list of keys")?;
            self.listed = page.keys;
        }
        let (mut keys, mut bytes) = (Vec::new(), 0);
        while let Some(listed) = self.listed.front() {
            bytes += listed.size;
            if bytes > BATCH_BYTES_MAX && !keys.is_empty() {
                break;
            }
            keys.extend(self.listed.pop_front().map(|listed| listed.key));
        }
        let gets: Vec<Get<'_>> = keys.iter().map(|key| Get { op: "get", key }).collect();
        let asked = Asked::post(&self.batch, serde_json::to_vec(&gets)?);
        let answer = self.surface.send(asked).await;
        let answer = answer.map_err(|error| error.error)?;
        let got: Vec<Got> = serde_json::from_slice(&answer.body).context("a batch of values")?;
        let mut page = Vec::with_capacity(answer.body.len());
        // Whatever was deleted or ran out since it was listed is not there.
        for got in got.into_iter().filter(|got| got.found) {
            serde_json::to_writer(&mut page, &exported(got))?;
            page.push(b'\n');
        }
        Ok(Some(page.into()))
    }
}

/// A value as text where it is text, whatever its type says; a person can read it then.
fn exported(got: Got) -> Exported {
    let bytes = got
        .value
        .as_ref()
        .and_then(|value| STANDARD.decode(value).ok());
    let decoded = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    let (text, value) = match decoded {
        Some(text) => (Some(text), None),
        None => (got.text, got.value),
    };
    Exported {
        key: got.key,
        text,
        value,
        content_type: got.content_type,
        expires_at: got.expires_at,
    }
}
