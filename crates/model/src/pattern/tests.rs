use super::*;
use proptest::prelude::*;
use std::time::{Duration, Instant};

#[test]
fn the_prefix_ends_at_the_first_wildcard() {
    for (pattern, prefix) in [
        ("abc", "abc"),
        ("ab%c", "ab"),
        ("a_c", "a"),
        ("%a", ""),
        ("a\\%b%", "a%b"),
        ("é\\_%", "é_"),
    ] {
        let like = Pattern::new(PatternKind::Like, pattern).unwrap();
        assert_eq!(like.literal_prefix(), prefix, "{pattern}");
    }
    let insensitive = Pattern::new(PatternKind::ILike, "abc").unwrap();
    assert_eq!(insensitive.literal_prefix(), "");
}

#[test]
fn case_is_folded_in_ascii_only() {
    let check = |kind, pattern, text| Pattern::new(kind, pattern).unwrap().is_match(text);
    assert!(check(PatternKind::ILike, "a_B%", "AxbÉ"));
    assert!(!check(PatternKind::ILike, "é", "É"));
    assert!(!check(PatternKind::RegexInsensitive, "é", "É"));
    // The Kelvin sign and the long s fold to ASCII in Unicode.
    assert!(!check(PatternKind::RegexInsensitive, "[a-z]", "\u{212a}"));
    assert!(!check(PatternKind::RegexInsensitive, "s", "\u{17f}"));
}

#[test]
fn what_only_one_engine_has_is_refused_with_a_hint() {
    for pattern in [
        "(a)\\1", "(?=a)", "(?!a)", "(?<=a)", "(?<n>a)", "(?P<n>a)", "(?i)a", "(?i:a)", "***=a",
        "\\ma", "\\M", "\\y", "\\Y", "\\b", "\\B", "\\x41", "\\0", "\\cA", "[[.a.]]", "[[=a=]]",
        "[[:<:]]", "\\p{L}", "\\pL", "[\\D]",
    ] {
        let refusal = Pattern::new(PatternKind::Regex, pattern).unwrap_err();
        assert_eq!(refusal.code, "2201B", "{pattern}");
        assert!(refusal.hint.is_some(), "{pattern}: {refusal:?}");
    }
}

#[test]
fn an_escape_at_the_end_of_like_is_refused() {
    for kind in [PatternKind::Like, PatternKind::ILike] {
        assert_eq!(Pattern::new(kind, "a\\").unwrap_err().code, "22025");
    }
}

#[test]
fn large_and_nested_patterns_are_refused() {
    for pattern in [
        "a".repeat(5000),
        "(".repeat(1000),
        "((a{255}){255}){255}".into(),
    ] {
        let refusal = Pattern::new(PatternKind::Regex, &pattern).unwrap_err();
        assert_eq!(
            refusal.message,
            "invalid regular expression: regular expression is too complex"
        );
    }
}

#[test]
fn no_pattern_takes_exponential_time() {
    let text = "a".repeat(2000);
    let started = Instant::now();
    for (kind, pattern) in [
        (PatternKind::Like, "%a".repeat(100) + "b"),
        (PatternKind::Like, "%_a".repeat(100) + "b"),
        (PatternKind::Regex, "(a*)*b".into()),
        (PatternKind::Regex, "(a|a)*b".into()),
    ] {
        assert!(!Pattern::new(kind, &pattern).unwrap().is_match(&text));
    }
    assert!(started.elapsed() < Duration::from_secs(5));
}

/// LIKE by its definition, slowly.
fn like_by_definition(pattern: &[char], text: &[char]) -> bool {
    match (pattern.first(), text.first()) {
        (None, first) => first.is_none(),
        (Some('%'), _) => {
            (0..=text.len()).any(|skip| like_by_definition(&pattern[1..], &text[skip..]))
        }
        (Some('_'), Some(_)) => like_by_definition(&pattern[1..], &text[1..]),
        (Some('\\'), Some(c)) => pattern[1] == *c && like_by_definition(&pattern[2..], &text[1..]),
        (Some(p), Some(c)) => p == c && like_by_definition(&pattern[1..], &text[1..]),
        (Some(_), None) => false,
    }
}

proptest! {
    #[test]
    fn like_means_what_its_definition_says(
        pattern in "([ab%_é]|\\\\[ab%_]){0,7}",
        text in "[abé%_]{0,8}",
    ) {
        let chars = |text: &str| text.chars().collect::<Vec<char>>();
        prop_assert_eq!(
            Pattern::new(PatternKind::Like, &pattern).unwrap().is_match(&text),
            like_by_definition(&chars(&pattern), &chars(&text))
        );
    }

    #[test]
    fn a_match_begins_with_the_prefix(pattern in "[ab%_]{0,6}", text in "[ab]{0,6}") {
        let like = Pattern::new(PatternKind::Like, &pattern).unwrap();
        prop_assert!(!like.is_match(&text) || text.starts_with(like.literal_prefix()));
    }

    #[test]
    fn no_pattern_makes_the_compiler_panic(
        pattern in "\\PC{0,16}|[-a-dDwWsS0-9()\\[\\]{},.^$|*+?:=<>\\\\é]{0,16}",
        text in "\\PC{0,8}",
    ) {
        for kind in [
            PatternKind::Like,
            PatternKind::ILike,
            PatternKind::Regex,
            PatternKind::RegexInsensitive,
        ] {
            match Pattern::new(kind, &pattern) {
                Ok(compiled) => {
                    compiled.is_match(&text);
                }
                Err(refusal) => {
                    prop_assert!(["2201B", "22025"].contains(&&*refusal.code));
                    // Whatever the checker let through was well-formed.
                    prop_assert!(!refusal.message.ends_with("too complex"), "{}", refusal);
                }
            }
        }
    }
}
