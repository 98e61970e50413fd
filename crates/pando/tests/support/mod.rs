//! The real binary, and a small HTTP client, for the tests that look from outside.

// Each test uses its own part of this; a test may panic.
#![allow(dead_code, clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Nothing in these tests may take longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// The binary, without the caller's own settings.
pub fn pando(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pando"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PANDO")) {
        command.env_remove(name);
    }
    command.current_dir(folder);
    command
}

/// Runs a command to its end.
pub fn run(folder: &Path, args: &[&str]) -> Output {
    pando(folder)
        .args(args)
        .output()
        .expect("the binary starts")
}

/// Runs a command that must succeed, and reads its JSON.
pub fn json(folder: &Path, args: &[&str]) -> Value {
    let mut with_json = args.to_vec();
    with_json.push("--json");
    let output = run(folder, &with_json);
    let error = text(&output.stderr);
    assert!(output.status.success(), "{args:?}: {error}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| {
        panic!("{args:?} did not answer in JSON: {}", text(&output.stdout));
    })
}

/// Runs a command that must fail with a status, and gives its error.
pub fn refused(folder: &Path, args: &[&str], status: i32) -> String {
    let output = run(folder, args);
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{args:?}: {error}");
    error
}

/// Bytes as text.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A server that is ready; killed when dropped.
pub struct Server {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    log: Arc<Mutex<Vec<u8>>>,
}

impl Server {
    /// Starts a server in `folder` on a free port, and waits until it is ready.
    pub fn start(folder: &Path) -> Server {
        Server::start_with(folder, &[], &[])
    }

    /// The same, with more arguments and variables.
    pub fn start_with(folder: &Path, args: &[&str], env: &[(&str, &str)]) -> Server {
        let mut command = pando(folder);
        command.args(["serve", "--json"]);
        if !args.contains(&"--listen") {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        let mut child = command
            .args(args)
            .envs(env.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let Ok(ready) = serde_json::from_str::<Value>(&line) else {
            let mut error = String::new();
            let stderr = child.stderr.as_mut().expect("a pipe");
            stderr.read_to_string(&mut error).expect("its error");
            panic!("the server did not start: {error}");
        };
        // Its log is read to the end, or it would block on a full pipe.
        let mut stderr = child.stderr.take().expect("a pipe");
        let log = Arc::default();
        let kept = Arc::clone(&log);
        std::thread::spawn(move || copy_log(&mut stderr, &kept));
        let address = ready["addresses"][0].as_str().expect("an address");
        Server {
            child,
            address: address.parse().expect("an address"),
            log,
        }
    }

    /// What it has logged so far: a JSON object for each line that is whole.
    pub fn log(&self) -> Vec<Value> {
        let log = text(&self.log.lock().expect("a log"));
        let whole = log
            .split_inclusive('\n')
            .filter(|line| line.ends_with('\n'));
        whole
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }

    /// A connection to it.
    pub fn connect(&self) -> Connection {
        Connection::to(self.address)
    }

    /// Sends a signal by its name.
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args([name, &pid]).status();
        assert!(sent.expect("kill(1)").success(), "kill {name}");
    }

    /// Waits until it has ended; its exit status, `None` if a signal ended it.
    pub fn wait(mut self) -> Option<i32> {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("its status") {
                return status.code();
            }
            assert!(began.elapsed() < PATIENCE, "the server does not end");
            std::thread::yield_now();
        }
    }

    /// Ends it as a power cut of the process would.
    pub fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One HTTP/1.1 connection.
pub struct Connection {
    stream: BufReader<TcpStream>,
    host: String,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its head, as it came.
    pub head: String,
    /// Its body.
    pub body: String,
}

impl Connection {
    /// Connects.
    pub fn to(address: SocketAddr) -> Connection {
        Connection::to_patiently(address, PATIENCE)
    }

    /// The same, with another patience for answers.
    pub fn to_patiently(address: SocketAddr, patience: Duration) -> Connection {
        let connection = Connection::try_to(address, patience);
        connection.expect("the server listens")
    }

    /// The same; an error if nobody listens.
    pub fn try_to(address: SocketAddr, patience: Duration) -> std::io::Result<Connection> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(patience))?;
        stream.set_nodelay(true)?;
        Ok(Connection {
            stream: BufReader::new(stream),
            host: address.to_string(),
        })
    }

    /// A request that must be answered.
    pub fn ask(&mut self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        self.try_ask(method, path, headers, body)
            .unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// A request; an error if the connection breaks before the whole answer is there.
    pub fn try_ask(
        &mut self,
        method: &str,
        path: &str,
        headers: &str,
        body: &str,
    ) -> std::io::Result<Answer> {
        let host = if headers.to_lowercase().contains("host:") {
            String::new()
        } else {
            format!("Host: {}\r\n", self.host)
        };
        let kind = if headers.to_lowercase().contains("content-type:") {
            ""
        } else {
            "Content-Type: application/json\r\n"
        };
        let request = format!(
            "{method} {path} HTTP/1.1\r\n{host}{headers}{kind}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.stream.get_mut().write_all(request.as_bytes())?;
        self.read_answer(method == "HEAD")
    }

    fn read_answer(&mut self, bodyless: bool) -> std::io::Result<Answer> {
        let broken = || std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
        let mut head = String::new();
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line)? == 0 {
                return Err(broken());
            }
            if line == "\r\n" {
                break;
            }
            head.push_str(&line);
        }
        let status = head.get(9..12).and_then(|code| code.parse().ok());
        let status = status.ok_or_else(broken)?;
        let length = head
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .and_then(|(_, length)| length.trim().parse().ok())
            .unwrap_or(0);
        let mut body = vec![0; if bodyless || status == 204 { 0 } else { length }];
        self.stream.read_exact(&mut body)?;
        Ok(Answer {
            status,
            head,
            body: text(&body),
        })
    }
}

impl Answer {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }
}

/// Reads a server's log to its end, into the folder that `PANDO_TEST_LOGS` names or nowhere.
fn copy_log(log: &mut impl Read, read: &Mutex<Vec<u8>>) {
    let folder = std::env::var_os("PANDO_TEST_LOGS");
    let mut kept = folder.and_then(|folder| {
        tempfile::Builder::new()
            .suffix(".log")
            .tempfile_in(folder)
            .and_then(|file| Ok(file.keep()?.0))
            .ok()
    });
    let (mut log, mut line) = (BufReader::new(log), Vec::new());
    while let Ok(1..) = log.read_until(b'\n', &mut line) {
        read.lock().expect("a log").extend_from_slice(&line);
        if let Some(file) = &mut kept {
            let _ = file.write_all(&line);
        }
        line.clear();
    }
}

/// Writes a migration and applies it.
pub fn migrate(folder: &Path, sql: &str) {
    let migrations = folder.join("migrations");
    std::fs::create_dir_all(&migrations).expect("a folder");
    std::fs::write(migrations.join("0001_first.sql"), sql).expect("a file");
    json(folder, &["migrate"]);
}
