//! Before the commit: what is asked, and what becomes of a write.

use crate::application::{Application, Got, Told};
use crate::site::Site;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

fn asked(got: &Got) -> Value {
    serde_json::from_str(&got.body).unwrap_or_else(|_| panic!("no JSON: {got:?}"))
}

/// Lets all but orders over 100 go.
fn guard() -> Application {
    Application::start(|got| {
        let is_dear = asked(got)["changes"]
            .as_array()
            .unwrap()
            .iter()
            .any(|change| change["record"]["total"].as_i64() > Some(100));
        match is_dear {
            true => Told::status("409 Conflict").saying(r#"{"message": "too dear"}"#),
            false => Told::ok(),
        }
    })
}

fn listeners(application: &Application) -> String {
    format!(
        "[listeners.guard]\nphase = \"before-commit\"\non = [\"rest/orders\", \"docs/books\"]\n\
         url = \"{}\"\ntimeout = \"2s\"\n",
        application.url("/guard")
    )
}

#[test]
fn a_veto_leaves_nothing_written_and_is_answered_with_what_it_says() {
    let application = guard();
    vetoes(&Site::of(&listeners(&application)), &application);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_veto_over_postgresql_does_the_same() {
    let application = guard();
    let site = Site::over_postgresql(&listeners(&application)).await;
    let checked = tokio::task::spawn_blocking(move || vetoes(&site, &application));
    checked.await.expect("it is so");
}

fn vetoes(site: &Site, application: &Application) {
    site.done(
        "POST",
        "/rest/v1/orders",
        r#"[{"id": 1, "total": 3}, {"id": 2, "total": 4}]"#,
    );
    let answer = site.ask("PATCH", "/rest/v1/orders?id=gt.0", r#"{"total": 200}"#);
    assert_eq!(answer.status, 422, "{answer:?}");
    let error = answer.json();
    assert_eq!(
        (&error["code"], &error["message"]),
        (&json!("vetoed"), &json!("too dear"))
    );
    assert!(
        error["details"].as_str().unwrap().contains("guard"),
        "{error}"
    );
    // Together with others, or one of several, or over what is there.
    for (method, path, body) in [
        (
            "POST",
            "/rest/v1/orders",
            json!([{"id": 3, "total": 1}, {"id": 4, "total": 101}]),
        ),
        (
            "PUT",
            "/rest/v1/orders?id=eq.1",
            json!({"id": 1, "note": null, "total": 101}),
        ),
        (
            "POST",
            "/tx/v1",
            json!({"ops": [
                {"method": "PUT", "path": "/kv/v1/k/a", "body": 1},
                {"method": "POST", "path": "/rest/v1/orders", "body": {"id": 5, "total": 500}},
                {"method": "POST", "path": "/queue/v1/q/messages", "body": {"body": 1}},
            ]}),
        ),
    ] {
        let answer = site.ask(method, path, &body.to_string());
        assert_eq!(answer.status, 422, "{method} {path}: {answer:?}");
        assert_eq!(answer.json()["code"], "vetoed");
    }
    let rows = site.get("/rest/v1/orders?select=id,total&order=id");
    assert_eq!(rows, json!([{"id": 1, "total": 3}, {"id": 2, "total": 4}]));
    assert_eq!(site.ask("GET", "/kv/v1/k/a", "").status, 404);
    assert_eq!(site.get("/queue/v1/q")["depth"], 0);
    lets_go(site, application);
}

/// What it lets go, and what it does not hear of, is done; it is asked with what was and will be.
fn lets_go(site: &Site, application: &Application) {
    site.done("PATCH", "/rest/v1/orders?id=eq.2", r#"{"total": 50}"#);
    site.done("PUT", "/docs/v1/books/a", r#"{"title": "A"}"#);
    site.done("PUT", "/docs/v1/others/a", r#"{"total": 1000}"#);
    site.done("DELETE", "/rest/v1/orders?id=eq.1", "");
    let got: Vec<Value> = application.got().iter().map(asked).collect();
    let last = |kind: &str| {
        let changes = got
            .iter()
            .flat_map(|asked| asked["changes"].as_array().unwrap());
        let mut changes = changes.filter(|change| change["kind"] == kind);
        changes.next_back().unwrap().clone()
    };
    let update = last("update");
    assert_eq!(
        (&update["old"]["total"], &update["record"]["total"]),
        (&json!(4), &json!(50))
    );
    assert_eq!(update["key"], json!({"id": 2}));
    let delete = last("delete");
    assert_eq!(
        (&delete["old"]["total"], &delete["record"]),
        (&json!(3), &json!(null))
    );
    let document = last("insert");
    assert_eq!(document["collection"], "docs/books");
    assert_eq!(document["record"], json!({"title": "A"}));
    assert!(
        got.iter()
            .all(|asked| !asked.to_string().contains("docs/others"))
    );
}

#[test]
fn a_write_is_refused_where_a_listener_fails_or_goes_on_if_it_is_told_to() {
    for (answer, on_failure, status) in [
        ("500 Oh", "refuse", 503),
        ("302 Found", "refuse", 503),
        ("429 Slow", "refuse", 503),
        ("500 Oh", "allow", 201),
    ] {
        let application = Application::start(move |_| Told::status(answer));
        let more = format!("on_failure = \"{on_failure}\"\n");
        let site = Site::of(&(listeners(&application) + &more));
        let told = site.ask("POST", "/rest/v1/orders", r#"{"id": 1}"#);
        assert_eq!(told.status, status, "{answer}, {on_failure}: {told:?}");
        let rows = site.get("/rest/v1/orders");
        assert_eq!(rows.as_array().unwrap().len(), usize::from(status == 201));
        if status == 503 {
            assert_eq!(told.json()["code"], "listener_failed");
            assert_eq!(told.header("retry-after"), Some("1"));
        }
    }
}

#[test]
fn whom_a_listener_lets_wait_holds_up_nobody_else() {
    let application = Application::start(|_| Told::ok().after(Duration::from_secs(600)));
    let site = Site::of(&listeners(&application));
    let began = Instant::now();
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| site.ask("POST", "/rest/v1/orders", r#"{"id": 1}"#));
        application.wait_for("/guard", 1);
        // While it waits others write, as fast as ever.
        for n in 0..50 {
            let body = format!("{{\"id\": {n}}}");
            site.done("POST", "/rest/v1/notes", &body);
        }
        let others = began.elapsed();
        let slow = slow.join().unwrap();
        let its = began.elapsed();
        assert_eq!(slow.status, 503, "{slow:?}");
        println!("50 others within {others:?}, the one that was asked about {its:?}");
        assert!(its >= Duration::from_secs(2) && others < its);
    });
    assert_eq!(site.get("/rest/v1/orders"), json!([]));
}

#[test]
fn what_changes_while_a_listener_is_asked_is_asked_about_anew() {
    // Of an order over 10 it takes so long that somebody else changes it meanwhile.
    let (ask, asked_now) = std::sync::mpsc::channel();
    let (go, gone) = std::sync::mpsc::channel::<()>();
    let gone = std::sync::Mutex::new(gone);
    let application = Application::start(move |got| {
        if got.body.contains("\"note\":\"slow\"") && got.body.contains("\"total\":1}") {
            ask.send(()).unwrap();
            gone.lock().unwrap().recv().unwrap();
        }
        Told::ok()
    });
    let site = Site::of(&listeners(&application));
    site.done("POST", "/rest/v1/orders", r#"{"id": 1, "total": 1}"#);
    std::thread::scope(|scope| {
        let slow =
            scope.spawn(|| site.done("PATCH", "/rest/v1/orders?id=eq.1", r#"{"note": "slow"}"#));
        asked_now.recv().unwrap();
        site.done("PATCH", "/rest/v1/orders?id=eq.1", r#"{"total": 2}"#);
        go.send(()).unwrap();
        slow.join().unwrap();
    });
    let rows = site.get("/rest/v1/orders?select=note,total");
    assert_eq!(rows, json!([{"note": "slow", "total": 2}]));
    let got: Vec<Value> = application.got().iter().map(asked).collect();
    let totals = got
        .iter()
        .map(|asked| &asked["changes"][0])
        .filter(|change| change["record"]["note"] == "slow");
    let totals: Vec<&Value> = totals.map(|change| &change["old"]["total"]).collect();
    assert_eq!(totals, [&json!(1), &json!(2)], "it was asked about both");
}

#[test]
fn a_write_is_done_that_is_asked_about_in_part_and_whose_other_part_somebody_hears_of_after_rollbacks()
 {
    let application = guard();
    let alarm = format!(
        "[listeners.guard]\nphase = \"before-commit\"\non = [\"rest/orders:insert\"]\nurl = \"{0}\"\n\
         [listeners.alarm]\nphase = \"after-rollback\"\non = [\"docs/books\", \"rest/orders\"]\nurl = \"{0}\"\n",
        application.url("/")
    );
    let site = Site::of(&alarm);
    let both = json!({"ops": [
        {"method": "POST", "path": "/rest/v1/orders", "body": {"id": 1, "total": 3}},
        {"method": "PUT", "path": "/docs/v1/books/a", "body": {"title": "A"}},
    ]});
    site.done("POST", "/tx/v1", &both.to_string());
    // Another key is a row that goes, of which it is not asked, and one that comes.
    site.done("PATCH", "/rest/v1/orders?id=eq.1", r#"{"id": 2}"#);
    assert_eq!(site.get("/rest/v1/orders?select=id"), json!([{"id": 2}]));
    assert_eq!(application.got().len(), 2, "each was asked about once");
}
