//! Sessions: begun, found by their tokens, rotated, ended; timeouts; many of one user.

use crate::bench::Bench;
use pando_store::precondition::{Precondition, Versions};
use pando_store::sessions::{Begin, Record, Rotate, Token};
use std::time::Duration;

const SECOND: i64 = 1_000_000;

fn none() -> Precondition {
    Precondition::default()
}

fn of(user: &str) -> Begin {
    Begin {
        user: Some(user.to_owned()),
        ..Begin::default()
    }
}

fn lasting(idle_s: u64, absolute_s: u64) -> Begin {
    Begin {
        idle: Some(Duration::from_secs(idle_s)),
        absolute: Some(Duration::from_secs(absolute_s)),
        ..of("ada")
    }
}

async fn begin(bench: &Bench, begin: Begin) -> (Record, Token) {
    let (operation, token) = bench.store.session_begin(begin).await.unwrap();
    (bench.run(operation).await.unwrap(), token)
}

async fn get(bench: &Bench, token: &Token) -> Option<Record> {
    bench.run(bench.store.session_get(token)).await.unwrap()
}

async fn touch(bench: &Bench, token: &Token) -> Option<bool> {
    let found = get(bench, token).await?;
    let touch = bench.store.session_touch(token, &found)?;
    Some(bench.run(touch).await.unwrap())
}

async fn rotate(bench: &Bench, token: &Token, rotate: Rotate) -> (Option<Record>, Token) {
    let rotated = bench.store.session_rotate(token, rotate).await;
    let (operation, new) = rotated.unwrap();
    (bench.run(operation).await.unwrap(), new)
}

async fn ids(bench: &Bench, user: &str) -> Vec<i64> {
    let mut ids = Vec::new();
    let mut cursor = None;
    loop {
        let list = bench
            .store
            .session_list(user, Some(3), cursor.as_deref())
            .unwrap();
        let page = bench.run(list).await.unwrap();
        ids.extend(page.sessions.iter().map(|session| session.id));
        cursor = page.cursor;
        if cursor.is_none() {
            return ids;
        }
    }
}

