use super::*;

#[test]
fn a_content_type_names_a_format_or_is_unsupported() {
    for (content_type, body) in [
        (None, "[1]"),
        (Some("application/json"), "[1]"),
        (Some("Application/JSON ; charset=UTF-8"), "\u{feff}[1]"),
        (Some("text/yaml; charset=\"utf-8\""), "- 1"),
        (Some("application/x-yaml"), "- 1"),
        (
            Some("text/xml;charset=us-ascii"),
            "<a json:type='array'><b json:type='number'>1</b></a>",
        ),
    ] {
        assert_eq!(
            read(content_type, body.as_bytes()).as_deref(),
            Ok("[1]"),
            "{content_type:?}"
        );
    }
    for content_type in [
        "",
        "text/plain",
        "application/merge-patch+json",
        "application/json; charset=euc-kr",
        "text/xml;charset=utf-16",
    ] {
        let error = read(Some(content_type), b"[1]").unwrap_err();
        assert_eq!(error.kind(), Unsupported, "{content_type:?}");
    }
}

#[test]
fn the_best_of_what_is_accepted_is_written() {
    for (accept, expected) in [
        (None, "application/json; charset=utf-8"),
        (Some(""), "application/json; charset=utf-8"),
        (Some("*/*"), "application/json; charset=utf-8"),
        (
            Some("text/html, application/*;q=0.8"),
            "application/json; charset=utf-8",
        ),
        (Some("application/yaml"), "application/yaml"),
        (Some("TEXT/YAML"), "text/yaml; charset=utf-8"),
        (
            Some("application/json;q=0.5, application/bson"),
            "application/bson",
        ),
        (
            Some("application/xml, application/yaml"),
            "application/xml; charset=utf-8",
        ),
        (
            Some("application/xml;q=0, application/yaml;q=0.1"),
            "application/yaml",
        ),
        (
            Some("application/xml; Q=0.2, application/yaml; q=0.3"),
            "application/yaml",
        ),
    ] {
        let (content_type, _) = write(accept, "{}").unwrap();
        assert_eq!(content_type, expected, "{accept:?}");
    }
    for accept in ["text/html", "application/json;q=0", "image/*"] {
        assert_eq!(
            write(Some(accept), "{}").unwrap_err().kind(),
            Unsupported,
            "{accept}"
        );
    }
}

#[test]
fn errors_have_the_statuses_of_the_contract() {
    for (kind, status) in [
        (Unsupported, 415),
        (Malformed, 400),
        (TooLarge, 413),
        (Unrepresentable, 406),
    ] {
        let error = ApiError::from(MediaError::new(kind, "why"));
        assert_eq!(error.status_code().as_u16(), status, "{kind:?}");
    }
}
