//! Routing against RabbitMQ's own examples, and against a naive matcher.

use super::*;
use proptest::prelude::*;

fn topic(bindings: &[(&str, &'static str)]) -> Router<&'static str> {
    Router::compile(Exchange::Topic, bindings.iter().copied()).unwrap()
}

fn routed(router: &Router<&'static str>, key: &str) -> Vec<&'static str> {
    router.route(key).unwrap().into_iter().copied().collect()
}

#[test]
fn a_topic_routes_as_the_tutorial_of_rabbitmq_says() {
    let router = topic(&[("*.orange.*", "Q1"), ("*.*.rabbit", "Q2"), ("lazy.#", "Q2")]);
    for (key, expected) in [
        ("quick.orange.rabbit", &["Q1", "Q2"][..]),
        ("lazy.orange.elephant", &["Q1", "Q2"]),
        ("quick.orange.fox", &["Q1"]),
        ("lazy.brown.fox", &["Q2"]),
        ("lazy.pink.rabbit", &["Q2"]),
        ("quick.brown.fox", &[]),
        ("orange", &[]),
        ("quick.orange.new.rabbit", &[]),
        ("lazy.orange.new.rabbit", &["Q2"]),
        ("lazy", &["Q2"]),
    ] {
        assert_eq!(routed(&router, key), expected, "{key}");
    }
}

#[test]
fn a_pattern_matches_what_it_says() {
    for (pattern, matched, missed) in [
        ("a.b", &["a.b"][..], &["a", "a.b.c", "A.b", "b.a", ""][..]),
        ("*", &["a", "*", "#"], &["", "a.b", "."]),
        ("#", &["", "a", "a.b", ".", "..", "#"], &[]),
        ("", &[""], &["a", "."]),
        ("*.*", &["a.b", "."], &["a", "a.b.c", ""]),
        ("a.*.b", &["a.x.b", "a..b"], &["a.b", "a.x.y.b"]),
        (
            "a.#.b",
            &["a.b", "a.x.b", "a.x.y.b", "a..b", "a.b.b"],
            &["a", "b", "a.b.c"],
        ),
        ("#.a", &["a", "x.a", "a.a"], &["", "a.x"]),
        ("a.#", &["a", "a.x", "a."], &["", "x.a"]),
        ("#.#", &["", "a", "a.b"], &[]),
        ("#.*", &["a", "a.b", "."], &[""]),
        ("*.#.*", &["a.b", "a.b.c"], &["a", ""]),
        ("#.a.#.a.#", &["a.a", "x.a.y.a.z"], &["a", "x.a.y"]),
        ("한국.#", &["한국", "한국.서울"], &["서울"]),
    ] {
        let router = topic(&[(pattern, "Q")]);
        for key in matched {
            assert_eq!(routed(&router, key), ["Q"], "{pattern} {key:?}");
        }
        for key in missed {
            assert_eq!(routed(&router, key), [""; 0], "{pattern} {key:?}");
        }
    }
}

#[test]
fn a_direct_exchange_goes_by_the_same_key_and_fan_out_by_none() {
    let bindings = [
        ("a", "Q1"),
        ("b", "Q2"),
        ("a", "Q3"),
        ("a", "Q1"),
        ("*", "Q4"),
    ];
    let direct = Router::compile(Exchange::Direct, bindings).unwrap();
    for (key, expected) in [
        ("a", &["Q1", "Q3"][..]),
        ("b", &["Q2"]),
        ("c", &[]),
        ("*", &["Q4"]),
        ("", &[]),
    ] {
        assert_eq!(routed(&direct, key), expected, "{key}");
    }
    let fanout = Router::compile(Exchange::Fanout, bindings).unwrap();
    for key in ["a", "", "anything.at.all"] {
        assert_eq!(routed(&fanout, key), ["Q1", "Q2", "Q3", "Q4"], "{key}");
    }
}

#[test]
fn what_is_too_long_or_no_pattern_is_refused_with_what_may_be() {
    let long = "k".repeat(256);
    let compile = |exchange, pattern: &str| {
        Router::compile(exchange, [(pattern, 1)])
            .unwrap_err()
            .to_string()
    };
    for (found, expected) in [
        (
            compile(Exchange::Direct, &long),
            "the binding has 256 bytes: it must have at most 255",
        ),
        (
            compile(Exchange::Topic, "orders.*eu.#"),
            "the binding \"orders.*eu.#\" has the word \"*eu\": * and # stand for whole words, so \
             they must be alone between dots",
        ),
        (
            topic(&[("#", "Q")]).route(&long).unwrap_err().to_string(),
            "the routing key has 256 bytes: it must have at most 255",
        ),
        (
            "headers".parse::<Exchange>().unwrap_err().to_string(),
            "no exchange is called \"headers\"; there are direct, topic and fanout",
        ),
    ] {
        assert_eq!(found, expected);
    }
    for exchange in Exchange::ALL {
        assert_eq!(exchange.to_string().parse(), Ok(exchange));
        let full = (0..BINDINGS_MAX).map(|n| ("a", n % 7));
        assert!(Router::compile(exchange, full.clone()).is_ok());
        let over = full.chain([("a", 1)]);
        let refused = Router::compile(exchange, over).map(|_| ());
        assert_eq!(refused, Err(RoutingError::TooMany));
    }
    let wordy = (0..WORDS_MAX / 100 + 1).map(|n| (format!("{n}{}", ".a".repeat(99)), n));
    let refused = Router::compile(Exchange::Topic, wordy).map(|_| ());
    assert_eq!(refused, Err(RoutingError::TooMany));
}

#[test]
fn routing_meets_as_many_nodes_among_60000_bindings_as_among_six() {
    let met = |bindings: usize| {
        let bindings = (0..bindings).map(|n| (format!("shop.{n}.orders.*"), n));
        let router = Router::compile(Exchange::Topic, bindings).unwrap();
        let key = "shop.5.orders.paid";
        assert_eq!(router.route(key).unwrap(), [&5]);
        router.by_pattern.find(words(key)).met
    };
    assert_eq!((met(6), met(60_000)), (5, 5));
}

/// By recursion this is 2^60 ways.
#[test]
fn many_wildcards_in_one_pattern_cost_no_more_than_its_nodes_for_each_word() {
    let pattern = ["#.a"; 60].join(".") + ".#.b";
    let key = ["a"; 120].join(".");
    let router = Router::compile(Exchange::Topic, [(pattern, 1)]).unwrap();
    assert_eq!(router.route(&key), Ok(vec![]));
    let met = router.by_pattern.find(words(&key)).met;
    assert!(met <= 121 * 123, "{met}");
}

/// The definition, by recursion.
fn matches(pattern: &[&str], key: &[&str]) -> bool {
    match (pattern.split_first(), key.split_first()) {
        (None, None) => true,
        (Some((&"#", rest)), _) => {
            matches(rest, key)
                || key
                    .split_first()
                    .is_some_and(|(_, key)| matches(pattern, key))
        }
        (Some((&"*", rest)), Some((_, key))) => matches(rest, key),
        (Some((word, rest)), Some((same, key))) => word == same && matches(rest, key),
        _ => false,
    }
}

fn key_of(alphabet: &'static [&'static str]) -> impl Strategy<Value = String> {
    let words = prop::collection::vec(prop::sample::select(alphabet), 0..7);
    words.prop_map(|words| words.join("."))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_trie_finds_what_the_definition_says_and_each_queue_once(
        patterns in prop::collection::vec((key_of(&["a", "b", "", "*", "#"]), 0_usize..6), 0..30),
        keys in prop::collection::vec(key_of(&["a", "b", "", "*", "#"]), 1..20),
    ) {
        let router = Router::compile(Exchange::Topic, patterns.clone()).unwrap();
        for key in keys {
            let of: Vec<&str> = words(&key).collect();
            let matching = |(pattern, _): &&(String, usize)| {
                matches(&words(pattern).collect::<Vec<_>>(), &of)
            };
            let mut expected: Vec<usize> = patterns.iter().filter(matching).map(|b| b.1).collect();
            expected.sort_unstable();
            expected.dedup();
            let mut found: Vec<usize> = router.route(&key).unwrap().into_iter().copied().collect();
            found.sort_unstable();
            prop_assert_eq!(found, expected, "{:?}", key);
        }
    }

    #[test]
    fn whatever_is_given_is_routed_or_refused(pattern: String, key: String) {
        if let Ok(router) = Router::compile(Exchange::Topic, [(pattern, 1)]) {
            let _ = router.route(&key);
        }
    }
}
