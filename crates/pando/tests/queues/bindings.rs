//! Bindings of exchanges: what cannot be one, and where random ones send random messages.

use crate::exchanges::{CONFIG, post, published};
use crate::site::{Site, bodies};
use crate::support::refused;
use pando_cluster::Nats;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;

#[test]
fn bindings_that_cannot_be_are_refused_with_their_line_and_the_mend() {
    for (text, says) in [
        (
            "[queues.mail]\n[exchanges.o]\nkind = \"topic\"\nbindings = [{ queue = \"mial\", key = \"a\" }]",
            "pando.toml:4:1 (exchanges.o.bindings): binding 1: no queue \"mial\" is declared: did you mean \"mail\"?",
        ),
        (
            "[exchanges.o]\nbindings = [{ queue = \"q\", key = \"a\" }]",
            "declare it with a line [queues.q]",
        ),
        (
            "[queues.q]\n[exchanges.o]\nkind = \"topic\"\nbindings = [{ queue = \"q\", key = \"a\" }, { queue = \"q\", key = \"a.b*\" }]",
            "binding 2: the binding \"a.b*\" has the word \"b*\"",
        ),
        (
            "[queues.q]\n[exchanges.o]\nkind = \"headers\"\nbindings = [{ queue = \"q\" }]",
            "expected one of `direct`, `topic`, `fanout`",
        ),
        (
            "[queues.q]\n[exchanges.o]\nkind = \"topic\"",
            "has no binding",
        ),
        (
            "[queues.q]\n[exchanges.o]\nbindings = [{ queue = \"q\", kay = \"a\" }]",
            "unknown field `kay`",
        ),
        (
            "[queues.q]\n[[exchanges.o.bindings]]\nqueue = \"q\"\n[exchanges.o.x]\n",
            "unknown key `exchanges.o.x`",
        ),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("pando.toml"), text).expect("a file");
        let error = refused(folder.path(), &["config", "check"], 2);
        assert!(error.contains(says), "{text}\n{error}");
    }
}

/// Whether a pattern's words take a key's, as AMQP 0-9-1 has it, read off its text.
fn takes(pattern: &[&str], key: &[&str]) -> bool {
    match (pattern.split_first(), key.split_first()) {
        (None, None) => true,
        (None, Some(_)) => false,
        (Some((&"#", rest)), _) => {
            takes(rest, key)
                || key
                    .split_first()
                    .is_some_and(|(_, later)| takes(pattern, later))
        }
        (Some(_), None) => false,
        (Some((word, rest)), Some((own, later))) => {
            (word == &"*" || word == own) && takes(rest, later)
        }
    }
}

fn drawn(chance: &mut StdRng, words: &[&str]) -> String {
    let count = chance.random_range(1..4);
    let each: Vec<_> = (0..count)
        .map(|_| words[chance.random_range(0..words.len())])
        .collect();
    each.join(".")
}

#[test]
fn random_bindings_send_random_messages_where_a_model_does() {
    let seed = std::env::var("PANDO_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or_else(rand::random);
    println!("PANDO_SEED={seed}");
    let mut chance = StdRng::seed_from_u64(seed);
    let (kinds, queues) = (["direct", "topic", "fanout"], ["q0", "q1", "q2", "q3"]);
    let mut config: String = queues.map(|queue| format!("[queues.{queue}]\n")).concat();
    let mut bound: Vec<Vec<(String, String)>> = Vec::new();
    for kind in kinds {
        let _ = writeln!(
            config,
            "[exchanges.{kind}]\nkind = \"{kind}\"\nbindings = ["
        );
        let count = chance.random_range(1..8);
        let bindings = (0..count).map(|_| {
            let queue = queues[chance.random_range(0..queues.len())].to_owned();
            (queue, drawn(&mut chance, &["a", "b", "c", "*", "#"]))
        });
        let bindings: Vec<_> = bindings.collect();
        for (queue, key) in &bindings {
            let _ = writeln!(config, "  {{ queue = \"{queue}\", key = \"{key}\" }},");
        }
        config.push_str("]\n");
        bound.push(bindings);
    }
    let site = Site::of(&config);
    let mut expected: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for number in 0..60 {
        let which = chance.random_range(0..kinds.len());
        let key = drawn(&mut chance, &["a", "b", "c"]);
        let words: Vec<_> = key.split('.').collect();
        let goes = |pattern: &String| match kinds[which] {
            "direct" => *pattern == key,
            "topic" => takes(&pattern.split('.').collect::<Vec<_>>(), &words),
            _ => true,
        };
        let is_bound = |queue: &&str| {
            let mut all = bound[which].iter();
            all.any(|(own, pattern)| own == queue && goes(pattern))
        };
        let to: Vec<_> = queues.into_iter().filter(is_bound).collect();
        let body = json!({ "body": number, "routing_key": key });
        let told = published(&site, kinds[which], &body);
        let ids = told[0]["ids"].as_object().expect("ids");
        let own: Vec<_> = ids.keys().map(String::as_str).collect();
        assert_eq!(own, to, "seed {seed}: {} {key}\n{config}", kinds[which]);
        for queue in to {
            expected.entry(queue).or_default().push(json!(number));
        }
    }
    for queue in queues {
        let leased = site.lease(queue, &json!({ "max": 256 }));
        let expected = expected.remove(queue).unwrap_or_default();
        assert_eq!(bodies(&leased), expected, "seed {seed}: {queue}\n{config}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_reaches_queues_in_the_store_and_on_a_broker_at_once() {
    let nats = Nats::builder().start().await.expect("NATS");
    let url = nats.url();
    tokio::task::block_in_place(|| {
        let config = CONFIG.replace("[queues.stock]", "[queues.stock]\nengine = \"store\"");
        let site = Site::of(&format!("[queue]\nengine = \"{url}\"\n{config}"));
        let answer = post(&site, "all", "", &json!({ "body": 7 }));
        assert_eq!(answer.json()["messages"][0]["routed"], 2, "{answer:?}");
        // nats-server 2.9 confirms before it syncs, and the answer says the less of both.
        assert_eq!(answer.json()["durability"]["synced"], false, "{answer:?}");
        for queue in ["mail", "stock"] {
            let leased = site.lease(queue, &json!({ "wait": "30s" }));
            assert_eq!(bodies(&leased), [json!(7)], "{queue}");
        }
    });
}
