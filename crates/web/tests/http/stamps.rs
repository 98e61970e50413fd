//! Stamps in headers and cookies.

use crate::world::World;
use std::collections::BTreeMap;

#[tokio::test]
async fn a_write_moves_the_stamp_and_a_read_gives_the_same_again() {
    let world = World::new().await;
    let uri = "/rest/v1/customers?id=eq.1";
    let before = world.get(uri).await;
    let same = world.get(uri).await;
    assert_eq!(before.header("pando-stamp"), same.header("pando-stamp"));
    let write = world.ask("PATCH", uri, &[], r#"{"name":"Eve"}"#).await;
    assert_ne!(write.header("pando-stamp"), before.header("pando-stamp"));
    let stamp = write.header("pando-stamp").expect("a stamp");
    let after = world.ask("GET", uri, &[("pando-stamp", stamp)], "").await;
    assert!(after.body.contains("Eve"));
    assert_eq!(after.header("pando-stamp-lost"), None);
}

#[tokio::test]
async fn a_stamp_that_history_has_lost_is_said_so() {
    let world = World::new().await;
    let high = world.store.engine().progress().high;
    let mut lost = pando_store::token::Token::of(0, high);
    lost.positions[0].1.timeline = 1;
    lost.positions[0].1.p = u64::MAX;
    let stamp = world.store.seal_token(&lost);
    let answer = world
        .ask("GET", "/rest/v1/customers", &[("pando-stamp", &stamp)], "")
        .await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.header("pando-stamp-lost"), Some("true"));
}

#[tokio::test]
async fn of_several_stamps_each_counts() {
    let world = World::new().await;
    let sound = world.get("/rest/v1/customers").await;
    let sound = sound.header("pando-stamp").expect("a stamp").to_owned();
    let high = world.store.engine().progress().high;
    let mut token = pando_store::token::Token::of(0, high);
    token.positions[0].1.p = u64::MAX;
    let lost = world.store.seal_token(&token);
    let headers = |values: &[&str]| -> Vec<(&'static str, String)> {
        let values = values
            .iter()
            .map(|value| ("pando-stamp", (*value).to_owned()));
        values.collect()
    };
    for (sent, is_lost) in [
        (headers(&[&sound]), false),
        (headers(&[&sound, &sound]), false),
        (headers(&[&sound, &lost]), true),
        (headers(&[&lost, &sound]), true),
        (headers(&[&format!("{sound},{lost}")]), true),
        (headers(&[&format!("{lost}, {sound}")]), true),
        (headers(&[&format!("garbage,{lost}")]), true),
        // 32 are read, and what is beyond them asks for the owner.
        (headers(&[&format!("{}{lost}", "x,".repeat(31))]), true),
        (headers(&[&format!("{}{lost}", "x,".repeat(32))]), false),
    ] {
        let sent: Vec<(&str, &str)> = sent.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let answer = world.ask("GET", "/rest/v1/customers", &sent, "").await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let told = answer.header("pando-stamp-lost").is_some();
        assert_eq!(told, is_lost, "for {sent:?}");
    }
}

#[tokio::test]
async fn garbage_for_a_stamp_counts_as_none() {
    let world = World::new().await;
    for stamp in ["", "garbage", "AAAA", "한글"] {
        let answer = world
            .ask("GET", "/rest/v1/customers", &[("pando-stamp", stamp)], "")
            .await;
        assert_eq!(answer.status, 200, "for {stamp:?}");
        assert_eq!(answer.header("pando-stamp-lost"), None);
    }
}

