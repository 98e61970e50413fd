//! A client that asks one of several servers, which may be gone.

use crate::support::{Answer, Connection};
use rand::Rng;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// Nothing may take longer, a failover included.
const PATIENCE: Duration = Duration::from_secs(60);
/// Who finds nobody leaves the processors to whoever starts.
const PAUSE: Duration = Duration::from_millis(5);

/// Where servers listen now.
pub type Addresses = Arc<Mutex<Vec<SocketAddr>>>;

/// What became of a request.
#[derive(Debug)]
pub enum Told {
    /// It was answered, and done or refused for good.
    Answer(Answer),
    /// It was not done.
    NotDone,
    /// Nobody knows.
    Unknown,
}

/// See the module.
pub struct Client {
    addresses: Addresses,
    key: String,
    connection: Option<Connection>,
    pub chance: StdRng,
}

impl Client {
    /// With the header that says who asks.
    pub fn new(addresses: &Addresses, key: &str, chance: StdRng) -> Client {
        Client {
            addresses: Arc::clone(addresses),
            key: key.to_owned(),
            connection: None,
            chance,
        }
    }

    /// Asks once.
    pub fn ask(&mut self, method: &str, path: &str, body: &str) -> Told {
        // Another server, from time to time.
        let kept = self
            .connection
            .take()
            .filter(|_| self.chance.random_bool(0.8));
        let Some(mut connection) = kept.or_else(|| self.connect()) else {
            thread::sleep(PAUSE);
            return Told::NotDone;
        };
        let Ok(answer) = connection.try_ask(method, path, &self.key, body) else {
            return Told::Unknown;
        };
        self.connection = Some(connection);
        match answer.status {
            503 if answer.json()["code"] == "outcome_unknown" => Told::Unknown,
            503 => Told::NotDone,
            500.. => panic!("{method} {path} {body}: {answer:?}"),
            _ => Told::Answer(answer),
        }
    }

    pub fn post(&mut self, path: &str, body: &Value) -> Told {
        self.ask("POST", path, &body.to_string())
    }

    /// Asks until it is answered: for what may be done twice.
    pub fn insist(&mut self, method: &str, path: &str, body: &Value) -> Answer {
        let body = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        loop {
            if let Told::Answer(answer) = self.ask(method, path, &body) {
                return answer;
            }
        }
    }

    fn connect(&mut self) -> Option<Connection> {
        let address = {
            let addresses = self.addresses.lock().expect("addresses");
            let count = addresses.len().max(1);
            addresses.get(self.chance.random_range(0..count)).copied()
        };
        Connection::try_to(address?, PATIENCE).ok()
    }
}

/// Leases, as they are sent back.
pub fn leases<'a>(each: impl Iterator<Item = &'a str>) -> Value {
    json!(each.collect::<Vec<_>>())
}
