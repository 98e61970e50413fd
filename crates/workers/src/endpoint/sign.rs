//! Signatures of messages, by the scheme of Standard Webhooks 1.0.0
//! (`standard-webhooks/standard-webhooks`, `spec/standard-webhooks.md`): HMAC-SHA256 over
//! `id.timestamp.body`, in base64 behind `v1,`.

use super::EndpointError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;
use std::path::Path;

/// What messages are signed with. With two of them each message has two signatures, so that a
/// secret can be replaced while both sides run.
#[derive(Clone, PartialEq, Eq)]
pub struct Secrets(Vec<Vec<u8>>);

/// The specification's bounds.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
/// Both halves of a change, and one in doubt.
const SECRETS_MAX: usize = 3;
/// What secrets begin with, as they are handed out.
const PREFIX: &str = "whsec_";

impl Secrets {
    /// Reads a file with one secret a line, each `whsec_` and base64 of 24 to 64 bytes.
    pub fn load(path: &Path) -> Result<Secrets, EndpointError> {
        let refuse = |reason: String| EndpointError::File {
            setting: "secret_file",
            path: path.display().to_string(),
            reason,
        };
        let text = std::fs::read_to_string(path).map_err(|error| refuse(error.to_string()))?;
        Secrets::read(&text).map_err(|reason| refuse(reason.to_owned()))
    }

    pub(super) fn read(text: &str) -> Result<Secrets, &'static str> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let secrets: Option<Vec<Vec<u8>>> = lines
            .map(|line| {
                let bytes = STANDARD.decode(line.strip_prefix(PREFIX)?).ok()?;
                SECRET_BYTES.contains(&bytes.len()).then_some(bytes)
            })
            .collect();
        match secrets {
            None => Err(
                "a line is no secret: write whsec_ and 24 to 64 random bytes in base64, as \
                 `echo whsec_$(head -c 32 /dev/urandom | base64)` does",
            ),
            Some(secrets) if secrets.is_empty() => Err("there is no secret in it"),
            Some(secrets) if secrets.len() > SECRETS_MAX => Err("it holds more than three secrets"),
            Some(secrets) => Ok(Secrets(secrets)),
        }
    }

    /// The headers that sign a message.
    pub(super) fn sign(&self, id: &str, seconds: i64, body: &[u8]) -> [(&'static str, String); 3] {
        let each = self.0.iter().filter_map(|secret| {
            // A key of any length is one.
            let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
            mac.update(format!("{id}.{seconds}.").as_bytes());
            mac.update(body);
            let signature = STANDARD.encode(mac.finalize().into_bytes());
            Some(format!("v1,{signature}"))
        });
        let signatures: Vec<String> = each.collect();
        [
            ("webhook-id", id.to_owned()),
            ("webhook-timestamp", seconds.to_string()),
            ("webhook-signature", signatures.join(" ")),
        ]
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({})", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's libraries (`libraries/python/tests/test_webhooks.py`).
    #[test]
    fn a_signature_is_the_one_that_other_libraries_make() {
        let secrets = Secrets::read("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").unwrap();
        let body = br#"{"test": 2432232314}"#;
        let signed = secrets.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body);
        let signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(signed[2], ("webhook-signature", signature.to_owned()));
    }

    #[test]
    fn two_secrets_are_two_signatures_and_what_is_none_is_refused() {
        let one = format!("whsec_{}", STANDARD.encode([7; 32]));
        let two = format!("{one}\n\n whsec_{}\n", STANDARD.encode([8; 24]));
        let signed = Secrets::read(&two).unwrap().sign("1", 2, b"3");
        assert_eq!(signed[2].1.split(' ').count(), 2);
        for text in ["", "secret", "whsec_c2hvcnQ=", &one.replace("whsec_", "")] {
            assert!(Secrets::read(text).is_err(), "{text}");
        }
        assert!(Secrets::read(&format!("{one}\n").repeat(4)).is_err());
        let debug = format!("{:?}", Secrets::read(&one).unwrap());
        assert_eq!(debug, "Secrets(1)");
    }
}
