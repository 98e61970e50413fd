//! Whatever is asked is answered or refused, by a code that blames the request.

use crate::world::{LIMIT, World, compare, filtered, key, world};
use pando_model::plan::Comparison;
use pando_store::docs::{Body, Patch};
use pando_store::error::StoreError;
use pando_store::precondition::Precondition;
use proptest::prelude::*;
use std::sync::LazyLock;
use tokio::runtime::Runtime;

static WORLD: LazyLock<(Runtime, World)> = LazyLock::new(|| {
    let runtime = Runtime::new().unwrap();
    let world = runtime.block_on(async {
        let world = world().await;
        world.declare(&["k"], &["k", "k->>k"]).await;
        world
    });
    (runtime, world)
});

fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        any::<i32>().prop_map(|number| number.to_string()),
        any::<f32>()
            .prop_filter("finite", |n| n.is_finite())
            .prop_map(|n| format!("{n:e}")),
        "[^\u{0}]{0,8}".prop_map(|text| serde_json::to_string(&text).unwrap()),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4)
                .prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec(("[ka-c]{0,2}", inner), 0..4).prop_map(|members| {
                let members = members
                    .iter()
                    .map(|(name, value)| format!("\"{name}\":{value}"));
                format!("{{{}}}", members.collect::<Vec<_>>().join(","))
            }),
        ]
    })
}

fn blames_the_request<T>(result: Result<T, StoreError>) {
    if let Err(error) = result {
        match error {
            StoreError::Refused(refusal) => {
                let known = ["malformed", "unprocessable", "conflict", "not_found"];
                assert!(known.contains(&&*refusal.code), "{refusal:?}");
            }
            other => panic!("{other}"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_object_is_stored_found_and_comes_back(members in prop::collection::vec(("[ka-c]{0,2}", json()), 0..5), operand in "[^\u{0}]{0,6}") {
        let members: Vec<String> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        let text = format!("{{{}}}", members.join(","));
        let (runtime, world) = &*WORLD;
        runtime.block_on(async {
            let canonical = pando_model::json::canonical(&text).unwrap();
            world.put("x", &text).await;
            assert_eq!(world.get("x").await.unwrap().body, canonical);
            let found: serde_json::Value = serde_json::from_str(&text).unwrap();
            if let Some(k) = found.get("k") {
                let ids = world.ids(&filtered(compare("k", Comparison::Eq, &k.to_string()))).await;
                // The world is shared: another test may hold a document that is equal here.
                assert!(ids.iter().any(|id| id == "x"), "{text}");
            }
            for op in [Comparison::Eq, Comparison::Lt, Comparison::Ge] {
                blames_the_request(world.list(&filtered(compare("k", op, &operand))).await);
                blames_the_request(world.list(&filtered(compare("k->>k", op, &operand))).await);
            }
            blames_the_request(world.search(&operand, &Default::default()).await);
        });
    }

    #[test]
    fn any_patch_applies_or_is_refused(target in json(), patch in json(), merge in any::<bool>()) {
        let (runtime, world) = &*WORLD;
        runtime.block_on(async {
            if let Ok(body) = Body::read(&target, None, LIMIT) {
                let put = world.store.docs_put(&key("y"), body, Precondition::default()).await.unwrap();
                world.done(put).await.unwrap();
            }
            let patch = if merge { Patch::Merge(patch) } else { Patch::Json(patch) };
            blames_the_request(world.patch("y", patch, Precondition::default()).await);
        });
    }
}
