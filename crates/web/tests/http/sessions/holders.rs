//! What whoever holds a session may do, and what a page elsewhere may not.

use super::{CURRENT, ROTATE, begin, cookie, status_of};
use crate::world::World;
use pando_web::{Cors, DataAccess, Sessions, WebConfig};
use serde_json::json;

#[tokio::test]
async fn whoever_holds_a_session_needs_no_key_for_it_and_may_not_write_its_data() {
    for (access, shows, changes) in [
        (DataAccess::None, false, false),
        (DataAccess::Read, true, false),
        (DataAccess::Write, true, true),
    ] {
        let sessions = Sessions {
            data_without_key: access,
        };
        let world = World::with(WebConfig {
            sessions,
            ..WebConfig::default()
        })
        .await;
        let key = format!("Bearer {}", world.key("sessions:*").await);
        let key = ("authorization", &*key);
        let (made, token) = begin(
            &world,
            json!({ "user": "ada", "data": { "role": "guest" } }),
        )
        .await;
        let held = ("pando-session", &*token);
        let found = world.ask_publicly("GET", CURRENT, &[held]).await;
        assert_eq!(
            (found.status.as_u16(), &found.json()["id"]),
            (200, &made["id"])
        );
        assert_eq!(found.json().get("data").is_some(), shows, "{access:?}");
        let with_key = world.ask_publicly("GET", CURRENT, &[held, key]).await;
        assert_eq!(with_key.json()["data"]["role"], "guest");
        let patch = r#"{"data": {"role": "admin"}}"#;
        let patched = world
            .ask_publicly_with("PATCH", CURRENT, &[held], patch)
            .await;
        assert_eq!(
            patched.status,
            if changes { 200 } else { 403 },
            "{patched:?}"
        );
        let by_app = world
            .ask_publicly_with("PATCH", CURRENT, &[held, key], patch)
            .await;
        assert_eq!(by_app.status, 200);
        for body in [r#"{"user": "ada"}"#, r#"{"idle": "29d"}"#] {
            let rotated = world.ask_publicly_with("POST", ROTATE, &[held], body).await;
            assert_eq!(
                rotated.status, 401,
                "a holder does not say who it is: {rotated:?}"
            );
        }
        let rotated = world.ask_publicly("POST", ROTATE, &[held]).await;
        assert_eq!(rotated.status, 200, "{rotated:?}");
        let token = rotated.json()["token"]
            .as_str()
            .expect("a token")
            .to_owned();
        let ended = world
            .ask_publicly("DELETE", CURRENT, &[("pando-session", &token)])
            .await;
        assert_eq!(ended.status, 204);
        // A key that is none does not become one by a token.
        let wrong = [
            ("pando-session", &*token),
            ("authorization", "Bearer pando_x"),
        ];
        assert_eq!(world.ask_publicly("GET", CURRENT, &wrong).await.status, 401);
    }
}

#[tokio::test]
async fn a_page_elsewhere_changes_nothing_by_the_cookie_of_a_browser() {
    let world = World::with(WebConfig {
        cors: Cors {
            origins: vec!["https://app.example.com".to_owned()],
            ..Cors::default()
        },
        ..WebConfig::default()
    })
    .await;
    let key = format!("Bearer {}", world.key("*").await);
    for (headers, passes) in [
        (vec![], true),
        (vec![("sec-fetch-site", "same-origin")], true),
        (vec![("sec-fetch-site", "cross-site")], false),
        (
            vec![
                ("sec-fetch-site", "same-site"),
                ("origin", "https://evil.example.com"),
            ],
            false,
        ),
        (
            vec![
                ("sec-fetch-site", "same-site"),
                ("origin", "https://app.example.com"),
            ],
            true,
        ),
        (vec![("origin", "https://evil.example")], false),
        (vec![("origin", "null")], false),
        (vec![("origin", "http://localhost:8080")], true),
        (
            vec![("sec-fetch-site", "cross-site"), ("authorization", &key)],
            true,
        ),
    ] {
        for (method, path) in [("POST", ROTATE), ("DELETE", CURRENT)] {
            let (_, token) = begin(&world, json!({ "user": "ada" })).await;
            let pair = format!("__Host-pando-session={token}");
            let mut sent = headers.clone();
            sent.push(("cookie", &pair));
            let answer = world.ask_publicly(method, path, &sent).await;
            let got = (answer.status.is_success(), answer.status.as_u16() == 403);
            assert_eq!(got, (passes, !passes), "{method} {headers:?}: {answer:?}");
            assert_eq!(
                status_of(&world, &token).await,
                if passes { 401 } else { 200 }
            );
            // A token in a header no page elsewhere can send.
            let (_, token) = begin(&world, json!({ "user": "ada" })).await;
            let mut sent = headers.clone();
            sent.push(("pando-session", &token));
            assert!(
                world
                    .ask_publicly(method, path, &sent)
                    .await
                    .status
                    .is_success()
            );
        }
    }
}

#[tokio::test]
async fn what_came_as_a_cookie_is_rotated_as_a_cookie_and_shown_to_no_script() {
    let world = World::new().await;
    let key = format!("Bearer {}", world.key("sessions:write").await);
    for (by_cookie, with_key, shows) in [
        (true, false, false),
        (true, true, true),
        (false, false, true),
    ] {
        let (made, token) = begin(&world, json!({ "user": "ada", "idle": 60 })).await;
        let pair = format!("__Host-pando-session={token}");
        let mut headers = vec![match by_cookie {
            true => ("cookie", &*pair),
            false => ("pando-session", &*token),
        }];
        if with_key {
            headers.push(("authorization", &key));
        }
        let rotated = world.ask_publicly("POST", ROTATE, &headers).await;
        assert_eq!(rotated.status, 200, "{rotated:?}");
        let set = cookie(&rotated).expect("a cookie");
        let new = set.split(['=', ';']).nth(1).expect("a value").to_owned();
        assert_ne!(new, token);
        assert_eq!(rotated.json().get("token").is_some(), shows);
        assert_eq!(rotated.json()["id"], made["id"]);
        assert_eq!(
            rotated.json()["absolute_expires_at"],
            made["absolute_expires_at"]
        );
        assert_eq!(status_of(&world, &token).await, 401);
        assert_eq!(status_of(&world, &new).await, 200);
    }
}

#[tokio::test]
async fn no_answer_and_no_error_shows_a_token_that_was_sent() {
    let world = World::new().await;
    let (_, token) = begin(&world, json!({ "user": "ada" })).await;
    let bent = token.replace(|c: char| c.is_ascii_digit(), "A");
    for sent in [&token, &bent] {
        for (method, path, body) in [
            ("GET", CURRENT, ""),
            ("PATCH", CURRENT, "{"),
            ("PATCH", CURRENT, r#"{"data": {}}"#),
            ("DELETE", "/sessions/v1/users/ada/x", ""),
            ("POST", ROTATE, "["),
        ] {
            let answer = world
                .ask(method, path, &[("pando-session", sent)], body)
                .await;
            assert!(!answer.body.contains(sent.as_str()), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn nobody_makes_the_server_read_more_than_a_session_holds() {
    let world = World::new().await;
    let large = "x".repeat(1 << 20);
    let (_, token) = begin(&world, json!({ "user": "ada" })).await;
    for (headers, status) in [(vec![], 401), (vec![("pando-session", &*token)], 413)] {
        let refused = world
            .ask_publicly_with("PATCH", CURRENT, &headers, &large)
            .await;
        assert_eq!(refused.status, status, "{refused:?}");
    }
}
