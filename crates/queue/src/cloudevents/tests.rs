//! Events of the specification's own examples, both ways, and what is refused.

mod both_ways;
mod refused;

use super::*;

fn read(headers: &[(&str, &str)], body: &[u8]) -> Result<Option<Event>, EventError> {
    let headers = headers
        .iter()
        .map(|(name, value)| (*name, value.as_bytes()));
    Event::read(headers, body)
}

fn again(message: &HttpMessage) -> Event {
    let headers = message
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()));
    Event::read(headers, &message.body).unwrap().unwrap()
}

fn structured(json: &str) -> Result<Option<Event>, EventError> {
    read(
        &[(
            "Content-Type",
            "application/cloudevents+json; charset=UTF-8",
        )],
        json.as_bytes(),
    )
}

const BINARY: [(&str, &str); 5] = [
    ("ce-specversion", "1.0"),
    ("ce-type", "com.example.someevent"),
    ("ce-source", "/mycontext"),
    ("ce-id", "C234-1234-1234"),
    ("Content-Type", "application/json"),
];

/// JSON 3.2: each example, and what it is in binary mode.
#[test]
fn the_examples_of_the_specification_become_the_messages_that_it_shows() {
    for (id, members, content_type, body) in [
        (
            "A234-1234-1234",
            r#""datacontenttype": "application/vnd.apache.thrift.binary", "data_base64": "AAEC/w==""#,
            "application/vnd.apache.thrift.binary",
            &b"\x00\x01\x02\xff"[..],
        ),
        (
            "B234-1234-1234",
            r#""unsetextension": null, "datacontenttype": "application/xml", "data": "<much wow=\"xml\"/>""#,
            "application/xml",
            br#"<much wow="xml"/>"#,
        ),
        (
            "C234-1234-1234",
            r#""subject": null, "datacontenttype": "application/json", "data": {"appinfoA": "abc", "appinfoB": 1.50, "appinfoC": true}"#,
            "application/json",
            br#"{"appinfoA": "abc", "appinfoB": 1.50, "appinfoC": true}"#,
        ),
        (
            "D234-1234-1234",
            r#""subject": null, "data": "I'm just a string""#,
            "application/json",
            br#""I'm just a string""#,
        ),
        ("E", r#""data": null"#, "application/json", b"null"),
    ] {
        let json = format!(
            r#"{{"specversion": "1.0", "type": "com.example.someevent", "source": "/mycontext",
            "id": "{id}", "time": "2018-04-05T17:31:00Z", "comexampleextension1": "value",
            "comexampleothervalue": 5, {members}}}"#
        );
        let event = structured(&json).unwrap().unwrap();
        let message = event.write(Mode::Binary);
        let expected = [
            ("ce-comexampleextension1", "value"),
            ("ce-comexampleothervalue", "5"),
            ("content-type", content_type),
            ("ce-id", id),
            ("ce-source", "/mycontext"),
            ("ce-specversion", "1.0"),
            ("ce-time", "2018-04-05T17:31:00Z"),
            ("ce-type", "com.example.someevent"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(message.headers, expected);
        assert_eq!(message.body, body, "{id}");
        assert_eq!(again(&event.write(Mode::Structured)), event, "{id}");
    }
}

#[test]
fn a_binary_message_is_an_event_whatever_the_case_of_its_headers() {
    let headers = BINARY.map(|(name, value)| (name.to_ascii_uppercase(), value));
    let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (n.as_str(), *v)).collect();
    let event = read(&headers, b"{}").unwrap().unwrap();
    assert_eq!(
        (
            event.id(),
            event.source(),
            event.ty(),
            event.content_type(),
            event.data()
        ),
        (
            "C234-1234-1234",
            "/mycontext",
            "com.example.someevent",
            Some("application/json"),
            Some(&b"{}"[..])
        )
    );
    assert_eq!(read(&BINARY, b"").unwrap().unwrap().data(), None);
}

#[test]
fn a_message_without_a_required_attribute_in_its_headers_is_no_event() {
    for headers in [
        &[][..],
        &[("content-type", "application/json")],
        &[("ce-custom", "1"), ("x-ce-id", "1")],
    ] {
        assert_eq!(read(headers, b"{}"), Ok(None));
    }
}

/// HTTP 3.1.3.2, with its example.
#[test]
fn a_value_is_percent_encoded_in_a_header_and_read_as_older_versions_wrote_it_too() {
    let euro = "Euro \u{20ac} \u{1f600}";
    let attributes = [
        ("id", euro),
        ("source", "/a"),
        ("specversion", "1.0"),
        ("type", "100% \"sure\"~!"),
    ]
    .map(|(name, value)| (name.to_owned(), value.into()));
    let event = Event::new(attributes, None).unwrap();
    let headers = event.write(Mode::Binary).headers;
    assert_eq!(headers[0].1, "Euro%20%E2%82%AC%20%F0%9F%98%80");
    assert_eq!(headers[3].1, "100%25%20%22sure%22~!");
    assert_eq!(again(&event.write(Mode::Binary)), event);
    for (header, expected) in [
        ("Euro%20%e2%82%ac%20%f0%9f%98%80", euro),
        ("%45uro %E2%82%AC%20%F0%9F%98%80", euro),
        (r#""Euro %E2%82%AC %F0%9F%98%80""#, euro),
        (r#""a \"b\" \\ %25""#, r#"a "b" \ %"#),
        ("  padded  ", "padded"),
        ("%2525", "%25"),
    ] {
        let mut headers = BINARY;
        headers[3].1 = header;
        assert_eq!(
            read(&headers, b"").unwrap().unwrap().id(),
            expected,
            "{header}"
        );
    }
}

#[test]
fn a_format_that_is_not_read_is_refused_and_not_taken_for_data() {
    for media_type in [
        "application/cloudevents-batch+json",
        "application/cloudevents+avro",
        "application/cloudevents",
        "Application/CloudEvents+xml",
        "application/cloudevents+json; charset=iso-8859-1",
    ] {
        let refused = read(&[("content-type", media_type)], b"{}").unwrap_err();
        assert_eq!(
            refused,
            EventError::Format {
                media_type: media_type.to_owned()
            }
        );
    }
    let json = br#"{"specversion":"1.0","type":"t","source":"/s","id":"1"}"#;
    for media_type in [
        "application/cloudevents+json",
        "Application/CloudEvents+JSON;charset=\"UTF-8\"",
    ] {
        assert!(
            read(&[("content-type", media_type)], json)
                .unwrap()
                .is_some(),
            "{media_type}"
        );
    }
}

#[test]
fn a_timestamp_is_of_rfc_3339_and_of_the_calendar() {
    for (time, is_right) in [
        ("2018-04-05T17:31:00Z", true),
        ("2018-04-05t17:31:00z", true),
        ("2018-04-05T17:31:00.123456789012Z", true),
        ("2018-04-05T17:31:00+09:00", true),
        ("2016-12-31T23:59:60Z", true),
        ("2024-02-29T00:00:00-00:00", true),
        ("2018-04-05T17:31:00", false),
        ("2018-04-05T17:31Z", false),
        ("2018-04-05T17:31:00.Z", false),
        ("2018-04-05T25:31:00Z", false),
        ("2018-04-05T17:31:00+0900", false),
        ("2018-04-05T17:31:00Z[UTC]", false),
        ("20180405T173100Z", false),
        ("2018-04-05", false),
    ] {
        let found = attribute::check("time", &time.into()).is_ok();
        assert_eq!(found, is_right, "{time}");
    }
}