#[tokio::test]
async fn browsers_get_a_cookie_for_each_write_that_covers_the_earlier_ones() {
    let world = World::new().await;
    let uri = "/rest/v1/customers?id=eq.1";
    let browser = ("sec-fetch-site", "none");
    let first = world.ask("PATCH", uri, &[browser], r#"{"name":"A"}"#).await;
    let cookie = first.header("set-cookie").expect("a cookie").to_owned();
    assert!(cookie.starts_with("__Host-pando-stamp-"), "{cookie}");
    for attribute in ["Path=/", "Secure", "HttpOnly", "SameSite=Lax", "Max-Age=60"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    let pair = cookie.split(';').next().expect("a pair");
    let second = world
        .ask("PATCH", uri, &[("cookie", pair)], r#"{"name":"B"}"#)
        .await;
    let cookies: Vec<_> = second.headers.get_all("set-cookie").iter().collect();
    assert_eq!(cookies.len(), 2, "{cookies:?}");
    let dropped = cookies[1].to_str().expect("text");
    let name = pair.split('=').next().expect("a name");
    assert!(
        dropped.starts_with(&format!("{name}=; Max-Age=0")),
        "{dropped}"
    );

    let program = world.ask("PATCH", uri, &[], r#"{"name":"C"}"#).await;
    assert_eq!(
        program.header("set-cookie"),
        None,
        "programs send the header back"
    );
    let read = world.ask("GET", uri, &[("cookie", pair)], "").await;
    assert_eq!(read.header("set-cookie"), None);
}

/// The cookies that a browser has after an answer.
fn kept(jar: &mut BTreeMap<String, String>, answer: &crate::world::Answer) {
    for cookie in answer.headers.get_all("set-cookie") {
        let text = cookie.to_str().expect("text");
        let (name, value) = text
            .split(';')
            .next()
            .expect("a pair")
            .split_once('=')
            .expect("=");
        match text.contains("Max-Age=0") {
            true => jar.remove(name),
            false => jar.insert(name.to_owned(), value.to_owned()),
        };
    }
}

fn cookies(jar: &BTreeMap<String, String>) -> String {
    let pairs = jar.iter().map(|(name, value)| format!("{name}={value}"));
    pairs.collect::<Vec<_>>().join("; ")
}

#[tokio::test]
async fn a_slow_answer_of_an_older_write_takes_nothing_from_a_newer_one_whatever_the_order() {
    let world = World::new().await;
    let uri = "/rest/v1/customers?id=eq.1";
    let browser = ("sec-fetch-mode", "cors");
    let mut answers = Vec::new();
    for name in ["A", "B", "C", "D"] {
        let body = format!("{{\"name\":\"{name}\"}}");
        // All of them were sent before any was answered.
        answers.push(world.ask("PATCH", uri, &[browser], &body).await);
    }
    let newest = answers[3]
        .header("pando-stamp")
        .expect("a stamp")
        .to_owned();
    let newest = world.store.unseal(&newest).expect("sealed").position(0);
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2]] {
        let mut jar = BTreeMap::new();
        for n in order {
            kept(&mut jar, &answers[n]);
        }
        assert_eq!(jar.len(), 4, "each has one of its own");
        let most = jar.values().filter_map(|text| world.store.unseal(text));
        assert_eq!(most.map(|token| token.position(0)).max(), Some(newest));
        // The next write folds them into one.
        let headers = [browser, ("cookie", &*cookies(&jar))];
        let next = world.ask("PATCH", uri, &headers, r#"{"name":"E"}"#).await;
        kept(&mut jar, &next);
        assert_eq!(jar.len(), 1, "{jar:?}");
        // And a write that was done long before changes nothing of it.
        let replay = [
            browser,
            ("idempotency-key", "k"),
            ("cookie", &*cookies(&jar)),
        ];
        let first = world.ask("PATCH", uri, &replay, r#"{"name":"F"}"#).await;
        kept(&mut jar, &first);
        let headers = [browser, ("cookie", &*cookies(&jar))];
        let newer = world.ask("PATCH", uri, &headers, r#"{"name":"G"}"#).await;
        kept(&mut jar, &newer);
        let required = |jar: &BTreeMap<String, String>| {
            let tokens = jar.values().filter_map(|text| world.store.unseal(text));
            tokens.map(|token| token.position(0)).max()
        };
        let before = required(&jar);
        let replay = [
            browser,
            ("idempotency-key", "k"),
            ("cookie", &*cookies(&jar)),
        ];
        let again = world.ask("PATCH", uri, &replay, r#"{"name":"F"}"#).await;
        kept(&mut jar, &again);
        assert!(required(&jar) >= before);
    }
}

#[tokio::test]
async fn the_cookies_of_many_overlapping_writes_are_folded_in_a_few_turns() {
    let world = World::new().await;
    let uri = "/rest/v1/customers?id=eq.1";
    let browser = ("sec-fetch-mode", "cors");
    let mut jar = BTreeMap::new();
    for n in 0..100 {
        let body = format!("{{\"name\":\"{n}\"}}");
        let answer = world.ask("PATCH", uri, &[browser], &body).await;
        kept(&mut jar, &answer);
    }
    for left in [69, 38, 7, 1] {
        let headers = [browser, ("cookie", &*cookies(&jar))];
        let answer = world.ask("PATCH", uri, &headers, r#"{"name":"x"}"#).await;
        kept(&mut jar, &answer);
        assert_eq!(jar.len(), left);
    }
}

#[tokio::test]
async fn programs_that_send_stamps_back_get_no_cookies_and_browsers_do() {
    let world = World::new().await;
    let uri = "/rest/v1/customers?id=eq.1";
    let stamp = world.get(uri).await;
    let stamp = stamp.header("pando-stamp").expect("a stamp").to_owned();
    let session = ("cookie", "__Host-pando-session=x");
    for (headers, is_given) in [
        (vec![], false),
        (vec![("pando-stamp", &*stamp)], false),
        (vec![("pando-stamp", &*stamp), session], false),
        (vec![session], true),
        (vec![("sec-fetch-mode", "navigate")], true),
        (
            vec![("pando-stamp", &*stamp), ("sec-fetch-mode", "cors")],
            true,
        ),
    ] {
        let answer = world.ask("PATCH", uri, &headers, r#"{"name":"x"}"#).await;
        assert_eq!(answer.status, 204, "{answer:?}");
        assert_eq!(
            answer.header("set-cookie").is_some(),
            is_given,
            "{headers:?}"
        );
    }
}
