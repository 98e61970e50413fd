//! Web processes over one store, and applications and browsers that ask any of them.

use crate::support::{Answer, Connection, Server, pando};
use pando_cluster::Postgres;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

pub const ROOT: &str = "/sessions/v1";
pub const CURRENT: &str = "/sessions/v1/current";
pub const ROTATE: &str = "/sessions/v1/current/rotate";
/// Nothing in these tests may take longer.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// Few enough to be reached.
pub const PER_USER_MAX: usize = 5;

/// See the module.
pub struct Site {
    pub servers: Vec<Server>,
    key: String,
    asked: AtomicUsize,
    folder: tempfile::TempDir,
    /// Names users that no other requirement has.
    users: AtomicUsize,
}

/// A session that was begun.
pub struct Begun {
    pub token: String,
    pub id: i64,
    pub user: String,
}

impl Site {
    /// One process over an engine.
    pub fn alone(engine: &str) -> Site {
        let folder = tempfile::tempdir().expect("a folder");
        Site::of(folder, 1, &format!("[store]\nengine = \"{engine}\"\n"))
    }

    /// Several over one PostgreSQL.
    pub async fn several(processes: usize) -> (Site, Postgres) {
        let postgres = Postgres::builder().start().await.expect("start PostgreSQL");
        let url = format!("postgres://postgres@{}/postgres", postgres.address());
        let store = format!(
            "[store]\nengine = \"postgres\"\n[store.postgres]\nurl = \"{url}\"\npool = 2\n"
        );
        let folder = tempfile::tempdir().expect("a folder");
        let site = tokio::task::spawn_blocking(move || Site::of(folder, processes, &store));
        (site.await.expect("processes start"), postgres)
    }

    fn of(folder: tempfile::TempDir, processes: usize, store: &str) -> Site {
        let text =
            format!("[auth]\nrequired = true\n[sessions]\nmax_per_user = {PER_USER_MAX}\n{store}");
        let start = |n| {
            let own = folder.path().join(format!("node-{n}"));
            std::fs::create_dir(&own).expect("a folder");
            std::fs::write(own.join("pando.toml"), &text).expect("a file");
            Server::start(&own)
        };
        let servers: Vec<Server> = (0..processes).map(start).collect();
        let key = std::fs::read_to_string(folder.path().join("node-0/data/root.key"));
        Site {
            servers,
            key: format!("Authorization: Bearer {}\r\n", key.expect("a key").trim()),
            asked: AtomicUsize::new(0),
            users: AtomicUsize::new(0),
            folder,
        }
    }

    /// The folder of a process.
    pub fn node(&self, n: usize) -> PathBuf {
        self.folder.path().join(format!("node-{n}"))
    }

    /// A user whom nobody else names.
    pub fn user(&self) -> String {
        format!("user-{}", self.users.fetch_add(1, Relaxed))
    }

    /// Asks as the application, with its key: each time the next process.
    pub fn app(&self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        let headers = format!("{}{headers}", self.key);
        self.next().ask(method, path, &headers, body)
    }

    /// Asks without a key.
    pub fn browser(&self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        self.next().ask(method, path, headers, body)
    }

    fn next(&self) -> Connection {
        let n = self.asked.fetch_add(1, Relaxed);
        self.servers[n % self.servers.len()].connect()
    }

    /// Begins a session, with a body without its end.
    pub fn begin(&self, user: &str, more: &str) -> Begun {
        let body = format!("{{\"user\": \"{user}\"{more}}}");
        let made = self.app("POST", ROOT, "", &body);
        assert_eq!(made.status, 201, "{made:?}");
        let shown = made.json();
        Begun {
            token: shown["token"].as_str().expect("a token").to_owned(),
            id: shown["id"].as_i64().expect("an id"),
            user: user.to_owned(),
        }
    }

    /// The status that each process gives for a token.
    pub fn statuses(&self, token: &str) -> Vec<u16> {
        let headers = format!("Pando-Session: {token}\r\n");
        let ask = |server: &Server| server.connect().ask("GET", CURRENT, &headers, "").status;
        self.servers.iter().map(ask).collect()
    }

    /// Whether each process knows the session; that one does and another does not is a failure.
    pub fn is_alive(&self, token: &str) -> bool {
        let statuses = self.statuses(token);
        assert!(
            statuses.iter().all(|status| *status == statuses[0]),
            "{statuses:?}"
        );
        assert!([200, 401].contains(&statuses[0]), "{statuses:?}");
        statuses[0] == 200
    }

    /// What a session says of itself.
    pub fn shown(&self, token: &str) -> Value {
        let headers = format!("Pando-Session: {token}\r\n");
        let answer = self.browser("GET", CURRENT, &headers, "");
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    /// The ids of a user's sessions.
    pub fn ids(&self, user: &str) -> Vec<i64> {
        let list = self.app("GET", &format!("{ROOT}/users/{user}"), "", "");
        assert_eq!(list.status, 200, "{list:?}");
        let list = list.json();
        let ids = list["sessions"].as_array().expect("a list").iter();
        ids.filter_map(|session| session["id"].as_i64()).collect()
    }

    /// Everything that the store has written, as bytes.
    pub fn stored(&self) -> Vec<u8> {
        let mut all = Vec::new();
        for file in std::fs::read_dir(self.node(0).join("data")).expect("a folder") {
            let path = file.expect("a file").path();
            if path.is_file() && path.file_name().is_some_and(|name| name != "root.key") {
                all.extend(std::fs::read(path).expect("its bytes"));
            }
        }
        all
    }
}

impl Begun {
    /// The header of its token.
    pub fn header(&self) -> String {
        format!("Pando-Session: {}\r\n", self.token)
    }

    /// Its cookie, as a browser sends it.
    pub fn cookie(&self) -> String {
        format!("Cookie: __Host-pando-session={}\r\n", self.token)
    }
}

/// All values of `Set-Cookie`.
pub fn cookies_set(answer: &Answer) -> Vec<String> {
    let lines = answer.head.lines().filter_map(|line| line.split_once(':'));
    lines
        .filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"))
        .map(|(_, value)| value.trim().to_owned())
        .collect()
}

/// Waits until it is so; how long that took.
pub fn until(what: &str, is_so: impl Fn() -> bool) -> Duration {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "{what}");
    }
    began.elapsed()
}

/// The page of the manual.
pub fn manual() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/sessions.md");
    std::fs::read_to_string(path).expect("docs/sessions.md")
}

/// The effective setting of a process that says nothing of it.
pub fn default_of(setting: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let output = pando(folder.path())
        .args(["generate", "config"])
        .stderr(Stdio::null())
        .output()
        .expect("the binary starts");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let sessions = text.split("[sessions]").nth(1).expect("a section");
    let line = sessions
        .lines()
        .find(|line| line.starts_with(&format!("{setting} = ")));
    let (_, value) = line
        .expect("the setting")
        .split_once(" = ")
        .expect("a value");
    value.trim_matches('"').to_owned()
}
