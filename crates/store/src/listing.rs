//! Pages of a list, and the opaque cursors between them.

use crate::refused;
use crate::store::Store;
use pando_model::error::Refusal;

impl Store {
    /// Makes the cursors of a list: they hold its kind and name, so that one list's are no
    /// other's.
    pub(crate) fn list_cursors(
        &self,
        kind: &str,
        name: &str,
    ) -> impl Fn(&str) -> String + Send + Sync + use<> {
        let seal = self.cursor_sealer();
        let lead = cursor_lead(kind, name);
        move |place| seal(&[lead.as_slice(), place.as_bytes()].concat())
    }

    /// Where a list goes on, from its cursor.
    pub(crate) fn open_list_cursor(
        &self,
        kind: &str,
        name: &str,
        cursor: &str,
    ) -> Result<String, Refusal> {
        self.open_cursor(cursor)
            .and_then(|bytes| {
                let place = bytes.strip_prefix(cursor_lead(kind, name).as_slice())?;
                String::from_utf8(place.to_vec()).ok()
            })
            .ok_or_else(|| {
                refused::malformed("the cursor is none of this list's")
                    .hint("Send what Pando-Cursor gave, with the same request.")
            })
    }
}

fn cursor_lead(kind: &str, name: &str) -> Vec<u8> {
    format!("{kind}\0{name}\0").into_bytes()
}
