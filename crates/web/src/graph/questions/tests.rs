use super::*;
use proptest::prelude::*;

#[test]
fn lists_have_commas_between_their_items() {
    for (text, items) in [
        ("a", Some(vec!["a"])),
        ("a,b", Some(vec!["a", "b"])),
        (r#""a,b",c"#, Some(vec!["a,b", "c"])),
        (r#""a\"b""#, Some(vec!["a\"b"])),
        ("a b", Some(vec!["a b"])),
        ("", None),
        ("a,", None),
        ("\"a", None),
        ("\"a\"b", None),
    ] {
        assert_eq!(
            listed("x", text).ok().as_deref(),
            items
                .as_deref()
                .map(|all| { all.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>() })
                .as_deref(),
            "{text}"
        );
    }
}

proptest! {
    #[test]
    fn a_list_gives_back_what_was_put_into_it(items in prop::collection::vec(".{1,6}", 1..5)) {
        let quoted = items.iter().map(|item| {
            format!("\"{}\"", item.replace('\\', "\\\\").replace('"', "\\\""))
        });
        let text = quoted.collect::<Vec<_>>().join(",");
        prop_assert_eq!(listed("x", &text).ok(), Some(items));
    }

    #[test]
    fn no_text_makes_reading_conditions_panic(text in ".{0,60}") {
        let _ = conditions_of("where", &text);
        let _ = listed("x", &text);
    }
}
