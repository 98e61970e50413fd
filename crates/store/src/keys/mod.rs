//! API keys: who may ask.
//!
//! A key is 256 random bits, printed once. The catalog holds its BLAKE3 hash:
//! such a secret cannot be guessed, so a slow hash would only slow requests.
//! Looking a key up compares hashes, which tells nothing about secrets by its
//! timing. Every request is decided from memory.

mod scope;

pub use scope::{Scope, ScopeError, Scopes, Surface, Verb};

use crate::catalog::{Catalog, equals, insert, news, tables, text, update};
use crate::error::StoreError;
use crate::session::Result;
use crate::store::Store;
use arc_swap::ArcSwap;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pando_model::error::Refusal;
use pando_model::plan::{Comparison, Filter, Is, Row, Scalar};
use pando_model::value::Value;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// What every key begins with, so that people and scanners know what they found.
pub const KEY_PREFIX: &str = "pando_";
/// The name of the key that the first start makes.
pub const ROOT_NAME: &str = "root";
const NAME_MAX: usize = 200;
const ID_BYTES: usize = 6;
/// `last_used_at` that was never set.
const NEVER: i64 = i64::MIN;

/// A key, without its secret.
#[derive(Debug)]
pub struct KeyInfo {
    /// Names the key in lists and for [`Store::revoke_key`]; not secret.
    pub id: String,
    /// What it is for, in its maker's words.
    pub name: String,
    /// What it may do.
    pub scopes: Scopes,
    /// When it was made, in microseconds since 1970.
    pub created_at_us: i64,
    /// When it was revoked, if it was.
    pub revoked_at_us: Option<i64>,
    hash: [u8; 32],
    last_used_us: AtomicI64,
    /// What the catalog says of `last_used_us`.
    recorded_us: AtomicI64,
}

/// A key that was just made.
pub struct NewKey {
    /// The key.
    pub info: Arc<KeyInfo>,
    /// What a caller sends. It is kept nowhere.
    pub secret: String,
}

/// Without the secret, which must not get into a log.
impl fmt::Debug for NewKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewKey")
            .field("info", &self.info)
            .finish_non_exhaustive()
    }
}

impl KeyInfo {
    /// When it was last used, in microseconds since 1970.
    pub fn last_used_at_us(&self) -> Option<i64> {
        Some(self.last_used_us.load(Ordering::Relaxed)).filter(|at| *at != NEVER)
    }
}

impl Store {
    /// Makes a key. Its secret is in the answer and nowhere else.
    pub async fn create_key(&self, name: &str, scopes: Scopes) -> Result<NewKey> {
        let key = self.draft_key(name, scopes)?;
        self.admit_key(&key).await?;
        Ok(key)
    }

    /// Makes the key with all scopes that a first start leaves in `data/root.key`; `None`
    /// if the store has a key already, be it only since `keep` put this one's secret away.
    ///
    /// `keep` puts the secret away before the key counts. A process that ends in between
    /// leaves a secret that opens nothing, and the next start makes another; the other way
    /// round it would leave a key whose secret nobody has.
    pub async fn create_root_key<E: From<StoreError>>(
        &self,
        keep: impl FnOnce(&str) -> std::result::Result<(), E>,
    ) -> std::result::Result<Option<NewKey>, E> {
        if !self.list_keys().await?.is_empty() {
            return Ok(None);
        }
        let key = self.draft_key(ROOT_NAME, Scopes::all())?;
        keep(&key.secret)?;
        // Another process may have been quicker.
        let row = row_of(&key.info);
        let news = news()?;
        let admit = move |known: &[Row]| {
            let admitted = || vec![insert(&tables::KEY, row.clone()), news.clone()];
            known.is_empty().then(admitted)
        };
        let is_first = self
            .catalog()
            .decide(&tables::KEY, Filter::Const(true), admit)
            .await?;
        self.keyring().reload(self.catalog()).await?;
        Ok(is_first.then_some(key))
    }

    /// Makes a key whose secret `keep` puts away before the key counts.
    pub async fn create_key_kept<E: From<StoreError>>(
        &self,
        name: &str,
        scopes: Scopes,
        keep: impl FnOnce(&str) -> std::result::Result<(), E>,
    ) -> std::result::Result<NewKey, E> {
        let key = self.draft_key(name, scopes)?;
        keep(&key.secret)?;
        self.admit_key(&key).await?;
        Ok(key)
    }