#[tokio::test]
async fn a_session_is_found_by_its_token_and_by_no_other() {
    let bench = Bench::new().await;
    for user in [Some("ada".to_owned()), None] {
        let data = Some(r#"{"b": 1, "a": [2]}"#.to_owned());
        let (made, token) = begin(
            &bench,
            Begin {
                user: user.clone(),
                data,
                ..Begin::default()
            },
        )
        .await;
        assert_eq!(get(&bench, &token).await, Some(made.clone()));
        assert_eq!(
            (made.user, made.data.as_str()),
            (user, r#"{"a": [2], "b": 1}"#)
        );
        let (_, other) = begin(&bench, of("ada")).await;
        let (head, end) = token.text().split_at(token.text().len() - 2);
        let another = if end.starts_with('Q') { "g" } else { "Q" };
        let bent = format!("{head}{another}{}", &end[1..]);
        assert_ne!(other.text(), token.text());
        let bent = Token::read(&bent).expect("it has the form of one");
        assert_eq!(get(&bench, &bent).await, None);
    }
}

#[tokio::test]
async fn a_session_ends_unused_or_when_its_time_is_up_to_the_microsecond() {
    for (idle, absolute, ends_s) in [(10, 100, 10), (100, 10, 10), (10, 10, 10)] {
        let bench = Bench::new().await;
        let (made, token) = begin(&bench, lasting(idle, absolute)).await;
        bench.clock.advance_us(ends_s * SECOND - 1);
        assert!(get(&bench, &token).await.is_some());
        bench.clock.advance_us(1);
        assert_eq!(get(&bench, &token).await, None, "{made:?}");
        assert!(ids(&bench, "ada").await.is_empty());
        let patch = bench.store.session_patch(&token, "{}", none()).await;
        assert_eq!(bench.run(patch.unwrap()).await.unwrap(), None);
        assert_eq!(rotate(&bench, &token, Rotate::default()).await.0, None);
        let end = bench.store.session_end(&token, none());
        assert!(!bench.run(end).await.unwrap());
        assert_eq!(bench.store.sweep().await.unwrap().values, 1, "it is swept");
    }
}

#[tokio::test]
async fn use_keeps_a_session_alive_until_its_time_is_up_and_is_seldom_written_down() {
    let bench = Bench::new().await;
    let (_, token) = begin(&bench, lasting(160, 1_000)).await;
    let mut written = 0;
    for second in 1..1_000 {
        bench.clock.advance_us(SECOND);
        match touch(&bench, &token).await {
            Some(done) => {
                assert!(done, "at {second} s");
                written += 1;
            }
            None => assert!(second % 10 != 0, "at {second} s"),
        }
    }
    assert_eq!(written, 99, "a sixteenth of 160 s is 10 s");
    bench.clock.advance_us(SECOND);
    assert_eq!(get(&bench, &token).await, None);
    // A long idle time does not make touches seldom beyond their bound, and no touch revives.
    let (found, token) = begin(&bench, lasting(100_000, 100_000)).await;
    bench.clock.advance_us(60 * SECOND - 1);
    assert_eq!(touch(&bench, &token).await, None);
    bench.clock.advance_us(1);
    let late = bench.store.session_touch(&token, &found).unwrap();
    assert_eq!(touch(&bench, &token).await, Some(true));
    assert!(
        !bench.run(late).await.unwrap(),
        "an older touch changes nothing"
    );
    let found = get(&bench, &token).await.unwrap();
    bench.clock.advance_us(61 * SECOND);
    let touch = bench.store.session_touch(&token, &found).unwrap();
    bench
        .run(bench.store.session_end(&token, none()))
        .await
        .unwrap();
    assert!(!bench.run(touch).await.unwrap());
    assert_eq!(get(&bench, &token).await, None);
}

#[tokio::test]
async fn a_rotated_token_is_none_any_more_and_time_goes_on() {
    let bench = Bench::new().await;
    let (made, old) = begin(&bench, lasting(100, 200)).await;
    bench.clock.advance_us(50 * SECOND);
    let (rotated, new) = rotate(&bench, &old, Rotate::default()).await;
    let rotated = rotated.unwrap();
    assert_eq!(get(&bench, &old).await, None);
    assert_eq!(get(&bench, &new).await, Some(rotated.clone()));
    assert_eq!(rotated.id, made.id);
    assert_eq!(rotated.absolute_at_us, made.absolute_at_us);
    assert_eq!(rotated.authenticated_at_us, made.authenticated_at_us);
    assert_ne!(rotated.version, made.version);
    // The same user again: time begins anew.
    bench.clock.advance_us(SECOND);
    let again = Rotate {
        user: Some("ada".to_owned()),
        absolute: Some(Duration::from_secs(200)),
        ..Rotate::default()
    };
    let (again, newest) = rotate(&bench, &new, again).await;
    let again = again.unwrap();
    assert_eq!(again.absolute_at_us, made.absolute_at_us + 51 * SECOND);
    assert!(again.authenticated_at_us > made.authenticated_at_us);
    assert_eq!(ids(&bench, "ada").await, [made.id]);
    // Another user's it does not become.
    let other = Rotate {
        user: Some("bo".to_owned()),
        ..Rotate::default()
    };
    let (operation, _) = bench.store.session_rotate(&newest, other).await.unwrap();
    bench.refused(operation, "conflict").await;
    assert!(get(&bench, &newest).await.is_some());
}

#[tokio::test]
async fn somebody_who_logs_in_keeps_what_was_in_the_session_and_gets_another_token() {
    let bench = Bench::new().await;
    let data = Some(r#"{"cart": [1]}"#.to_owned());
    let (made, old) = begin(
        &bench,
        Begin {
            data,
            ..Begin::default()
        },
    )
    .await;
    assert_eq!((made.user.as_ref(), made.authenticated_at_us), (None, None));
    let login = Rotate {
        user: Some("ada".to_owned()),
        data: Some(r#"{"role": "guest"}"#.to_owned()),
        ..Rotate::default()
    };
    let (rotated, new) = rotate(&bench, &old, login).await;
    let rotated = rotated.unwrap();
    assert_eq!(rotated.data, r#"{"cart": [1], "role": "guest"}"#);
    assert_eq!(rotated.user.as_deref(), Some("ada"));
    assert_eq!(get(&bench, &old).await, None);
    assert_eq!(get(&bench, &new).await, Some(rotated));
    assert_eq!(ids(&bench, "ada").await, [made.id]);
    // Or a new one begins, and the one that was there ends with that.
    let instead = Begin {
        instead_of: Some(new.clone()),
        ..of("bo")
    };
    let (_, newest) = begin(&bench, instead).await;
    assert_eq!(get(&bench, &new).await, None);
    assert!(get(&bench, &newest).await.is_some());
}

#[tokio::test]
async fn of_two_saves_that_know_the_same_version_one_is_refused() {
    let bench = Bench::new().await;
    let (made, token) = begin(&bench, of("ada")).await;
    let known = || Precondition {
        if_match: Some(Versions::Listed(vec![Some(made.version)])),
        ..none()
    };
    let patch = |text: &'static str| bench.store.session_patch(&token, text, known());
    let first = patch(r#"{"n": 1}"#).await.unwrap();
    let second = patch(r#"{"n": 2}"#).await.unwrap();
    let saved = bench.run(first).await.unwrap().unwrap();
    assert_eq!(saved.data, r#"{"n": 1}"#);
    bench.refused(second, "precondition_failed").await;
    let end = bench.store.session_end(&token, known());
    bench.refused(end, "precondition_failed").await;
    // A touch is no save.
    bench.clock.advance_us(120 * SECOND);
    assert_eq!(touch(&bench, &token).await, Some(true));
    let found = get(&bench, &token).await.unwrap();
    assert_eq!((found.version, found.data), (saved.version, saved.data));
    for (text, code) in [("[]", "unprocessable"), ("{", "malformed")] {
        let refused = bench.store.session_patch(&token, text, none()).await;
        let error = refused.err().expect("it is refused").to_string();
        assert!(!error.is_empty(), "{code}");
    }
}

#[tokio::test]
async fn a_users_sessions_end_alone_together_or_but_for_one() {
    let bench = Bench::new().await;
    let mut made = Vec::new();
    for _ in 0..4 {
        made.push(begin(&bench, of("ada")).await);
    }
    let (bo, bos) = begin(&bench, of("bo")).await;
    let all: Vec<i64> = made.iter().map(|(record, _)| record.id).collect();
    assert_eq!(ids(&bench, "ada").await, all);
    let end = |user: &str, id| bench.store.session_end_one(user, id).unwrap();
    assert!(!bench.run(end("ada", bo.id)).await.unwrap(), "another's");
    assert!(bench.run(end("ada", all[0])).await.unwrap());
    assert!(!bench.run(end("ada", all[0])).await.unwrap(), "twice");
    assert_eq!(get(&bench, &made[0].1).await, None);
    let others = bench.store.session_end_user("ada", Some(all[2])).unwrap();
    bench.run(others).await.unwrap();
    assert_eq!(ids(&bench, "ada").await, [all[2]]);
    assert!(get(&bench, &made[2].1).await.is_some());
    let every = bench.store.session_end_user("ada", None).unwrap();
    bench.run(every).await.unwrap();
    assert!(ids(&bench, "ada").await.is_empty());
    assert_eq!(get(&bench, &bos).await, Some(bo));
}

#[tokio::test]
async fn when_all_sessions_end_none_is_left_and_new_ones_begin() {
    let bench = Bench::new().await;
    for _ in 0..2 {
        let (_, ada) = begin(&bench, of("ada")).await;
        let (_, nobody) = begin(&bench, Begin::default()).await;
        bench.run(bench.store.session_end_all()).await.unwrap();
        for token in [&ada, &nobody] {
            assert_eq!(get(&bench, token).await, None);
            assert_eq!(rotate(&bench, token, Rotate::default()).await.0, None);
        }
        assert!(ids(&bench, "ada").await.is_empty());
        let (again, token) = begin(&bench, of("ada")).await;
        assert!(get(&bench, &token).await.is_some());
        assert_eq!(ids(&bench, "ada").await, [again.id]);
    }
}

#[tokio::test]
async fn one_session_too_many_ends_the_one_that_was_not_used_for_longest() {
    let bench = Bench::new().await;
    let most = bench.store.config().sessions.per_user_max;
    let mut made = Vec::new();
    for _ in 0..most {
        made.push(begin(&bench, of("ada")).await);
        bench.clock.advance_us(1);
    }
    bench.clock.advance_us(61 * SECOND);
    assert_eq!(touch(&bench, &made[0].1).await, Some(true));
    begin(&bench, of("ada")).await;
    assert!(get(&bench, &made[0].1).await.is_some(), "it was used");
    assert_eq!(get(&bench, &made[1].1).await, None);
    assert_eq!(ids(&bench, "ada").await.len(), most);
    // A session that a new one takes the place of is not one more.
    let instead_of = Some(made[2].1.clone());
    begin(
        &bench,
        Begin {
            instead_of,
            ..of("ada")
        },
    )
    .await;
    assert!(get(&bench, &made[3].1).await.is_some());
    // Nor is there room for one more by logging in.
    let (_, token) = begin(&bench, Begin::default()).await;
    let login = Rotate {
        user: Some("ada".to_owned()),
        ..Rotate::default()
    };
    rotate(&bench, &token, login).await;
    assert_eq!(get(&bench, &made[3].1).await, None);
    assert_eq!(ids(&bench, "ada").await.len(), most);
}

#[tokio::test]
async fn a_token_that_did_not_arrive_is_made_again_and_the_first_one_ends() {
    let bench = Bench::new().await;
    for user in [Some("ada"), None] {
        let (made, first) = begin(
            &bench,
            Begin {
                user: user.map(str::to_owned),
                ..Begin::default()
            },
        )
        .await;
        let (again, second) = bench.store.session_rekey(user, made.id).unwrap();
        assert_eq!(bench.run(again).await.unwrap(), Some(made.clone()));
        assert_eq!(get(&bench, &first).await, None);
        assert_eq!(get(&bench, &second).await, Some(made.clone()));
        bench
            .run(bench.store.session_end(&second, none()))
            .await
            .unwrap();
        let (again, _) = bench.store.session_rekey(user, made.id).unwrap();
        assert_eq!(bench.run(again).await.unwrap(), None);
    }
}

#[tokio::test]
async fn what_is_too_much_is_refused() {
    let bench = Bench::new().await;
    let too_large = format!(r#"{{"a": "{}"}}"#, "x".repeat(64 << 10));
    let cases = [
        Begin {
            user: Some(String::new()),
            ..Begin::default()
        },
        Begin {
            user: Some("u".repeat(256)),
            ..Begin::default()
        },
        Begin {
            user: Some("a\0".to_owned()),
            ..Begin::default()
        },
        Begin {
            data: Some("[]".to_owned()),
            ..Begin::default()
        },
        Begin {
            data: Some(too_large),
            ..Begin::default()
        },
        Begin {
            idle: Some(Duration::from_secs(31 * 24 * 60 * 60)),
            ..Begin::default()
        },
        Begin {
            absolute: Some(Duration::from_secs(31 * 24 * 60 * 60)),
            ..Begin::default()
        },
    ];
    for case in cases {
        let told = format!("{case:?}").chars().take(80).collect::<String>();
        assert!(bench.store.session_begin(case).await.is_err(), "{told}");
    }
    let (_, token) = begin(&bench, of("ada")).await;
    let patch = format!(r#"{{"a": "{}"}}"#, "x".repeat(64 << 10));
    let patch = bench.store.session_patch(&token, &patch, none()).await;
    bench.refused(patch.unwrap(), "document_too_large").await;
}
