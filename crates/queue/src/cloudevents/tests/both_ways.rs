//! Any event through any modes, and anything at all.

use super::*;
use proptest::prelude::*;

fn text() -> impl Strategy<Value = String> {
    let allowed = any::<char>().prop_filter("no control", |char| {
        attribute::check("ext", &Attribute::String(char.to_string())).is_ok()
    });
    prop::collection::vec(allowed, 1..20).prop_map(|chars| chars.into_iter().collect())
}

const TYPES: [&str; 4] = [
    "application/json",
    "text/plain",
    "image/png",
    "application/x+json;v=1",
];

fn content_type() -> impl Strategy<Value = Option<String>> {
    prop::option::of(prop::sample::select(&TYPES[..]).prop_map(str::to_owned))
}

fn data() -> impl Strategy<Value = Option<Vec<u8>>> {
    let bytes = prop_oneof![
        prop::collection::vec(any::<u8>(), 1..40),
        ".{1,20}".prop_map(String::into_bytes),
        prop::sample::select(&["{\"a\": 1.0}", " 1", "null", "\"\\ud800\"", "{"][..])
            .prop_map(|json| json.as_bytes().to_vec()),
    ];
    prop::option::of(bytes)
}

proptest! {
    #[test]
    fn an_event_is_the_same_after_any_changes_of_its_mode(
        id in text(),
        ext in text(),
        of_type in content_type(),
        data in data(),
        (flag, number) in (any::<bool>(), any::<i32>()),
        modes in prop::collection::vec(prop::sample::select(&[Mode::Binary, Mode::Structured][..]), 1..5),
    ) {
        let required = [
            ("id", Attribute::String(id)),
            ("source", "/s".into()),
            ("specversion", "1.0".into()),
            ("type", "t".into()),
            ("ext", Attribute::String(ext)),
            ("flag", Attribute::Boolean(flag)),
            ("number", Attribute::Integer(number)),
        ];
        let of_type = of_type.map(|text| (CONTENT_TYPE, Attribute::String(text)));
        let attributes = required.into_iter().chain(of_type);
        let attributes = attributes.map(|(name, value)| (name.to_owned(), value));
        let event = Event::new(attributes, data).unwrap();
        let mut now = event.clone();
        for mode in modes {
            now = again(&now.write(mode));
            prop_assert_eq!(now.data(), event.data());
            let texts = |event: &Event| -> Vec<(String, String)> {
                event.attributes.iter().map(|(n, v)| (n.clone(), v.to_string())).collect()
            };
            prop_assert_eq!(texts(&now), texts(&event));
        }
    }

    #[test]
    fn whatever_comes_is_an_event_or_none_or_refused(
        headers in prop::collection::vec(("(ce-)?[a-z]{0,12}|content-type|ce-(id|type|source|specversion)", any::<Vec<u8>>()), 0..8),
        structured: bool,
        body in prop_oneof![any::<Vec<u8>>(), "[{}\"a-z:,0-9 ]{0,60}".prop_map(String::into_bytes)],
    ) {
        let of_type = structured.then_some(("content-type", &b"application/cloudevents+json"[..]));
        let others = headers.iter().map(|(name, value)| (name.as_str(), value.as_slice()));
        let _ = Event::read(of_type.into_iter().chain(others), &body);
    }
}
