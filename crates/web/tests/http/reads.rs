//! `GET`, `HEAD` and `OPTIONS` of tables.

use crate::world::World;

async fn check(cases: &[(&str, &str)]) {
    let world = World::new().await;
    for (path, body) in cases {
        let answer = world.get(&format!("/rest/v1/{path}")).await;
        assert_eq!(
            (answer.status.as_u16(), answer.body.as_str()),
            (200, *body),
            "for {path}"
        );
        assert_eq!(
            answer.header("content-type"),
            Some("application/json; charset=utf-8")
        );
        assert!(answer.header("pando-stamp").is_some(), "for {path}");
    }
}

#[tokio::test]
async fn rows_are_answered_as_they_were_asked_for() {
    check(&[
        (
            "countries?order=code",
            r#"[{"code":"kr","name":"Korea"},{"code":"se","name":"Sweden"}]"#,
        ),
        (
            "customers?id=eq.1&select=id,name",
            r#"[{"id":1,"name":"Ada"}]"#,
        ),
        (
            "customers?select=n:name&order=id.desc&limit=1",
            r#"[{"n":"Cy"}]"#,
        ),
        (
            "customers?select=id&order=id&offset=1",
            r#"[{"id":2},{"id":3}]"#,
        ),
        (
            "customers?select=id&id=in.(1,3)&order=id",
            r#"[{"id":1},{"id":3}]"#,
        ),
        (
            "customers?select=id&or=(id.eq.1,name.like.B*)&order=id",
            r#"[{"id":1},{"id":2}]"#,
        ),
        ("customers?select=id&country=is.null", r#"[{"id":3}]"#),
        (
            "customers?select=id,doc->a->>b&doc->a->>b=eq.7",
            r#"[{"id":1,"b":"7"}]"#,
        ),
        ("customers?limit=0", "[]"),
        ("customers?id=eq.99", "[]"),
    ])
    .await;
}

#[tokio::test]
async fn rows_come_with_what_is_embedded_in_them() {
    check(&[
        (
            "customers?select=name,countries(name)&id=eq.2",
            r#"[{"name":"Bo","countries":{"name":"Korea"}}]"#,
        ),
        (
            "customers?select=name,orders(id)&id=eq.1&orders.order=id.desc&orders.limit=1",
            r#"[{"name":"Ada","orders":[{"id":2}]}]"#,
        ),
        (
            "customers?select=id,orders!inner()&order=id",
            r#"[{"id":1},{"id":2}]"#,
        ),
    ])
    .await;
}

#[tokio::test]
async fn aggregates_are_answered_as_rows() {
    check(&[
        ("orders?select=amount.sum()", r#"[{"sum":19.50}]"#),
        ("orders?select=count()", r#"[{"count":3}]"#),
    ])
    .await;
}

#[tokio::test]
async fn content_range_and_status_say_which_rows_these_are() {
    let world = World::new().await;
    let cases: &[(&str, &[(&str, &str)], u16, &str)] = &[
        ("customers", &[], 200, "0-2/*"),
        ("customers?limit=2", &[], 200, "0-1/*"),
        ("customers?offset=1", &[], 200, "1-2/*"),
        ("customers?id=eq.9", &[], 200, "*/*"),
        ("customers", &[("prefer", "count=exact")], 200, "0-2/3"),
        (
            "customers?limit=2",
            &[("prefer", "count=exact")],
            206,
            "0-1/3",
        ),
        (
            "customers?limit=2",
            &[("prefer", "count=planned")],
            206,
            "0-1/3",
        ),
        (
            "customers",
            &[("prefer", "count=exact"), ("range", "1-1")],
            206,
            "1-1/3",
        ),
        (
            "customers",
            &[("range", "0-1"), ("range-unit", "items")],
            200,
            "0-1/*",
        ),
        (
            "customers?id=eq.9",
            &[("prefer", "count=exact")],
            200,
            "*/0",
        ),
    ];
    for (path, headers, status, range) in cases {
        let answer = world
            .ask("GET", &format!("/rest/v1/{path}"), headers, "")
            .await;
        assert_eq!(
            answer.status, *status,
            "for {path} {headers:?}: {}",
            answer.body
        );
        assert_eq!(
            answer.header("content-range"),
            Some(*range),
            "for {path} {headers:?}"
        );
    }
}

#[tokio::test]
async fn head_has_the_headers_of_get_and_no_body() {
    let world = World::new().await;
    let uri = "/rest/v1/customers?select=id&order=id";
    let prefer = [("prefer", "count=exact")];
    let get = world.ask("GET", uri, &prefer, "").await;
    let head = world.ask("HEAD", uri, &prefer, "").await;
    assert_eq!(head.status, get.status);
    assert_eq!(head.body, "");
    assert_eq!(head.header("content-range"), get.header("content-range"));
    assert_eq!(
        head.header("content-length"),
        Some(get.body.len().to_string().as_str())
    );
    let missing = world.ask("HEAD", "/rest/v1/nothing", &[], "").await;
    assert_eq!((missing.status.as_u16(), missing.body.as_str()), (404, ""));
}

#[tokio::test]
async fn other_forms_than_an_array_are_answered() {
    let world = World::new().await;
    let cases = [
        (
            "customers?id=eq.1&select=id",
            "application/vnd.pgrst.object+json",
            200,
            r#"{"id":1}"#,
        ),
        (
            "customers?select=id,name&order=id&limit=2",
            "text/csv",
            200,
            "id,name\n1,Ada\n2,Bo",
        ),
        (
            "customers?id=eq.3&select=id,country",
            "application/vnd.pgrst.array+json;nulls=stripped",
            200,
            r#"[{"id":3}]"#,
        ),
        (
            "customers?id=eq.3&select=id,country",
            "application/vnd.pgrst.object+json;nulls=stripped",
            200,
            r#"{"id":3}"#,
        ),
    ];
    for (path, accept, status, body) in cases {
        let headers = [("accept", accept)];
        let answer = world
            .ask("GET", &format!("/rest/v1/{path}"), &headers, "")
            .await;
        assert_eq!(
            (answer.status.as_u16(), answer.body.trim_end()),
            (status, body),
            "for {accept}"
        );
        let content_type = answer.header("content-type").unwrap_or_default();
        assert!(
            content_type.starts_with(accept),
            "{content_type} for {accept}"
        );
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_with_postgrest_s_codes() {
    let world = World::new().await;
    let object = ("accept", "application/vnd.pgrst.object+json");
    let cases: &[(&str, &[(&str, &str)], u16, &str)] = &[
        ("nothing", &[], 404, "PGRST205"),
        ("customers?nothing=eq.1", &[], 400, "42703"),
        ("customers?select=nothing", &[], 400, "42703"),
        ("customers?select=nothing(id)", &[], 400, "PGRST200"),
        ("customers?id=eq.x", &[], 400, "22P02"),
        ("customers?id=1", &[], 400, "PGRST100"),
        ("customers?select=a,,b", &[], 400, "PGRST100"),
        ("customers?limit=-1", &[], 416, "PGRST103"),
        ("customers", &[("range", "5-1")], 416, "PGRST103"),
        (
            "customers?offset=4",
            &[("prefer", "count=exact")],
            416,
            "PGRST103",
        ),
        ("customers", &[object], 406, "PGRST116"),
        ("customers?id=eq.9", &[object], 406, "PGRST116"),
        ("customers", &[("accept", "image/png")], 406, "PGRST107"),
        (
            "customers",
            &[("accept-profile", "private")],
            406,
            "PGRST106",
        ),
        (
            "customers",
            &[("prefer", "handling=strict, nonsense")],
            400,
            "PGRST122",
        ),
        ("customers?cursor=nonsense", &[], 400, "PGRST100"),
        ("customers?orders.id=eq.1", &[], 400, "PGRST108"),
        (
            "customers",
            &[("pando-consistency", "perhaps")],
            400,
            "consistency_malformed",
        ),
        ("rpc/function", &[], 404, "PGRST202"),
        ("a/b", &[], 404, "PGRST125"),
    ];
    for (path, headers, status, code) in cases {
        let answer = world
            .ask("GET", &format!("/rest/v1/{path}"), headers, "")
            .await;
        assert_eq!(
            answer.status, *status,
            "for {path} {headers:?}: {}",
            answer.body
        );
        assert_eq!(
            answer.code(),
            *code,
            "for {path} {headers:?}: {}",
            answer.body
        );
    }
}

#[tokio::test]
async fn pages_follow_each_other_by_cursor() {
    let world = World::new().await;
    let mut uri = "/rest/v1/customers?select=id&order=name.desc&limit=2".to_owned();
    let mut pages = Vec::new();
    loop {
        let answer = world.get(&uri).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        pages.push(answer.body.clone());
        let Some(link) = answer.header("link") else {
            break;
        };
        assert!(answer.header("pando-cursor").is_some());
        let next = link
            .strip_prefix('<')
            .and_then(|link| link.strip_suffix(">; rel=\"next\""));
        uri = next.expect("a link").to_owned();
    }
    assert_eq!(pages.concat(), r#"[{"id":3},{"id":2}][{"id":1}]"#);
}

#[tokio::test]
async fn options_tells_what_can_be_done() {
    let world = World::new().await;
    let answer = world.ask("OPTIONS", "/rest/v1/customers", &[], "").await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.header("allow"),
        Some("OPTIONS,GET,HEAD,POST,PUT,PATCH,DELETE")
    );
    let missing = world.ask("OPTIONS", "/rest/v1/nothing", &[], "").await;
    assert_eq!(
        (missing.status.as_u16(), missing.code().as_str()),
        (404, "PGRST205")
    );
    let wrong = world.ask("TRACE", "/rest/v1/customers", &[], "").await;
    assert_eq!(
        (wrong.status.as_u16(), wrong.code().as_str()),
        (405, "PGRST117")
    );
    assert!(wrong.header("allow").is_some());
}

#[tokio::test]
async fn explain_tells_the_slots_and_why() {
    let world = World::new().await;
    let explain = [("prefer", "explain")];
    let cases = [
        (
            "GET",
            "customers?id=eq.1",
            1,
            "the filters fix the shard key",
        ),
        (
            "GET",
            "customers?id=in.(1,2)",
            2,
            "the filters fix the shard key",
        ),
        (
            "GET",
            "countries",
            1,
            "every shard holds the whole of a reference table",
        ),
        (
            "GET",
            "customers?name=eq.x",
            0,
            "no filter fixes id of the shard key",
        ),
        (
            "DELETE",
            "customers?and=(id.eq.1,name.eq.x)",
            1,
            "the filters fix the shard key",
        ),
        (
            "POST",
            "customers",
            0,
            "each row goes to the slot of its shard key, and the rows are in the body",
        ),
    ];
    for (method, path, slots, why) in cases {
        let answer = world
            .ask(method, &format!("/rest/v1/{path}"), &explain, "")
            .await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.header("preference-applied"), Some("explain"));
        let told = answer.json();
        assert_eq!(
            told["slots"].as_array().map_or(0, Vec::len),
            slots,
            "for {path}: {told}"
        );
        assert_eq!(told["why"], why, "for {path}");
    }
    let kept = world.get("/rest/v1/customers?id=eq.1&select=id").await;
    assert_eq!(
        kept.body, r#"[{"id":1}]"#,
        "an explained DELETE deletes nothing"
    );
}
