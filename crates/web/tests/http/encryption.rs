//! TLS from files, and new ones while it serves. The identities are for these
//! tests only: self-signed for `localhost`, and known to everybody.

use crate::world::{TestAdmin, store};
use pando_web::{Running, TlsError, TlsFiles, WebConfig, serve};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;

fn identity(name: &str) -> PathBuf {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/http/identities");
    Path::new(folder).join(name)
}

async fn start(tls: TlsFiles) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let admin = Arc::new(TestAdmin::default());
    let never = std::future::pending();
    let config = WebConfig::default();
    let tls = Some(Arc::new(tls));
    serve(vec![listener], tls, store().await, admin, config, never).expect("a server")
}

/// Asks as one who trusts this certificate only; the ALPN protocol and the answer.
async fn ask(running: &Running, trusted: &str) -> std::io::Result<(Option<Vec<u8>>, String)> {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_file(identity(trusted)).expect("a certificate");
    roots.add(certificate).expect("a root");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let stream = TcpStream::connect(running.addresses[0]).await?;
    let name = ServerName::try_from("localhost").expect("a name");
    let connector = TlsConnector::from(Arc::new(config));
    let mut stream = connector.connect(name, stream).await?;
    let protocol = stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
    let request = "GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok((protocol, answer))
}

#[tokio::test]
async fn a_new_certificate_is_taken_over_and_a_broken_one_is_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let (certificate, key) = (
        folder.path().join("cert.pem"),
        folder.path().join("key.pem"),
    );
    let put = |name: &str| {
        fs::copy(identity(&format!("{name}.cert.pem")), &certificate).expect("a copy");
        fs::copy(identity(&format!("{name}.key.pem")), &key).expect("a copy");
    };
    put("first");
    let running = start(TlsFiles::load(&certificate, &key).expect("an identity")).await;
    let (protocol, answer) = ask(&running, "first.cert.pem").await.expect("an answer");
    assert_eq!(protocol.as_deref(), Some(&b"http/1.1"[..]));
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(
        ask(&running, "second.cert.pem").await.is_err(),
        "it is the first's"
    );

    fs::write(&certificate, "no certificate").expect("it is written");
    assert!(running.reload(&WebConfig::default()).is_err());
    assert!(
        ask(&running, "first.cert.pem").await.is_ok(),
        "the old one stays"
    );

    put("second");
    running
        .reload(&WebConfig::default())
        .expect("it is an identity");
    assert!(ask(&running, "second.cert.pem").await.is_ok());
    assert!(ask(&running, "first.cert.pem").await.is_err());
}

#[test]
fn files_that_make_no_identity_are_refused() {
    let load =
        |certificate: &str, key: &str| TlsFiles::load(&identity(certificate), &identity(key));
    assert!(matches!(
        load("nothing.pem", "first.key.pem"),
        Err(TlsError::File { .. })
    ));
    assert!(matches!(
        load("first.cert.pem", "nothing.pem"),
        Err(TlsError::File { .. })
    ));
    assert!(matches!(
        load("first.key.pem", "first.key.pem"),
        Err(TlsError::Empty(_) | TlsError::File { .. })
    ));
    assert!(matches!(
        load("first.cert.pem", "second.key.pem"),
        Err(TlsError::Identity(_))
    ));
}
