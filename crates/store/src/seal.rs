//! Seals: what a caller carries for the store and cannot make or change.
//!
//! A sealed text is base64url of `version, secret, payload, MAC`: one byte each
//! for the format and the secret's number, and 16 bytes of keyed BLAKE3 over all
//! before them. Stamp tokens and cursors are sealed with keys derived for their
//! own purpose, so that neither passes for the other. Secrets lie in the catalog,
//! shared by all nodes; a new one is made every [`SECRET_AGE`], and the one
//! before it stays valid.

use crate::catalog::{Catalog, Secret};
use crate::session::Result;
use crate::token::{TEXT_MAX, Token};
use arc_swap::{ArcSwap, ArcSwapOption};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pando_model::stamp::Position;
use std::sync::Arc;
use std::time::Duration;

/// How old a secret grows before a new one signs. With two valid ones a seal is good for at
/// least this long, and a browser that was closed for a month may begin anew.
pub const SECRET_AGE: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How old a secret is before it signs, where there are several processes: what one has sealed
/// the others must be able to read, and they look for new ones several times a second.
const SETTLE: Duration = Duration::from_secs(60);

const FORMAT: u8 = 1;
const MAC_BYTES: usize = 16;
/// Cursors hold the values a list is ordered by; a longer one was not made here.
const CURSOR_TEXT_MAX: usize = 64 * 1024;

/// Seals and opens with the secrets in force.
pub(crate) struct Sealer {
    ring: ArcSwap<Ring>,
    /// The last position that was sealed, and its text.
    last: ArcSwapOption<(Position, Arc<str>)>,
}

/// The secrets in force, newest first.
struct Ring {
    keys: Vec<Keys>,
    /// Which of them signs.
    signs: usize,
}

struct Keys {
    number: u8,
    made_at_us: i64,
    stamp: [u8; 32],
    cursor: [u8; 32],
}

#[derive(Clone, Copy)]
enum Purpose {
    Stamp,
    Cursor,
}

impl Sealer {
    pub(crate) async fn load(catalog: &Catalog) -> Result<Sealer> {
        let sealer = Sealer {
            ring: ArcSwap::from_pointee(Ring {
                keys: Vec::new(),
                signs: 0,
            }),
            last: ArcSwapOption::empty(),
        };
        sealer.reload(catalog).await?;
        sealer.rotate_if_due(catalog).await?;
        Ok(sealer)
    }

    /// Makes a new secret where the one that signs is too old, or there is none.
    pub(crate) async fn rotate_if_due(&self, catalog: &Catalog) -> Result<()> {
        let age_max = i64::try_from(SECRET_AGE.as_micros()).unwrap_or(i64::MAX);
        let now = catalog.now_us();
        let fresh = |keys: &Keys| now.saturating_sub(keys.made_at_us) < age_max;
        let ring = self.ring.load_full();
        if !ring.keys.first().is_some_and(fresh) {
            catalog.rotate_secrets().await?;
        } else if ring.signs == signer(&ring.keys, catalog) {
            return Ok(());
        }
        self.reload(catalog).await
    }

    pub(crate) fn seal_position(&self, position: Position) -> Arc<str> {
        if let Some(last) = &*self.last.load()
            && last.0 == position
        {
            return Arc::clone(&last.1);
        }
        let text: Arc<str> = self.seal_token(&Token::of(0, position)).into();
        self.last
            .store(Some(Arc::new((position, Arc::clone(&text)))));
        text
    }

    /// A token that would not fit says only that its caller has seen too much.
    pub(crate) fn seal_token(&self, token: &Token) -> String {
        let text = self.seal(Purpose::Stamp, &token.encode());
        if text.len() <= TEXT_MAX {
            return text;
        }
        let strong = Token {
            map_version: token.map_version,
            positions: Vec::new(),
            strong: true,
        };
        self.seal(Purpose::Stamp, &strong.encode())
    }

    pub(crate) fn unseal(&self, text: &str) -> Option<Token> {
        if text.len() > TEXT_MAX {
            return None;
        }
        Token::decode(&self.open(Purpose::Stamp, text)?)
    }

    pub(crate) fn seal_cursor(&self, cursor: &[u8]) -> String {
        self.seal(Purpose::Cursor, cursor)
    }

    pub(crate) fn open_cursor(&self, text: &str) -> Option<Vec<u8>> {
        if text.len() > CURSOR_TEXT_MAX {
            return None;
        }
        self.open(Purpose::Cursor, text)
    }

    pub(crate) async fn reload(&self, catalog: &Catalog) -> Result<()> {
        let secrets = catalog.fetch_secrets().await?;
        let keys: Vec<Keys> = secrets.iter().map(Keys::derive).collect();
        let signs = signer(&keys, catalog);
        self.ring.store(Arc::new(Ring { keys, signs }));
        self.last.store(None);
        Ok(())
    }

    fn seal(&self, purpose: Purpose, payload: &[u8]) -> String {
        let ring = self.ring.load();
        // A ring is never empty once loaded; without a secret a seal opens nowhere.
        let Some(keys) = ring.keys.get(ring.signs) else {
            return String::new();
        };
        let mut sealed = Vec::with_capacity(2 + payload.len() + MAC_BYTES);
        sealed.extend([FORMAT, keys.number]);
        sealed.extend_from_slice(payload);
        let mac = keys.mac(purpose, &sealed);
        sealed.extend_from_slice(&mac);
        URL_SAFE_NO_PAD.encode(sealed)
    }

    fn open(&self, purpose: Purpose, text: &str) -> Option<Vec<u8>> {
        let sealed = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (signed, mac) = sealed.split_at_checked(sealed.len().checked_sub(MAC_BYTES)?)?;
        let [FORMAT, number, payload @ ..] = signed else {
            return None;
        };
        let ring = self.ring.load();
        let keys = ring.keys.iter().find(|keys| keys.number == *number)?;
        let genuine = subtle::ConstantTimeEq::ct_eq(&keys.mac(purpose, signed)[..], mac);
        bool::from(genuine).then(|| payload.to_vec())
    }
}

/// Which secret signs, of the newest first: one that every process knows by now.
fn signer(keys: &[Keys], catalog: &Catalog) -> usize {
    if !catalog.is_shared() {
        return 0;
    }
    let settle_us = i64::try_from(SETTLE.as_micros()).unwrap_or(i64::MAX);
    let settled = catalog.now_us().saturating_sub(settle_us);
    let known = keys.iter().position(|keys| keys.made_at_us <= settled);
    known.unwrap_or(keys.len().saturating_sub(1))
}

impl Keys {
    fn derive(secret: &Secret) -> Keys {
        Keys {
            number: secret.number,
            made_at_us: secret.made_at_us,
            stamp: blake3::derive_key("pando stamp token v1", &secret.bytes),
            cursor: blake3::derive_key("pando page cursor v1", &secret.bytes),
        }
    }

    fn mac(&self, purpose: Purpose, signed: &[u8]) -> [u8; MAC_BYTES] {
        let key = match purpose {
            Purpose::Stamp => &self.stamp,
            Purpose::Cursor => &self.cursor,
        };
        let hash = blake3::keyed_hash(key, signed);
        let mut mac = [0; MAC_BYTES];
        mac.copy_from_slice(&hash.as_bytes()[..MAC_BYTES]);
        mac
    }
}
