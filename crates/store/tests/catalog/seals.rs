use super::late::Late;
use super::{DAY_US, House};
use pando_model::stamp::Position;
use pando_store::Store;
use pando_store::token::{TEXT_MAX, Token};
use proptest::prelude::*;
use std::sync::Arc;

fn at(timeline: u32, p: u64) -> Position {
    Position { timeline, p }
}

fn store() -> Arc<Store> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(House::new().open())
}

#[tokio::test]
async fn a_position_is_sealed_and_read_again_by_every_process_of_the_store() {
    let house = House::new();
    let store = house.open().await;
    let text = store.seal(at(2, 77));
    assert!(Arc::ptr_eq(&text, &store.seal(at(2, 77))), "it is kept");
    assert_ne!(text, store.seal(at(2, 78)));
    for process in [&store, &house.open().await] {
        let token = process.unseal(&text).unwrap();
        assert_eq!(token.position(0), Some(at(2, 77)));
    }
    assert_eq!(
        House::new().open().await.unseal(&text),
        None,
        "a foreign store"
    );
}

#[tokio::test]
async fn a_secret_signs_for_a_month_and_is_good_for_another() {
    let house = House::new();
    let store = house.open().await;
    let first = store.seal(at(1, 1));
    house.clock.advance_us(31 * DAY_US);
    store.maintain().await.unwrap();
    let second = store.seal(at(1, 1));
    assert_ne!(first, second);
    assert!(store.unseal(&first).is_some() && store.unseal(&second).is_some());
    house.clock.advance_us(31 * DAY_US);
    let store = house.open().await;
    assert!(store.unseal(&first).is_none());
    assert!(store.unseal(&second).is_some());
}

#[tokio::test]
async fn a_new_secret_signs_once_every_process_knows_it() {
    let mut house = House::new();
    house.engine = Arc::new(Late::new(house.engine));
    let (here, there) = (house.open().await, house.open().await);
    let first = here.seal(at(1, 1));
    house.clock.advance_us(31 * DAY_US);
    here.maintain().await.unwrap();
    assert_eq!(here.seal(at(1, 1)), first, "it is not known there yet");
    there.take_news().await.unwrap();
    there.maintain().await.unwrap();
    house.clock.advance_us(61 * 1_000_000);
    here.maintain().await.unwrap();
    let second = here.seal(at(1, 1));
    assert_ne!(second, first);
    assert!(there.unseal(&second).is_some() && there.unseal(&first).is_some());
    assert_eq!(house.open().await.seal(at(1, 1)), second);
}

#[tokio::test]
async fn a_token_that_would_be_too_long_asks_for_the_owner() {
    let store = House::new().open().await;
    let many = Token {
        map_version: 9,
        positions: (0..500).map(|shard| (shard, at(1, u64::MAX))).collect(),
        strong: false,
    };
    let text = store.seal_token(&many);
    assert!(text.len() <= TEXT_MAX);
    let token = store.unseal(&text).unwrap();
    assert!(token.strong && token.positions.is_empty());
    assert_eq!(token.map_version, 9);
}

#[test]
fn a_cursor_is_no_token_and_a_token_no_cursor() {
    let store = store();
    let cursor = store.seal_cursor(b"after this");
    assert_eq!(store.open_cursor(&cursor).unwrap(), b"after this");
    assert_eq!(store.unseal(&cursor), None);
    assert_eq!(store.open_cursor(&store.seal(at(1, 1))), None);
}

fn tokens() -> impl Strategy<Value = Token> {
    let positions = prop::collection::btree_map(any::<u32>(), (any::<u32>(), any::<u64>()), 0..20);
    (any::<u64>(), positions, any::<bool>()).prop_map(|(map_version, positions, strong)| Token {
        map_version,
        positions: positions
            .into_iter()
            .map(|(shard, (timeline, p))| (shard, at(timeline, p)))
            .collect(),
        strong,
    })
}

#[test]
fn a_token_reads_as_it_was_sealed_and_not_at_all_once_touched() {
    let store = store();
    let touched = |text: &str, place: usize, with: u8| {
        let mut bytes = text.as_bytes().to_vec();
        let place = place % bytes.len();
        bytes[place] = with;
        String::from_utf8_lossy(&bytes).into_owned()
    };
    proptest!(|(token in tokens(), place: usize, with in b'-'..=b'z')| {
        let text = store.seal_token(&token);
        prop_assert_eq!(store.unseal(&text), Some(token));
        let other = touched(&text, place, with);
        if other != text {
            prop_assert_eq!(store.unseal(&other), None);
        }
        prop_assert_eq!(store.unseal(&text[..text.len() - 1 - place % text.len() / 2]), None);
    });
}

#[test]
fn garbage_counts_as_absent() {
    let store = store();
    proptest!(|(text in "\\PC{0,3000}", plain in "[A-Za-z0-9_-]{0,300}")| {
        prop_assert_eq!(store.unseal(&text), None);
        prop_assert_eq!(store.unseal(&plain), None);
        prop_assert_eq!(store.open_cursor(&text), None);
    });
}

#[test]
fn merging_takes_the_greater_position_of_each_shard() {
    proptest!(|(a in tokens(), b in tokens(), c in tokens())| {
        let merged = |tokens: &[&Token]| {
            let mut all = Token::default();
            tokens.iter().for_each(|token| all.merge(token));
            all
        };
        prop_assert_eq!(merged(&[&a, &b]), merged(&[&b, &a]));
        prop_assert_eq!(merged(&[&a, &a]), merged(&[&a]));
        let grouped = merged(&[&merged(&[&a, &b]), &c]);
        prop_assert_eq!(&grouped, &merged(&[&a, &merged(&[&b, &c])]));
        for token in [&a, &b, &c] {
            for (shard, position) in &token.positions {
                prop_assert!(grouped.position(*shard).unwrap() >= *position);
            }
        }
    });
}
