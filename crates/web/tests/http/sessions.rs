//! Sessions over HTTP: who may do what, cookies and tokens, and what a lost answer leaves.

mod holders;

use crate::world::{Answer, World};
use serde_json::{Value, json};

const ROOT: &str = "/sessions/v1";
const CURRENT: &str = "/sessions/v1/current";
const ROTATE: &str = "/sessions/v1/current/rotate";

async fn begin(world: &World, body: Value) -> (Value, String) {
    let made = world.ask("POST", ROOT, &[], &body.to_string()).await;
    assert_eq!(made.status, 201, "{made:?}");
    let token = made.json()["token"].as_str().expect("a token").to_owned();
    (made.json(), token)
}

fn cookie(answer: &Answer) -> Option<String> {
    let all = answer.headers.get_all("set-cookie").iter();
    let mut own = all
        .filter_map(|value| value.to_str().ok())
        .filter(|text| text.starts_with("__Host-pando-session="));
    let first = own.next().map(str::to_owned);
    assert_eq!(own.next(), None, "one cookie");
    first
}

async fn status_of(world: &World, token: &str) -> u16 {
    let headers = [("pando-session", token)];
    world
        .ask("GET", CURRENT, &headers, "")
        .await
        .status
        .as_u16()
}

#[tokio::test]
async fn a_session_is_made_and_read_by_its_token_or_its_cookie() {
    let world = World::new().await;
    let body = json!({ "user": "ada", "data": { "cart": [1] }, "idle": "30m", "absolute": "12h" });
    let made = world.ask("POST", ROOT, &[], &body.to_string()).await;
    assert_eq!(made.status, 201, "{made:?}");
    let etag = made.header("etag").expect("an ETag").to_owned();
    let set = cookie(&made).expect("a cookie");
    let shown = made.json();
    let token = shown["token"].as_str().expect("a token");
    assert_eq!(
        set,
        format!(
            "__Host-pando-session={token}; Max-Age=43200; Path=/; Secure; HttpOnly; SameSite=Lax"
        )
    );
    assert_eq!(made.header("cache-control"), Some("no-store"));
    assert_eq!(made.header("pando-stamp"), None, "no stamps");
    let pair = set.split(';').next().expect("a pair");
    for held in [("pando-session", token), ("cookie", pair)] {
        let found = world.ask("GET", CURRENT, &[held], "").await;
        assert_eq!(found.status, 200, "{found:?}");
        assert_eq!(found.header("etag"), Some(&*etag));
        assert_eq!(found.header("cache-control"), Some("no-store"));
        assert_eq!(found.header("pando-stamp"), None);
        let mut expected = shown.clone();
        expected.as_object_mut().expect("an object").remove("token");
        assert_eq!(found.json(), expected);
        let same = [held, ("if-none-match", &*etag)];
        assert_eq!(world.ask("GET", CURRENT, &same, "").await.status, 304);
    }
}

#[tokio::test]
async fn a_session_is_saved_by_version_and_over_once_it_has_ended() {
    let world = World::new().await;
    let body = json!({ "user": "ada", "data": { "cart": [1] } }).to_string();
    let made = world.ask("POST", ROOT, &[], &body).await;
    let etag = made.header("etag").expect("an ETag").to_owned();
    let set = cookie(&made).expect("a cookie");
    let pair = set.split(';').next().expect("a pair");
    let made = made.json();
    let held = ("pando-session", made["token"].as_str().expect("a token"));
    let patch = json!({ "data": { "cart": null, "n": 1 } }).to_string();
    let saved = world
        .ask("PATCH", CURRENT, &[held, ("if-match", &etag)], &patch)
        .await;
    assert_eq!(
        (saved.status.as_u16(), &saved.json()["data"]),
        (200, &json!({ "n": 1 }))
    );
    let stale = world
        .ask("PATCH", CURRENT, &[held, ("if-match", &etag)], &patch)
        .await;
    assert_eq!(
        (stale.status.as_u16(), stale.code().as_str()),
        (412, "precondition_failed")
    );
    let ended = world.ask("DELETE", CURRENT, &[("cookie", pair)], "").await;
    assert_eq!(ended.status, 204);
    let gone = cookie(&ended).expect("the cookie goes");
    assert!(
        gone.starts_with("__Host-pando-session=; Max-Age=0;"),
        "{gone}"
    );
    for (method, path) in [
        ("GET", CURRENT),
        ("PATCH", CURRENT),
        ("DELETE", CURRENT),
        ("POST", ROTATE),
    ] {
        let body = if method == "PATCH" { &*patch } else { "" };
        let over = world.ask(method, path, &[("cookie", pair)], body).await;
        assert_eq!(
            (over.status.as_u16(), over.code().as_str()),
            (401, "session_invalid")
        );
        assert!(over.header("www-authenticate").is_some());
        assert!(cookie(&over).is_some_and(|cookie| cookie.contains("Max-Age=0")));
    }
    let none = world.get(CURRENT).await;
    assert_eq!(
        (none.status.as_u16(), none.code().as_str()),
        (401, "session_required")
    );
}

