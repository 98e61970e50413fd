//! Certificates for a test: an authority, and servers' certificates that it signs.

use crate::error::{Error, Result};
use crate::program::{run, system};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// openssl makes a key on a curve at once.
const LIMIT: Duration = Duration::from_secs(20);
const DAYS: &str = "2";

/// Who signs. Its key is thrown away when it is dropped.
#[derive(Clone, Debug)]
pub struct Authority {
    certificate: String,
    key: String,
}

/// A certificate and its key, as PEM.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// The certificate.
    pub certificate: String,
    /// The key.
    pub key: String,
}

impl Authority {
    /// A new authority, good for two days. `folder` is where openssl writes; nothing stays.
    ///
    /// # Errors
    /// openssl is missing.
    pub async fn create(folder: &Path) -> Result<Authority> {
        let (key, certificate) = (folder.join("authority.key"), folder.join("authority.pem"));
        let (key_path, path) = (key.display().to_string(), certificate.display().to_string());
        let arguments = [
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            DAYS,
            "-subj",
            "/CN=Pando test authority",
            "-addext",
            "keyUsage=critical,keyCertSign",
            "-keyout",
            &key_path,
            "-out",
            &path,
        ];
        run(&system("openssl")?, &arguments, LIMIT).await?;
        Ok(Authority {
            certificate: take(&certificate)?,
            key: take(&key)?,
        })
    }

    /// The authority's certificate, as PEM: what clients trust.
    #[must_use]
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// Signs a certificate for a server with these names, which are addresses or of the DNS.
    ///
    /// # Errors
    /// A name is none; openssl is missing.
    pub async fn sign(&self, folder: &Path, names: &[String]) -> Result<Certificate> {
        let path = |file: &str| folder.join(file).display().to_string();
        let (key, certificate) = (path("issued.key"), path("issued.pem"));
        let (own_key, own) = (path("authority.key"), path("authority.pem"));
        write(Path::new(&own_key), &self.key)?;
        write(Path::new(&own), &self.certificate)?;
        let name = |name: &String| match name.parse::<std::net::IpAddr>() {
            Ok(_) => format!("IP:{name}"),
            Err(_) => format!("DNS:{name}"),
        };
        let names: Vec<String> = names.iter().map(name).collect();
        let names = format!("subjectAltName={}", names.join(","));
        let arguments = [
            "req",
            "-x509",
            "-CA",
            &own,
            "-CAkey",
            &own_key,
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            DAYS,
            "-subj",
            "/CN=Pando test server",
            "-addext",
            "basicConstraints=critical,CA:FALSE",
            "-addext",
            &names,
            "-keyout",
            &key,
            "-out",
            &certificate,
        ];
        let signed = run(&system("openssl")?, &arguments, LIMIT).await;
        take(Path::new(&own_key))?;
        take(Path::new(&own))?;
        signed?;
        let certificate = take(&PathBuf::from(certificate))?;
        Ok(Certificate {
            certificate,
            key: take(Path::new(&key))?,
        })
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).map_err(|error| Error::file("write", path, &error))
}

/// Reads a file and removes it.
fn take(path: &Path) -> Result<String> {
    let text = fs::read_to_string(path).map_err(|error| Error::file("read", path, &error))?;
    fs::remove_file(path).map_err(|error| Error::file("remove", path, &error))?;
    Ok(text)
}
