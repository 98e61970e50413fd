//! Random requests: none is a fault of the server.

use super::{G, world};
use proptest::prelude::*;
use serde_json::json;

fn segment() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("nodes".to_owned()),
        Just("edges".to_owned()),
        Just("count".to_owned()),
        Just("path".to_owned()),
        Just("traverse".to_owned()),
        "[a-d]",
        "%[0-9A-F]{2}",
        "[^/?#\\p{C} ]{0,4}",
    ]
}

fn query() -> impl Strategy<Value = String> {
    let names = prop::sample::select(vec![
        "from",
        "to",
        "kinds",
        "max_depth",
        "node",
        "nodes",
        "kind",
        "limit",
        "direction",
        "after",
        "cursor",
    ]);
    prop::collection::vec((names, "[a-d0-9,\"%-]{0,4}"), 0..4).prop_map(|pairs| {
        let pairs = pairs
            .into_iter()
            .map(|(name, value)| format!("{name}={value}"));
        pairs.collect::<Vec<_>>().join("&")
    })
}

fn body() -> impl Strategy<Value = String> {
    prop_oneof![
        ".{0,40}",
        ".{0,20}".prop_map(|text| {
            let step = json!({ "kind": "knows", "where": { "node": text, "edge": text } });
            json!({ "from": ["a"], "steps": [step], "return": "paths" }).to_string()
        }),
        ("[a-z.>-]{1,8}", "[a-z.(){},0-9]{0,12}").prop_map(|(name, test)| {
            let step = json!({ "kind": "knows", "where": { "node": format!("{name}={test}") } });
            json!({ "from": ["a"], "steps": [step] }).to_string()
        }),
        Just(r#"{"kind":"k","body":1e400}"#.to_owned()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_request_is_a_fault_of_the_server(
        requests in prop::collection::vec((
            prop::sample::select(vec!["GET", "PUT", "PATCH", "DELETE", "POST"]),
            prop::collection::vec(segment(), 0..6),
            query(),
            body(),
        ), 1..12),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let world = world().await;
            for (method, segments, query, body) in requests {
                let uri = format!("{G}/{}?{query}", segments.join("/"));
                if uri.parse::<http::Uri>().is_err() {
                    continue;
                }
                let answer = world.ask(method, &uri, &[], &body).await;
                assert!(!answer.status.is_server_error(), "{method} {uri} {body}: {answer:?}");
            }
            assert_eq!(world.store.verify_graphs().await.expect("a look"), Vec::<String>::new());
        });
    }
}
