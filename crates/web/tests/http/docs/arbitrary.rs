//! Random queries and bodies: none is a fault of the server.

use super::filled;
use crate::world::World;
use proptest::prelude::*;
use std::sync::LazyLock;
use tokio::runtime::Runtime;

/// One world for all cases of a property.
static WORLD: LazyLock<(Runtime, World)> = LazyLock::new(|| {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().build().expect("a runtime");
    let world = runtime.block_on(filled());
    (runtime, world)
});

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_query_and_no_body_is_a_fault_of_the_server(
        query in prop_oneof!["[a-z_>=.,()*%&0-9\"-]{0,30}", "(select|order|or|search|_id|pop|a->>b)=[a-z_>=.,()*0-9\":{}-]{0,20}"],
        body in prop_oneof!["[\\[\\]{}\":,a-z0-9. -]{0,30}", ".{0,20}"],
        kind in prop_oneof![Just("application/json"), Just("application/yaml"), Just("application/xml"), Just("application/merge-patch+json"), Just("application/json-patch+json")],
    ) {
        let (runtime, world) = &*WORLD;
        runtime.block_on(async {
            for (method, uri, body) in [
                ("GET", format!("/docs/v1/countries?{query}"), ""),
                ("PUT", "/docs/v1/countries/x".to_owned(), body.as_str()),
                ("PATCH", "/docs/v1/countries/kr".to_owned(), body.as_str()),
            ] {
                let uri = [("\"", "%22"), ("<", "%3C"), (">", "%3E"), ("{", "%7B"), ("}", "%7D")]
                    .iter()
                    .fold(uri, |uri, (raw, escaped)| uri.replace(raw, escaped));
                let answer = world.ask(method, &uri, &[("content-type", kind)], body).await;
                assert!(answer.status.as_u16() < 500, "{method} {uri} {body}: {answer:?}");
            }
        });
    }
}
