//! Sessions of an application's users through the client.

use crate::world::World;
use futures_util::TryStreamExt;
use http::Method;
use pando_client::{ErrorKind, SessionToken};
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn a_session_is_begun_used_saved_rotated_and_ended() {
    let world = World::new().await;
    let sessions = world.client().user_sessions();
    let begun = sessions
        .begin("ada/b")
        .data(&json!({ "cart": [1] }))
        .idle(Duration::from_secs(60))
        .absolute(Duration::from_secs(600))
        .await
        .expect("it begins");
    let cookie = format!("__Host-pando-session={};", begun.token.as_str());
    assert!(begun.cookie.as_str().starts_with(&cookie));
    let shown = format!("{begun:?}");
    assert!(!shown.contains("pandos_"), "{shown}");
    let held = sessions.held(&begun.token);
    let (found, etag) = held.get().await.expect("read").expect("there");
    assert_eq!((&found, &etag), (&begun.session, &begun.etag));
    assert_eq!(found.user.as_deref(), Some("ada/b"));
    let patch = json!({ "cart": null, "n": 1 });
    let (saved, _) = held
        .patch(&patch)
        .if_match(&etag)
        .await
        .expect("saved")
        .expect("there");
    assert_eq!(saved.data, json!({ "n": 1 }));
    let late = held.patch(&patch).if_match(&etag).await;
    let late = late.expect_err("somebody else was quicker");
    assert_eq!(late.kind(), ErrorKind::PreconditionFailed);
    let rotated = held.rotate().await.expect("rotated").expect("there");
    assert_eq!(held.get().await.expect("read"), None);
    assert_eq!(rotated.session.id, begun.session.id);
    let held = sessions.held(&rotated.token);
    let again = held.rotate_as("ada/b").absolute(Duration::from_secs(60));
    let again = again.data(&json!({ "n": 2 })).await;
    let again = again.expect("rotated").expect("there");
    assert_eq!(again.session.data, json!({ "n": 2 }));
    let held = sessions.held(&again.token);
    assert!(held.end().await.expect("ended"));
    assert!(!held.end().await.expect("gone"));
    assert_eq!(held.rotate().await.expect("gone"), None);
    let wrong = sessions.held(&SessionToken::new("a\nb")).get().await;
    assert_eq!(wrong.expect_err("no header").kind(), ErrorKind::Usage);
}

#[tokio::test]
async fn a_users_sessions_are_listed_and_ended() {
    let world = World::new().await;
    let sessions = world.client().user_sessions();
    let mut begun = Vec::new();
    for n in 0..4 {
        let one = sessions.begin("bo").data(&json!({ "n": n })).await;
        begun.push(one.expect("it begins"));
    }
    let nobody = sessions.begin_anonymous().await.expect("it begins");
    assert_eq!(nobody.session.user, None);
    let all: Vec<_> = sessions
        .list("bo")
        .limit(3)
        .stream()
        .try_collect()
        .await
        .expect("listed");
    let expected: Vec<_> = begun.iter().map(|one| one.session.clone()).collect();
    assert_eq!(all, expected);
    assert!(sessions.end_one("bo", all[0].id).await.expect("ended"));
    assert!(!sessions.end_one("bo", all[0].id).await.expect("gone"));
    sessions
        .end_user("bo", Some(all[3].id))
        .await
        .expect("ended");
    let left = sessions.list("bo").page().await.expect("listed").items;
    assert_eq!(left, expected[3..]);
    let instead = sessions.begin("bo").instead_of(&begun[3].token).await;
    let left = sessions.list("bo").page().await.expect("listed").items;
    assert_eq!(left, [instead.expect("it begins").session]);
    sessions.end_all().await.expect("ended");
    assert!(
        sessions
            .list("bo")
            .page()
            .await
            .expect("listed")
            .items
            .is_empty()
    );
    assert_eq!(
        sessions.held(&nobody.token).get().await.expect("read"),
        None
    );
}

#[tokio::test]
async fn a_request_of_any_kind_rotates_too() {
    let world = World::new().await;
    let client = world.client();
    let begun = client.user_sessions().begin("cy").await.expect("it begins");
    let rotated = client
        .request(Method::POST, "/sessions/v1/current/rotate")
        .header(
            "pando-session".parse().expect("a name"),
            begun.token.as_str(),
        )
        .await
        .expect("rotated");
    assert_eq!(rotated.status, 200);
}
