//! Documents: a `PUT` of each record under its id, or a `POST` where it has none.

use super::super::chunk::Fault;
use super::super::fields::{Fields, push_string};
use super::{Operations, Recipe, TX, TX_FRAME, TX_OPERATIONS_MAX};
use crate::cli::ImportArgs;
use pando_client::encoded;

/// The member that names a document.
const ID: &str = "_id";

/// Documents of a collection.
pub(super) struct Documents {
    lead: String,
    /// The field that is the id; without it `_id` where a record has one.
    key: Option<String>,
}

impl Documents {
    pub(super) fn new(collection: &str, args: &ImportArgs) -> Documents {
        Documents {
            lead: format!("/docs/v1/{}", encoded(collection)),
            key: args.key.clone(),
        }
    }
}

impl Recipe for Documents {
    fn operations(&self, record: &Fields<'_>) -> Result<Operations, Fault> {
        let key = self.key.as_deref().unwrap_or(ID);
        let made = self.key.is_none() && record.given(ID).is_none();
        let path = match made {
            true => self.lead.clone(),
            false => format!("{}/{}", self.lead, encoded(&record.text(key)?)),
        };
        let method = if made { "POST" } else { "PUT" };
        let mut text = format!("{{\"method\":\"{method}\",\"path\":");
        push_string(&path, &mut text);
        // The id is in the path: a document does not hold it twice.
        let body = record.object_without(&[ID]);
        text.push_str(",\"body\":");
        text.push_str(body.as_deref().unwrap_or("{}"));
        text.push('}');
        Ok(Operations { count: 1, text })
    }

    fn path(&self) -> &str {
        TX
    }

    fn frame(&self) -> (&'static str, &'static str) {
        TX_FRAME
    }

    fn operations_max(&self) -> usize {
        TX_OPERATIONS_MAX
    }

    fn needed(&self) -> Vec<&str> {
        self.key.as_deref().into_iter().collect()
    }
}
