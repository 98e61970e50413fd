//! TLS by a CA that is given.

use crate::world::World;
use pando_client::{Client, ErrorKind, Retry};
use pando_web::{TlsFiles, WebConfig};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Self-signed for `localhost`, for tests only, and known to everybody.
fn identity(name: &str) -> PathBuf {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../web/tests/http/identities");
    Path::new(folder).join(name)
}

#[tokio::test]
async fn a_server_is_known_by_who_signed_it() {
    let tls = TlsFiles::load(&identity("first.cert.pem"), &identity("first.key.pem"));
    let tls = Arc::new(tls.expect("an identity"));
    let world = World::with(WebConfig::default(), Some(tls)).await;
    let client = |name: &str| {
        let pem = std::fs::read(identity(name)).expect("a certificate");
        let builder = Client::builder(&world.url).ca_pem(&pem);
        builder.retry(Retry::never()).build().expect("a client")
    };
    let trusting = client("first.cert.pem");
    trusting.kv("s").put("k", "v").await.expect("it is trusted");
    let other = client("second.cert.pem").kv("s").get("k").await;
    let error = other.expect_err("somebody else signed it");
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    for pem in [
        "",
        "no PEM",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ] {
        let built = Client::builder(&world.url).ca_pem(pem.as_bytes()).build();
        assert_eq!(
            built.expect_err("no CA").kind(),
            ErrorKind::Usage,
            "{pem:?}"
        );
    }
}
