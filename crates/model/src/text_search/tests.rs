use super::*;
use proptest::prelude::*;

fn check(form: QueryForm, query: &str, text: &str) -> bool {
    TextQuery::new(form, query).unwrap().is_match(text)
}

#[test]
fn words_are_runs_of_letters_and_digits_in_lower_case() {
    assert!(check(QueryForm::Fts, "été", "L'ÉTÉ!"));
    assert!(check(QueryForm::Fts, "바다", "푸른 바다, 하늘"));
    assert!(check(QueryForm::Fts, "foo-bar", "foo / bar"));
    assert!(check(QueryForm::Phrase, "3.14", "pi is 3.14"));
    assert!(!check(QueryForm::Fts, "foo", "foobar"));
    assert!(check(QueryForm::Fts, "foo:*", "foobar"));
}

#[test]
fn a_query_without_words_matches_nothing() {
    for form in [
        QueryForm::Fts,
        QueryForm::Plain,
        QueryForm::Phrase,
        QueryForm::Websearch,
    ] {
        for query in ["", "  "] {
            assert!(!check(form, query, ""));
            assert!(!check(form, query, "a"));
        }
    }
}

#[test]
fn what_is_malformed_or_too_large_is_refused() {
    for (query, code) in [
        ("a b", "42601"),
        ("a &", "42601"),
        ("(a", "42601"),
        ("a:A", "0A000"),
        ("a <99999> b", "22023"),
        (&"(".repeat(1000), "54001"),
        (&"!".repeat(1000), "54001"),
        (&["a"; 300].join("&"), "54000"),
        (&"a".repeat(20_000), "54000"),
    ] {
        assert_eq!(
            TextQuery::new(QueryForm::Fts, query).unwrap_err().code,
            code
        );
    }
}

#[test]
fn a_web_search_reads_quotes_or_and_minus() {
    let query = "\"fat rat\" or cat -dog";
    assert!(check(QueryForm::Websearch, query, "a fat rat and a dog"));
    assert!(check(QueryForm::Websearch, query, "cat"));
    assert!(!check(QueryForm::Websearch, query, "cat and dog"));
    assert!(!check(QueryForm::Websearch, query, "fat big rat"));
}

proptest! {
    #[test]
    fn no_query_makes_a_parser_panic(
        query in "\\PC{0,20}|[ab&|!<>0-9()':*\\\\\" -]{0,20}",
        text in "[ab ]{0,8}",
    ) {
        for form in [QueryForm::Fts, QueryForm::Plain, QueryForm::Phrase] {
            if let Ok(query) = TextQuery::new(form, &query) {
                query.is_match(&text);
            }
        }
        // A web search of this size never fails.
        TextQuery::new(QueryForm::Websearch, &query).unwrap().is_match(&text);
    }

    #[test]
    fn not_is_the_complement(word in "[ab]{1,2}", text in "[ab ]{0,8}") {
        let negated = format!("!{word}");
        prop_assert_ne!(check(QueryForm::Fts, &negated, &text), check(QueryForm::Fts, &word, &text));
    }
}

#[test]
fn a_query_is_written_as_tsquery_reads_it() {
    for (form, source, expected) in [
        (QueryForm::Fts, "fat & !cat", "('fat' & !('cat'))"),
        (QueryForm::Fts, "Cat:* | rat", "('cat':* | 'rat')"),
        (QueryForm::Fts, "fat <3> rat", "('fat' <3> 'rat')"),
        (QueryForm::Phrase, "fat rat", "('fat' <1> 'rat')"),
        (QueryForm::Plain, "!", ""),
    ] {
        let query = TextQuery::new(form, source).unwrap();
        assert_eq!(query.to_tsquery(), expected, "{source}");
    }
}
