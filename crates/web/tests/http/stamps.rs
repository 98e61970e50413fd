//! Stamps in headers and cookies.

use crate::world::World;

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
