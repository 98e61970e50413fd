//! What a message may be, and how it is given back.

use crate::site::Site;
use serde_json::{Value, json};

/// Publishes something, and leases it.
fn through(site: &Site, query: &str, headers: &str, body: &str) -> Value {
    let path = format!("forms/messages{query}");
    let answer = site.post_with(&path, headers, body);
    assert_eq!(answer.status, 201, "{headers}{body}: {answer:?}");
    let mut leased = site.lease("forms", &json!({}));
    assert_eq!(leased.len(), 1, "{headers}{body}");
    leased.remove(0)
}

#[test]
fn any_json_is_given_back_as_it_was() {
    let site = Site::start();
    for body in [
        "null",
        "0",
        "\"a\"",
        "[]",
        "{\"base64\":\"\"}",
        "1e400",
        "12345678901234567890",
    ] {
        let path = "forms/messages";
        let answer = site.post_with(path, "", &format!("{{\"body\":{body}}}"));
        assert_eq!(answer.status, 201, "{body}: {answer:?}");
        let leased = site.post("forms/lease", &json!({})).body;
        let told = format!("\"body\":{body},");
        assert!(leased.contains(&told), "{leased}");
        assert!(!leased.contains("content_type"), "{leased}");
    }
}

#[test]
fn json_that_a_reader_could_choke_on_is_refused_with_how_to_mend_it() {
    let site = Site::start();
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    for body in ["\"\\ud800\"", deep.as_str()] {
        let message = format!("{{\"body\":{body}}}");
        let refused = site.post_with("forms/messages", "", &message);
        assert_eq!(refused.status, 400, "{refused:?}");
        let hint = refused.json()["hint"].to_string();
        assert!(hint.contains("127 levels"), "{refused:?}");
    }
    assert!(site.lease("forms", &json!({})).is_empty());
    let headers = "Content-Type: application/octet-stream\r\n";
    let message = through(&site, "", headers, &deep);
    assert!(message["body"]["base64"].is_string(), "{message}");
}

#[test]
fn bytes_are_given_back_as_what_they_were_sent() {
    let site = Site::start();
    for (kind, body, given) in [
        ("text/plain; charset=utf-8", "héllo", json!("héllo")),
        ("application/xml", "<a/>", json!({ "base64": "PGEvPg==" })),
        ("application/vnd.x+json", "{\"a\": 1}", json!({ "a": 1 })),
        ("text/plain", "", json!("")),
    ] {
        let headers = format!("Content-Type: {kind}\r\n");
        let message = through(&site, "?ordering_key=%EA%B0%80", &headers, body);
        assert_eq!(message["body"], given, "{kind}");
        assert_eq!(message["content_type"], kind);
        assert_eq!(message["ordering_key"], "가");
        site.post("forms/ack", &json!({ "leases": [message["lease"]] }));
    }
}

#[test]
fn an_event_is_taken_in_both_modes_and_keeps_its_attributes() {
    let site = Site::start();
    let event = json!({
        "specversion": "1.0", "id": "A-1", "source": "/orders", "type": "order.paid", "times": 2,
        "subject": "7", "data": { "n": 1 },
    });
    let attributes = json!({
        "specversion": "1.0", "id": "A-1", "source": "/orders", "type": "order.paid", "times": 2,
        "subject": "7",
    });
    let structured = "Content-Type: application/cloudevents+json\r\n";
    let message = through(&site, "", structured, &event.to_string());
    assert_eq!(message["attributes"], attributes);
    assert_eq!(message["body"], json!({ "n": 1 }));
    let binary = "ce-specversion: 1.0\r\nce-id: A-1\r\nce-source: /orders\r\nce-type: order.paid\r\n\
                  Content-Type: application/json\r\n";
    let message = through(&site, "", binary, "{\"body\":1}");
    assert_eq!(message["attributes"]["type"], "order.paid");
    assert_eq!(message["body"], json!({ "body": 1 }), "no envelope");
    let headers = binary.replace("application/json", "text/plain");
    let message = through(&site, "?dedup_id=A-1", &headers, "hi");
    assert_eq!(message["body"], "hi");
    assert_eq!(message["content_type"], "text/plain");
    let bare = event.to_string().replace(",\"data\":{\"n\":1}", "");
    let message = through(
        &site,
        "",
        structured,
        &bare.replace("\"data\":{\"n\":1},", ""),
    );
    assert_eq!(message["body"], Value::Null);
}
