//! What is too much is refused before it costs anything.

use crate::world::{Answer, World, request};
use bytes::Bytes;
use http::Request;
use http_body_util::StreamBody;
use hyper::body::Frame;
use pando_web::{Exposure, Limits, WebConfig};
use std::convert::Infallible;
use std::time::Duration;

fn limited(limits: Limits) -> WebConfig {
    WebConfig {
        limits,
        ..WebConfig::default()
    }
}

#[tokio::test]
async fn a_body_that_says_it_is_too_large_is_not_read() {
    let config = limited(Limits {
        max_body: 30,
        ..Limits::default()
    });
    let world = World::with(config).await;
    let exact = r#"{"id":70,"name":"0123456789ab"}"#;
    let large = world.ask("POST", "/rest/v1/customers", &[], exact).await;
    assert_eq!(exact.len(), 31);
    assert_eq!(
        (large.status.as_u16(), large.code().as_str()),
        (413, "body_too_large")
    );
    let fits = world
        .ask(
            "POST",
            "/rest/v1/customers",
            &[],
            r#"{"id":70,"name":"0123456789"}"#,
        )
        .await;
    assert_eq!(fits.status, 201, "{}", fits.body);
}

#[tokio::test]
async fn a_body_of_unknown_length_is_cut_at_the_limit() {
    let config = limited(Limits {
        max_body: 1_000,
        ..Limits::default()
    });
    let world = World::with(config).await;
    let endless = futures_util::stream::repeat_with(|| {
        Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"[[[[[[[[[[")))
    });
    let request = Request::post("/rest/v1/customers")
        .header("host", "localhost")
        .body(StreamBody::new(endless))
        .expect("a request");
    let answer = Answer::of(world.web.handle(request, Exposure::Loopback).await).await;
    assert_eq!(answer.status, 413);
}

#[tokio::test]
async fn a_body_that_does_not_arrive_in_time_is_given_up() {
    let config = limited(Limits {
        request_timeout: Duration::from_millis(20),
        ..Limits::default()
    });
    let world = World::with(config).await;
    let silent = futures_util::stream::pending::<Result<Frame<Bytes>, Infallible>>();
    let request = Request::post("/rest/v1/customers")
        .header("host", "localhost")
        .body(StreamBody::new(silent))
        .expect("a request");
    let answer = Answer::of(world.web.handle(request, Exposure::Loopback).await).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (408, "request_timeout")
    );
}

#[tokio::test]
async fn long_uris_and_many_headers_are_refused() {
    let config = limited(Limits {
        max_uri: 100,
        max_headers: 5,
        max_header_bytes: 200,
        ..Limits::default()
    });
    let world = World::with(config).await;
    let uri = format!("/rest/v1/customers?name=eq.{}", "x".repeat(100));
    let answer = world.get(&uri).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (414, "uri_too_long")
    );
    let many = [("a", "1"), ("b", "2"), ("c", "3"), ("d", "4"), ("e", "5")];
    let answer = world.ask("GET", "/rest/v1/customers", &many, "").await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (431, "headers_too_large")
    );
    let big = "x".repeat(200);
    let answer = world
        .ask("GET", "/rest/v1/customers", &[("a", &big)], "")
        .await;
    assert_eq!(answer.status, 431);
}

#[tokio::test]
async fn more_requests_than_allowed_are_told_to_come_back() {
    let config = limited(Limits {
        max_requests: 0,
        ..Limits::default()
    });
    let world = World::with(config).await;
    let answer = world.get("/rest/v1/customers").await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (503, "busy")
    );
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(
        world.get("/livez").await.status,
        200,
        "probes are always answered"
    );
}

#[tokio::test]
async fn no_bytes_in_path_query_or_headers_make_a_500() {
    let world = World::new().await;
    let hostile = [
        "'; DROP TABLE customers; --",
        "\" OR 1=1 --",
        "%00",
        "%FF",
        "../../etc/passwd",
        "%2e%2e",
        "((((((((",
        "{\"a\":",
        "eq.",
        "not.",
        "in.(",
        "->>",
        "::",
        "\\",
        "%",
        "+",
        "한글",
        "9999999999999999999999",
        "-1",
        "NaN",
        "1e400",
        "\u{202e}",
    ];
    let encode = |text: &str| {
        percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
    };
    for text in hostile {
        let raw = encode(text);
        for uri in [
            format!("/rest/v1/{raw}"),
            format!("/rest/v1/customers?{raw}={raw}"),
            format!("/rest/v1/customers?id=eq.{raw}"),
            format!("/rest/v1/customers?name={raw}"),
            format!("/rest/v1/customers?select={raw}"),
            format!("/rest/v1/customers?order={raw}"),
            format!("/rest/v1/customers?or={raw}"),
            format!("/rest/v1/customers?limit={raw}&offset={raw}"),
            format!("/rest/v1/customers?cursor={raw}"),
            format!("/rest/v1/customers?select=doc->{raw}"),
            format!("/rest/v1/customers?name=fts({raw}).{raw}"),
            format!("/rest/v1/customers?name=match.{raw}"),
        ] {
            for (method, body) in [("GET", ""), ("POST", text), ("PATCH", text), ("DELETE", "")] {
                let request = request(method, &uri, &[], body);
                let answer = Answer::of(world.web.handle(request, Exposure::Loopback).await).await;
                assert!(
                    !answer.status.is_server_error(),
                    "{method} {uri}: {answer:?}"
                );
                if answer.status.is_client_error() {
                    answer.code();
                }
            }
        }
    }
    let kept = world.get("/rest/v1/customers?select=id&order=id").await;
    assert_eq!(kept.body, r#"[{"id":1},{"id":2},{"id":3}]"#);
}