    /// A key that is not valid yet.
    fn draft_key(&self, name: &str, scopes: Scopes) -> Result<NewKey> {
        if name.is_empty() || name.len() > NAME_MAX || name.chars().any(char::is_control) {
            return Err(Refusal::new(
                "22023",
                format!("a key's name has 1 to {NAME_MAX} bytes and no control characters"),
            )
            .into());
        }
        let secret = format!("{KEY_PREFIX}{}", random::<32>()?);
        let info = Arc::new(KeyInfo {
            id: random::<ID_BYTES>()?,
            name: name.to_owned(),
            scopes,
            created_at_us: self.clock().now_us(),
            revoked_at_us: None,
            hash: hash_of(&secret),
            last_used_us: AtomicI64::new(NEVER),
            recorded_us: AtomicI64::new(NEVER),
        });
        Ok(NewKey { info, secret })
    }

    /// Makes a key valid, durably.
    async fn admit_key(&self, key: &NewKey) -> Result<()> {
        self.catalog()
            .write_news(vec![insert(&tables::KEY, row_of(&key.info))])
            .await?;
        self.keyring().reload(self.catalog()).await
    }

    /// All keys, revoked ones too, oldest first.
    pub async fn list_keys(&self) -> Result<Vec<Arc<KeyInfo>>> {
        self.keyring().record_use(self.catalog()).await?;
        let mut keys = self.catalog().fetch_keys().await?;
        keys.sort_by(|a, b| (a.created_at_us, &a.id).cmp(&(b.created_at_us, &b.id)));
        Ok(keys)
    }

    /// Ends a key, from now on and for ever; `false` if there is none of that id, or it had
    /// been revoked before.
    pub async fn revoke_key(&self, id: &str) -> Result<bool> {
        let known = self.catalog().fetch_keys().await?;
        if !known
            .iter()
            .any(|key| key.id == id && key.revoked_at_us.is_none())
        {
            return Ok(false);
        }
        let now = Value::Timestamp(self.clock().now_us());
        let revoke = update(
            &tables::KEY,
            equals(tables::key::ID, text(id)),
            vec![(tables::key::REVOKED_AT, now)],
        );
        self.catalog().write_news(vec![revoke]).await?;
        self.keyring().reload(self.catalog()).await?;
        Ok(true)
    }

    /// The key that a secret belongs to, if it is valid. Memory only.
    pub fn authenticate(&self, secret: &str) -> Option<Arc<KeyInfo>> {
        if !secret.starts_with(KEY_PREFIX) {
            return None;
        }
        let by_hash = self.keyring().by_hash.load();
        let key = by_hash.get(&hash_of(secret))?;
        key.last_used_us
            .fetch_max(self.clock().now_us(), Ordering::Relaxed);
        Some(Arc::clone(key))
    }

    /// Whether a key that was valid still is. Memory only.
    pub fn is_valid(&self, key: &KeyInfo) -> bool {
        self.keyring().by_hash.load().contains_key(&key.hash)
    }

    /// Whether a secret is that of a key which was made here, be it revoked since or not.
    pub async fn knows_key(&self, secret: &str) -> Result<bool> {
        let hash = hash_of(secret);
        let keys = self.catalog().fetch_keys().await?;
        Ok(keys.iter().any(|key| key.hash == hash))
    }

    /// Whether any key is valid. Memory only.
    pub fn has_keys(&self) -> bool {
        !self.keyring().by_hash.load().is_empty()
    }
}

/// The valid keys by the hash of their secrets.
pub(crate) struct Keyring {
    by_hash: ArcSwap<HashMap<[u8; 32], Arc<KeyInfo>>>,
    /// Held from reading the keys to going by them: of two that reload, what the later one
    /// read counts, or a key that was revoked in between would go on opening.
    reloading: tokio::sync::Mutex<()>,
}

impl Keyring {
    pub(crate) async fn load(catalog: &Catalog) -> Result<Keyring> {
        let keyring = Keyring {
            by_hash: ArcSwap::default(),
            reloading: tokio::sync::Mutex::default(),
        };
        keyring.reload(catalog).await?;
        Ok(keyring)
    }

