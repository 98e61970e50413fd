//! A web process with a store, and what applications ask it of queues.

use crate::support::{Answer, Connection, Server};
use serde_json::{Value, json};
use std::path::Path;

/// A process of its own, over one engine.
pub struct Site {
    pub server: Server,
    folder: tempfile::TempDir,
}

impl Site {
    /// Over SQLite.
    pub fn start() -> Site {
        Site::of("")
    }

    /// With something in its `pando.toml`.
    pub fn of(config: &str) -> Site {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("pando.toml"), config).expect("a file");
        Site::again(folder)
    }

    /// Over what another has left in its folder.
    pub fn again(folder: tempfile::TempDir) -> Site {
        Site {
            server: Server::start(folder.path()),
            folder,
        }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Stops it; the folder with its data.
    pub fn stop(self) -> tempfile::TempDir {
        self.server.signal("-TERM");
        assert_eq!(self.server.wait(), Some(0));
        self.folder
    }

    /// Posts to a queue, with a body of JSON.
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.post_with(path, "", &body.to_string())
    }

    /// The same with headers, and any body.
    pub fn post_with(&self, path: &str, headers: &str, body: &str) -> Answer {
        post(&mut self.server.connect(), path, headers, body)
    }

    /// Publishes messages that must be taken; their ids.
    pub fn publish(&self, queue: &str, messages: &Value) -> Vec<String> {
        let answer = self.post(&format!("{queue}/messages"), messages);
        assert_eq!(answer.status, 201, "{answer:?}");
        ids(&answer)
    }

    /// Leases, and gives the messages.
    pub fn lease(&self, queue: &str, body: &Value) -> Vec<Value> {
        messages(&self.post(&format!("{queue}/lease"), body))
    }

    /// What `/metrics` says of a queue's counter.
    pub fn metric(&self, name: &str, queue: &str) -> u64 {
        let text = self.server.connect().ask("GET", "/metrics", "", "").body;
        let lead = format!("pando_queue_{name}_total{{queue=\"{queue}\"}} ");
        let found = text.lines().find_map(|line| line.strip_prefix(&lead));
        found.map_or(0, |count| count.parse().expect("a number"))
    }
}

/// Posts to `/queue/v1/…`.
pub fn post(connection: &mut Connection, path: &str, headers: &str, body: &str) -> Answer {
    connection.ask("POST", &format!("/queue/v1/{path}"), headers, body)
}

/// The ids that a publish is answered with.
pub fn ids(answer: &Answer) -> Vec<String> {
    let body = answer.json();
    let ids = body["ids"].as_array().expect("ids").iter();
    let id = |id: &Value| id.as_str().expect("a text").to_owned();
    ids.map(id).collect()
}

/// The messages that a lease is answered with.
pub fn messages(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, 200, "{answer:?}");
    let body = answer.json();
    body["messages"].as_array().expect("messages").clone()
}

/// Of messages, the bodies.
pub fn bodies(messages: &[Value]) -> Vec<Value> {
    messages.iter().map(|one| one["body"].clone()).collect()
}

/// What acknowledges messages.
pub fn leases(messages: &[Value]) -> Value {
    let leases: Vec<&Value> = messages.iter().map(|one| &one["lease"]).collect();
    json!({ "leases": leases })
}