#[tokio::test]
async fn what_cannot_be_is_refused() {
    let world = World::new().await;
    for (body, status) in [
        (r#"{"user": ""}"#, 400),
        (r#"{"user": 7}"#, 400),
        (r#"{"usr": "ada"}"#, 400),
        (r#"["ada"]"#, 400),
        (r#"{"user": "ada""#, 400),
        (r#"{"data": [1]}"#, 422),
        (r#"{"data": null}"#, 422),
        (r#"{"idle": "1x"}"#, 400),
        (r#"{"idle": 0}"#, 400),
        (r#"{"idle": "0s"}"#, 400),
        (r#"{"absolute": "31d"}"#, 422),
        (r#"{"absolute": 18446744073709551615}"#, 422),
        (r#"{"data": {"a": "\u0000"}}"#, 400),
    ] {
        let refused = world.ask("POST", ROOT, &[], body).await;
        assert_eq!(refused.status, status, "{body}: {refused:?}");
        refused.code();
    }
    let large = json!({ "data": { "a": "x".repeat(64 << 10) } }).to_string();
    assert_eq!(world.ask("POST", ROOT, &[], &large).await.status, 413);
    let xml = [("content-type", "application/xml")];
    assert_eq!(world.ask("POST", ROOT, &xml, "{}").await.status, 415);
    let (_, token) = begin(&world, json!({ "user": "ada" })).await;
    let held = ("pando-session", &*token);
    for (method, path, body, status) in [
        ("PATCH", CURRENT, "{}", 400),
        ("PATCH", CURRENT, r#"{"data": 1}"#, 422),
        ("PATCH", CURRENT, r#"{"user": "bo"}"#, 400),
        ("PUT", CURRENT, "{}", 405),
        ("GET", ROTATE, "", 405),
        ("GET", ROOT, "", 405),
        ("GET", "/sessions/v1/users", "", 404),
        ("GET", "/sessions/v1/", "", 404),
        ("GET", "/sessions/v1/current/x", "", 404),
        ("GET", "/sessions/v1/users/", "", 400),
        ("GET", "/sessions/v1/users/ada?limit=x", "", 400),
        ("GET", "/sessions/v1/users/ada?cursor=x", "", 400),
        ("DELETE", "/sessions/v1/users/ada/x", "", 400),
        ("DELETE", "/sessions/v1/users/ada/1", "", 404),
        ("DELETE", "/sessions/v1/users/ada?except=x", "", 400),
        ("DELETE", ROOT, "", 400),
        ("POST", ROTATE, r#"{"absolute": "1h"}"#, 400),
        ("POST", ROTATE, r#"{"user": "bo"}"#, 409),
    ] {
        let refused = world.ask(method, path, &[held], body).await;
        assert_eq!(
            refused.status, status,
            "{method} {path} {body}: {refused:?}"
        );
    }
    let keyed = [held, ("idempotency-key", "k")];
    assert_eq!(world.ask("POST", ROTATE, &keyed, "").await.status, 400);
    assert_eq!(
        status_of(&world, &token).await,
        200,
        "nothing of it was done"
    );
}

#[tokio::test]
async fn the_application_begins_lists_and_ends_and_its_key_says_what_it_may() {
    let world = World::new().await;
    let (reads, writes) = (
        world.key("sessions:read").await,
        world.key("sessions:write").await,
    );
    let (all, other) = (world.key("sessions:*").await, world.key("kv:*").await);
    let one = world.key("sessions:write:ada").await;
    let user = "/sessions/v1/users/ada";
    for (method, path, allowed) in [
        ("POST", ROOT, [false, true, true, false, false, false]),
        ("GET", user, [true, false, true, false, false, false]),
        ("DELETE", user, [false, true, true, false, false, false]),
        (
            "DELETE",
            "/sessions/v1?all=true",
            [false, true, true, false, false, false],
        ),
    ] {
        let bearer = |key: &String| format!("Bearer {key}");
        let keys = [&reads, &writes, &all, &other, &one].map(bearer);
        for (key, allowed) in keys.iter().map(Some).chain([None]).zip(allowed) {
            let headers: Vec<(&str, &str)> = key
                .map(|key| ("authorization", &**key))
                .into_iter()
                .collect();
            let answer = world.ask_publicly(method, path, &headers).await;
            let refused = if key.is_some() { 403 } else { 401 };
            match allowed {
                true => assert!(answer.status.is_success(), "{method} {path}: {answer:?}"),
                false => assert_eq!(answer.status, refused, "{method} {path} {answer:?}"),
            }
        }
    }
}

#[tokio::test]
async fn a_login_that_is_sent_again_makes_one_session_and_keeps_no_token() {
    let world = World::new().await;
    for user in [json!("ada"), Value::Null] {
        let body = json!({ "user": user, "data": { "n": 1 } }).to_string();
        let key = format!("login-{user}");
        let keyed = [("idempotency-key", &*key)];
        let first = world.ask("POST", ROOT, &keyed, &body).await;
        let again = world.ask("POST", ROOT, &keyed, &body).await;
        assert_eq!(
            (first.status.as_u16(), again.status.as_u16()),
            (201, 201),
            "{again:?}"
        );
        assert_eq!(again.header("idempotency-replayed"), Some("true"));
        let (first, again) = (first.json(), again.json());
        assert_eq!(first["id"], again["id"]);
        let tokens = [&first, &again].map(|made| made["token"].as_str().expect("a token"));
        assert_ne!(tokens[0], tokens[1]);
        assert_eq!(status_of(&world, tokens[0]).await, 401);
        assert_eq!(status_of(&world, tokens[1]).await, 200);
        let held = [("pando-session", tokens[1])];
        world.ask("DELETE", CURRENT, &held, "").await;
        let over = world.ask("POST", ROOT, &keyed, &body).await;
        assert_eq!(
            (over.status.as_u16(), over.code().as_str()),
            (409, "conflict")
        );
    }
    let list = world.get("/sessions/v1/users/ada").await;
    assert_eq!(list.json(), json!({ "sessions": [] }));
}

#[tokio::test]
async fn two_browsers_that_choose_the_same_idempotency_key_do_not_see_each_other() {
    let world = World::new().await;
    let mut seen = Vec::new();
    for user in ["ada", "bo"] {
        let (_, token) = begin(&world, json!({ "user": user })).await;
        let headers = [("pando-session", &*token), ("idempotency-key", "1")];
        let patch = r#"{"data": {"n": 1}}"#;
        let patched = world.ask("PATCH", CURRENT, &headers, patch).await;
        let again = world.ask("PATCH", CURRENT, &headers, patch).await;
        assert_eq!(patched.json(), again.json(), "done once");
        assert_eq!(again.header("etag"), patched.header("etag"));
        seen.push(patched.json()["user"].clone());
        world.ask("DELETE", CURRENT, &headers[..1], "").await;
        let over = world.ask("PATCH", CURRENT, &headers, patch).await;
        assert_eq!(
            over.status, 401,
            "what was kept is not shown once it has ended"
        );
    }
    assert_eq!(seen, ["ada", "bo"]);
}

#[tokio::test]
async fn a_users_sessions_are_listed_page_by_page_and_ended_alone_or_but_for_one() {
    let world = World::new().await;
    let mut ids = Vec::new();
    let mut tokens = Vec::new();
    for n in 0..4 {
        let (made, token) = begin(&world, json!({ "user": "a/b", "data": { "agent": n } })).await;
        ids.push(made["id"].as_i64().expect("an id"));
        tokens.push(token);
    }
    let user = "/sessions/v1/users/a%2Fb";
    let page = world.get(&format!("{user}?limit=3")).await;
    let cursor = page.header("pando-cursor").expect("a cursor");
    let rest = world.get(&format!("{user}?limit=3&cursor={cursor}")).await;
    let list = |answer: &Answer| {
        answer.json()["sessions"]
            .as_array()
            .expect("a list")
            .clone()
    };
    let listed = [list(&page), list(&rest)].concat();
    let found: Vec<_> = listed.iter().filter_map(|one| one["id"].as_i64()).collect();
    assert_eq!(found, ids);
    assert_eq!(listed[2]["data"]["agent"], 2);
    assert!(!page.body.contains("pandos_"), "no tokens");
    let one = format!("{user}/{}", ids[0]);
    assert_eq!(world.ask("DELETE", &one, &[], "").await.status, 204);
    assert_eq!(world.ask("DELETE", &one, &[], "").await.status, 404);
    let but_one = format!("{user}?except={}", ids[3]);
    assert_eq!(world.ask("DELETE", &but_one, &[], "").await.status, 204);
    for (token, status) in tokens.iter().zip([401, 401, 401, 200]) {
        assert_eq!(status_of(&world, token).await, status);
    }
    assert_eq!(world.ask("DELETE", user, &[], "").await.status, 204);
    assert_eq!(status_of(&world, &tokens[3]).await, 401);
}
