//! Documents: JSON values with an id, in collections.

use crate::address;
use crate::answer::{Answer, Etag};
use crate::call::{Call, Request};
use crate::client::Client;
use crate::error::{Error, Result};
use crate::kv::Fetched;
use crate::tables::{Documents, Select};
use http::header::{CONTENT_TYPE, IF_NONE_MATCH, LOCATION};
use http::{Method, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A collection of documents.
#[derive(Clone, Debug)]
pub struct Collection {
    client: Client,
    name: String,
}

/// A document, and what is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document<T> {
    /// What it holds; its id is there as `_id`.
    pub body: T,
    /// Its version.
    pub etag: Etag,
}

/// A document that was inserted or put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentStored {
    /// Its id.
    pub id: String,
    /// Nothing was there before.
    pub created: bool,
    /// The new version.
    pub etag: Etag,
}

impl Client {
    /// A collection of documents. It comes to be with its first one.
    pub fn docs(&self, collection: &str) -> Collection {
        Collection {
            client: self.clone(),
            name: collection.to_owned(),
        }
    }
}

impl Collection {
    /// Inserts a document; its id is made.
    pub fn insert<T: Serialize + ?Sized>(&self, document: &T) -> Call<DocumentStored> {
        let request = Request::new(Method::POST, self.path(&[])).json(document);
        Call::new(&self.client, request, |answer| {
            let answer = answer.success()?;
            let id = made_id(&answer)?;
            stored(id, &answer)
        })
    }

    /// The document of an id.
    pub fn get<T: DeserializeOwned + 'static>(&self, id: &str) -> Call<Option<Document<T>>> {
        let request = Request::get(self.path(&[id]));
        Call::new(&self.client, Ok(request), |answer| {
            match answer.found()? {
                Some(answer) => document(&answer).map(Some),
                None => Ok(None),
            }
        })
    }

    /// The document of an id, unless it still has a version that is known.
    pub fn get_if_changed<T: DeserializeOwned + 'static>(
        &self,
        id: &str,
        known: &Etag,
    ) -> Call<Fetched<Document<T>>> {
        let request = Request::get(self.path(&[id]));
        let call = Call::new(&self.client, Ok(request), |answer| match answer.status {
            StatusCode::NOT_MODIFIED => Ok(Fetched::Unchanged),
            _ => match answer.found()? {
                Some(answer) => document(&answer).map(Fetched::Changed),
                None => Ok(Fetched::Gone),
            },
        });
        call.header(IF_NONE_MATCH, known.as_str())
    }

    /// Puts a document under an id, in the place of the one that is there.
    pub fn put<T: Serialize + ?Sized>(&self, id: &str, document: &T) -> Call<DocumentStored> {
        let request = Request::new(Method::PUT, self.path(&[id])).json(document);
        let id = id.to_owned();
        Call::new(&self.client, request, |answer| {
            stored(id, &answer.success()?)
        })
    }

    /// Changes a document by a merge patch (RFC 7396); the document as it is now.
    pub fn merge<P, T>(&self, id: &str, patch: &P) -> Call<Document<T>>
    where
        P: Serialize + ?Sized,
        T: DeserializeOwned + 'static,
    {
        self.patch(id, "application/merge-patch+json", patch)
    }

    /// Changes a document by the operations of a JSON patch (RFC 6902); the document as it is
    /// now.
    pub fn json_patch<P, T>(&self, id: &str, operations: &P) -> Call<Document<T>>
    where
        P: Serialize + ?Sized,
        T: DeserializeOwned + 'static,
    {
        self.patch(id, "application/json-patch+json", operations)
    }

    /// Deletes a document; whether it was there.
    pub fn delete(&self, id: &str) -> Call<bool> {
        let request = Request::new(Method::DELETE, self.path(&[id]));
        Call::new(&self.client, Ok(request), |answer| {
            Ok(answer.found()?.is_some())
        })
    }

    /// Finds documents by what they hold: `column("address").member_text("city").eq("Seoul")`.
    pub fn find(&self) -> Select<Documents> {
        Select::new(&self.client, self.path(&[]))
    }

    fn patch<P, T>(&self, id: &str, media_type: &str, patch: &P) -> Call<Document<T>>
    where
        P: Serialize + ?Sized,
        T: DeserializeOwned + 'static,
    {
        let request = Request::new(Method::PATCH, self.path(&[id])).json(patch);
        let call = Call::new(&self.client, request, |answer| document(&answer.success()?));
        call.header(CONTENT_TYPE, media_type)
    }

    fn path(&self, rest: &[&str]) -> String {
        let mut segments = vec![self.name.as_str()];
        segments.extend_from_slice(rest);
        address::path("docs", &segments)
    }
}

fn document<T: DeserializeOwned>(answer: &Answer) -> Result<Document<T>> {
    Ok(Document {
        body: answer.json()?,
        etag: answer.required_etag()?,
    })
}

fn stored(id: String, answer: &Answer) -> Result<DocumentStored> {
    Ok(DocumentStored {
        id,
        created: answer.status == StatusCode::CREATED,
        etag: answer.required_etag()?,
    })
}

/// The id that was made: in the body as `_id`, or in `Location`, as its last segment.
fn made_id(answer: &Answer) -> Result<String> {
    #[derive(Deserialize)]
    struct Told {
        #[serde(rename = "_id")]
        id: String,
    }
    if let Ok(Told { id }) = answer.json() {
        return Ok(id);
    }
    let location = answer.header(LOCATION.as_str());
    let segment = location.and_then(|location| location.rsplit('/').next());
    segment
        .and_then(|segment| {
            percent_encoding::percent_decode_str(segment)
                .decode_utf8()
                .ok()
        })
        .map(|id| id.into_owned())
        .ok_or_else(|| Error::undecodable("the answer does not tell the document's id"))
}