    /// Writes down when keys were last used, where that changed.
    pub(crate) async fn record_use(&self, catalog: &Catalog) -> Result<()> {
        let by_hash = self.by_hash.load_full();
        let used: Vec<(&Arc<KeyInfo>, i64)> = by_hash
            .values()
            .map(|key| (key, key.last_used_us.load(Ordering::Relaxed)))
            .filter(|(key, at)| *at > key.recorded_us.load(Ordering::Relaxed))
            .collect();
        if used.is_empty() {
            return Ok(());
        }
        let changes = used
            .iter()
            .map(|(key, at)| {
                update(
                    &tables::KEY,
                    Filter::And(vec![
                        equals(tables::key::ID, text(&key.id)),
                        used_before(*at),
                    ]),
                    vec![(tables::key::LAST_USED_AT, Value::Timestamp(*at))],
                )
            })
            .collect();
        catalog.write(changes).await?;
        for (key, at) in used {
            key.recorded_us.fetch_max(at, Ordering::Relaxed);
        }
        Ok(())
    }

    pub(crate) async fn reload(&self, catalog: &Catalog) -> Result<()> {
        let _one = self.reloading.lock().await;
        let known = self.by_hash.load_full();
        let valid = catalog
            .fetch_keys()
            .await?
            .into_iter()
            .filter(|key| key.revoked_at_us.is_none())
            // A key that is known here keeps what is not written down yet.
            .map(|key| (key.hash, known.get(&key.hash).map_or(key, Arc::clone)))
            .collect();
        self.by_hash.store(Arc::new(valid));
        Ok(())
    }
}

impl Catalog {
    async fn fetch_keys(&self) -> Result<Vec<Arc<KeyInfo>>> {
        self.fetch(&tables::KEY, Filter::Const(true))
            .await?
            .into_iter()
            .map(|row| key_of(row).map(Arc::new))
            .collect()
    }
}

/// Another process may have written down a later use.
fn used_before(at_us: i64) -> Filter {
    let left = || Scalar::Column(tables::key::LAST_USED_AT);
    Filter::Or(vec![
        Filter::Is {
            left: left(),
            what: Is::Null,
        },
        Filter::Compare {
            left: left(),
            op: Comparison::Lt,
            right: Value::Timestamp(at_us),
        },
    ])
}

fn row_of(key: &KeyInfo) -> Row {
    vec![
        text(&key.id),
        Value::Bytes(key.hash.to_vec()),
        text(&key.name),
        text(key.scopes.to_string()),
        Value::Timestamp(key.created_at_us),
        key.last_used_at_us().map_or(Value::Null, Value::Timestamp),
        key.revoked_at_us.map_or(Value::Null, Value::Timestamp),
    ]
}

fn key_of(row: Row) -> Result<KeyInfo> {
    let unreadable = || StoreError::Catalog("a row of _pando_key is not readable".into());
    let [
        Value::Text(id),
        Value::Bytes(hash),
        Value::Text(name),
        Value::Text(scopes),
        Value::Timestamp(created_at_us),
        last_used_at,
        revoked_at,
    ] = <[Value; 7]>::try_from(row).map_err(|_| unreadable())?
    else {
        return Err(unreadable());
    };
    let last_used_us = instant(&last_used_at).unwrap_or(NEVER);
    Ok(KeyInfo {
        id,
        name,
        scopes: scopes.parse().map_err(|_| unreadable())?,
        created_at_us,
        revoked_at_us: instant(&revoked_at),
        hash: hash.try_into().map_err(|_| unreadable())?,
        last_used_us: AtomicI64::new(last_used_us),
        recorded_us: AtomicI64::new(last_used_us),
    })
}

fn instant(value: &Value) -> Option<i64> {
    match value {
        Value::Timestamp(at) => Some(*at),
        _ => None,
    }
}

fn hash_of(secret: &str) -> [u8; 32] {
    *blake3::hash(secret.as_bytes()).as_bytes()
}

fn random<const N: usize>() -> Result<String> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| StoreError::Catalog(format!("cannot make a key: {error}")))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}
