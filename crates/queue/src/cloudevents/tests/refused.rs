//! What is refused, and in which words.

use super::*;

/// A header, its value, and what is said of it.
const WRONG: &[(&str, &str, &str)] = &[
    (
        "ce-id",
        "%C0%A0",
        "the header ce-id is percent-encoded, but not as UTF-8",
    ),
    (
        "ce-id",
        "100%",
        "the header ce-id has a % without two hexadecimal digits behind it: write %25 for one",
    ),
    (
        "ce-id",
        "caf\u{e9}",
        "the header ce-id is not of printable ASCII: percent-encode it, as UTF-8",
    ),
    (
        "ce-id",
        "\"a",
        "the header ce-id has a double quote that is not closed: write %22 for one",
    ),
    (
        "ce-id",
        "\"a\\",
        "the header ce-id ends in a backslash: what it escapes is missing",
    ),
    (
        "ce-id",
        "a%00b",
        "the header ce-id has U+0000 at byte 1: control characters and noncharacters are not allowed",
    ),
    (
        "ce-id",
        "",
        "the header ce-id is empty: it must say something, or be left out if it is optional",
    ),
    (
        "ce-specversion",
        "0.3",
        "the header ce-specversion is \"0.3\": it must be 1.0",
    ),
    (
        "ce-source",
        "/a%20b",
        "the header ce-source is \"/a b\": it must be a URI reference (RFC 3986), with anything else percent-encoded",
    ),
    (
        "ce-time",
        "2018-04-05 17:31:00Z",
        "the header ce-time is \"2018-04-05 17:31:00Z\": it must be a timestamp (RFC 3339), such as 2018-04-05T17:31:00Z",
    ),
    (
        "ce-dataschema",
        "/schema",
        "the header ce-dataschema is \"/schema\": it must be a URI with a scheme (RFC 3986)",
    ),
    (
        "ce-my_ext",
        "1",
        "the header ce-my_ext has no name of an attribute: it must be of a to z in lower case and 0 to 9, 64 at most",
    ),
    (
        "ce-data",
        "1",
        "the header ce-data is reserved: the data is the body",
    ),
    (
        "ce-datacontenttype",
        "text/plain",
        "the attribute \"datacontenttype\" is a header of its own: in binary mode it must be content-type",
    ),
    (
        "content-type",
        "json",
        "the header content-type is \"json\": it must be a media type (RFC 2046), such as application/json",
    ),
];

#[test]
fn what_is_wrong_in_a_header_is_told_with_the_header_and_how_to_mend_it() {
    for (header, value, expected) in WRONG {
        let mut headers: Vec<(&str, &str)> = BINARY.to_vec();
        headers.retain(|(name, _)| !name.eq_ignore_ascii_case(header));
        headers.push((*header, *value));
        assert_eq!(read(&headers, b"").unwrap_err().to_string(), *expected);
    }
}

#[test]
fn what_is_missing_or_there_twice_or_too_much_is_told_with_the_header() {
    for (name, _) in &BINARY[..4] {
        let headers: Vec<_> = BINARY
            .into_iter()
            .filter(|(other, _)| other != name)
            .collect();
        let expected =
            format!("the header {name} is missing: an event has id, source, specversion and type");
        assert_eq!(read(&headers, b"").unwrap_err().to_string(), expected);
        let twice: Vec<_> = BINARY.into_iter().chain([(*name, "1.0")]).collect();
        let expected = format!("the header {name} is there twice: leave one out");
        assert_eq!(read(&twice, b"").unwrap_err().to_string(), expected);
    }
    let names: Vec<String> = (0..64).map(|n| format!("ce-x{n}")).collect();
    let many: Vec<_> = BINARY
        .into_iter()
        .chain(names.iter().map(|n| (n.as_str(), "1")))
        .collect();
    assert_eq!(read(&many, b""), Err(EventError::TooMany));
}

#[test]
fn what_is_wrong_in_a_body_is_told_with_the_member_and_how_to_mend_it() {
    for (members, expected) in [
        (r#""id": 5"#, "the member \"id\" is 5: it must be a string"),
        (
            r#""id": null"#,
            "the member \"id\" is missing: an event has id, source, specversion and type",
        ),
        (
            r#""id": "1", "Ext": 1"#,
            "the member \"Ext\" has no name of an attribute",
        ),
        (
            r#""id": "1", "ext": 1.5"#,
            "the member \"ext\" must be a string, a truth value or a whole number of 32 bits",
        ),
        (
            r#""id": "1", "ext": 2147483648"#,
            "the member \"ext\" must be a string, a truth value or a whole number",
        ),
        (
            r#""id": "1", "ext": {}"#,
            "the member \"ext\" must be a string, a truth value or a whole number",
        ),
        (
            r#""id": "1", "id": "1""#,
            "the event's body is not the JSON object of an event: the member \"id\" is there twice at line 1 column",
        ),
        (
            r#""id": "1", "data": 1, "data_base64": "AA==""#,
            "the member \"data\" is there besides data_base64: leave one out",
        ),
        (
            r#""id": "1", "data_base64": "A""#,
            "the member \"data_base64\" must be a string in Base64",
        ),
        (
            r#""id": "1", "data_base64": 5"#,
            "the member \"data_base64\" must be a string in Base64",
        ),
        (
            r#""id": "1", "datacontenttype": "text/plain", "data": {}"#,
            "the member \"data\" must be a string, as the content type is \"text/plain\"",
        ),
        (
            r#""id": "1", "time": "2018-02-30T00:00:00Z""#,
            "the member \"time\" is \"2018-02-30T00:00:00Z\": it must be a timestamp",
        ),
    ] {
        let json = format!(r#"{{"specversion": "1.0", "type": "t", "source": "/s", {members}}}"#);
        let refused = structured(&json).unwrap_err().to_string();
        assert!(refused.starts_with(expected), "{members}: {refused}");
    }
    for (body, expected) in [
        (
            "[]",
            "the event's body is not the JSON object of an event: invalid type: sequence, expected an object at line 1",
        ),
        (
            "{\n\"id\": }",
            "the event's body is not the JSON object of an event: expected value at line 2 column 7",
        ),
        (
            "",
            "the event's body is not the JSON object of an event: EOF",
        ),
    ] {
        let refused = structured(body).unwrap_err().to_string();
        assert!(refused.starts_with(expected), "{body}: {refused}");
    }
}
