//! A browser: one jar of cookies, several connections, and no code that knows of stamps.

use crate::site::Ask;
use crate::support::{Answer, Connection};
use rand::Rng;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

/// What becomes of the cookies that carry stamps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stamps {
    /// They are kept and sent, as any cookie.
    Kept,
    /// Something on the way takes them out.
    Stripped,
}

/// See the module.
pub struct Browser {
    addresses: Vec<SocketAddr>,
    key: String,
    jar: Arc<Mutex<BTreeMap<String, String>>>,
}

impl Browser {
    pub fn new((addresses, key): (Vec<SocketAddr>, String)) -> Browser {
        Browser {
            addresses,
            key,
            jar: Arc::default(),
        }
    }

    /// One of its connections, to each process; cookies are those of all of them.
    pub fn connection(&self, stamps: Stamps) -> Ask {
        let addresses = self.addresses.iter().copied();
        let mut connections: Vec<Connection> = addresses.map(Connection::to).collect();
        let (key, jar) = (self.key.clone(), Arc::clone(&self.jar));
        Box::new(move |method, path, body| {
            let cookies: Vec<String> = {
                let jar = jar.lock().expect("no panic");
                jar.iter()
                    .map(|(name, value)| format!("{name}={value}"))
                    .collect()
            };
            // A minute passes in no test; each write folds in what it was sent with.
            assert!(cookies.len() <= 64, "{} cookies", cookies.len());
            let mut headers =
                format!("{key}Sec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: cors\r\n");
            if !cookies.is_empty() {
                headers.push_str(&format!("Cookie: {}\r\n", cookies.join("; ")));
            }
            let one = rand::rng().random_range(0..connections.len());
            let answer = connections[one].ask(method, path, &headers, body);
            if stamps == Stamps::Kept {
                keep(&mut jar.lock().expect("no panic"), &answer);
            }
            (answer.status, answer.body)
        })
    }
}

/// Does with `Set-Cookie` what RFC 6265 says, for cookies of one host and path.
fn keep(jar: &mut BTreeMap<String, String>, answer: &Answer) {
    let lines = answer.head.lines().filter_map(|line| line.split_once(':'));
    for (_, cookie) in lines.filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie")) {
        let (pair, attributes) = cookie.trim().split_once(';').expect("attributes");
        let (name, value) = pair.split_once('=').expect("a pair");
        match attributes.contains("Max-Age=0") {
            true => jar.remove(name),
            false => jar.insert(name.to_owned(), value.to_owned()),
        };
    }
}
