use super::late::Late;
use super::{DAY_US, House};
use pando_store::Store;
use pando_store::error::StoreError;
use pando_store::keys::{KEY_PREFIX, NewKey, Scopes, Surface, Verb};
use std::sync::Arc;

#[tokio::test]
async fn a_key_opens_what_its_scopes_name_until_it_is_revoked() {
    let house = House::new();
    let store = house.open().await;
    assert!(!store.has_keys());
    let made = store
        .create_key("reader", "rest:read".parse().unwrap())
        .await
        .unwrap();
    assert!(made.secret.starts_with(KEY_PREFIX));
    assert!(made.secret.len() >= KEY_PREFIX.len() + 43, "256 bits");
    let key = store.authenticate(&made.secret).expect("the key is valid");
    assert_eq!(
        (key.id.as_str(), key.name.as_str()),
        (made.info.id.as_str(), "reader")
    );
    assert!(key.scopes.allow(Surface::Rest, Verb::Read, Some("t")));
    assert!(!key.scopes.allow(Surface::Rest, Verb::Write, Some("t")));

    for wrong in [
        "",
        "pando_",
        "reader",
        &made.secret[..made.secret.len() - 1],
    ] {
        assert!(store.authenticate(wrong).is_none(), "{wrong:?}");
    }
    assert!(store.authenticate(&format!("{}x", made.secret)).is_none());

    assert!(store.revoke_key(&made.info.id).await.unwrap());
    assert!(store.authenticate(&made.secret).is_none());
    assert!(!store.revoke_key(&made.info.id).await.unwrap());
    assert!(!store.revoke_key("nobody").await.unwrap());
    let listed = store.list_keys().await.unwrap();
    assert_eq!(listed.len(), 1);
    assert!(listed[0].revoked_at_us.is_some());
}

#[tokio::test]
async fn keys_are_known_after_a_restart_and_their_secrets_are_nowhere() {
    let house = House::new();
    let store = house.open().await;
    let made = store.create_key("a", Scopes::all()).await.unwrap();
    assert!(
        store.list_keys().await.unwrap()[0]
            .last_used_at_us()
            .is_none()
    );
    store.authenticate(&made.secret).unwrap();
    house.clock.advance_us(DAY_US);
    store.authenticate(&made.secret).unwrap();
    store.maintain().await.unwrap();

    let store = house.open().await;
    assert!(store.authenticate(&made.secret).is_some());
    let listed = store.list_keys().await.unwrap();
    assert_eq!(
        listed[0].last_used_at_us(),
        Some(listed[0].created_at_us + DAY_US)
    );
    let shown = format!("{listed:?} {made:?}");
    assert!(!shown.contains(&made.secret[KEY_PREFIX.len()..]), "{shown}");
}

#[tokio::test]
async fn the_root_key_is_made_once() {
    let house = House::new();
    let store = house.open().await;
    let root = root_key(&store).await.expect("the first");
    assert!(root.info.scopes.allow(Surface::Admin, Verb::Write, None));
    assert!(root_key(&store).await.is_none());
    store.revoke_key(&root.info.id).await.unwrap();
    let again = house.open().await;
    assert!(
        root_key(&again).await.is_none(),
        "a revoked root key does not come back by itself"
    );
    assert!(store.knows_key(&root.secret).await.unwrap());
    assert!(!store.knows_key("pando_x").await.unwrap());
}

#[tokio::test]
async fn a_root_key_counts_only_once_its_secret_is_kept() {
    let store = House::new().open().await;
    let mut lost = String::new();
    let not_kept = store.create_root_key(|secret| {
        lost = secret.to_owned();
        Err(StoreError::Catalog("the disk is full".into()))
    });
    not_kept.await.unwrap_err();
    assert!(store.authenticate(&lost).is_none());
    let root = root_key(&store).await.expect("the next start makes one");
    assert!(store.authenticate(&root.secret).is_some());
}

async fn root_key(store: &Store) -> Option<NewKey> {
    let kept = store.create_root_key(|_| Ok::<_, StoreError>(()));
    kept.await.unwrap()
}

#[tokio::test]
async fn a_key_that_is_revoked_while_another_is_made_opens_nothing() {
    let house = House::new();
    let late = Arc::new(Late::new(house.engine.clone()));
    let store = House {
        engine: late.clone(),
        clock: house.clock.clone(),
    }
    .open()
    .await;
    let revoked = store.create_key("revoked", Scopes::all()).await.unwrap();
    // The reading that follows the making is handed out only after the revocation.
    late.hold_next("_pando_key");
    let making = {
        let store = store.clone();
        tokio::spawn(async move { store.create_key("made", Scopes::all()).await.unwrap() })
    };
    late.held().await;
    let revoking = {
        let (store, id) = (store.clone(), revoked.info.id.clone());
        tokio::spawn(async move { store.revoke_key(&id).await.unwrap() })
    };
    late.let_go_after_a_write().await;
    assert!(revoking.await.unwrap());
    let made = making.await.unwrap();
    assert!(store.authenticate(&revoked.secret).is_none());
    assert!(store.authenticate(&made.secret).is_some());
}

#[tokio::test]
async fn a_key_needs_a_printable_name() {
    let store = House::new().open().await;
    for name in ["", "a\nb", &"x".repeat(201)] {
        store.create_key(name, Scopes::all()).await.unwrap_err();
    }
}
