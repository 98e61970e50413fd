//! An application that takes messages: a server of HTTP/1.1 that keeps what it was posted, and
//! answers what it is told to.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// Nothing in these tests may take longer.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// What was posted.
#[derive(Clone, Debug)]
pub struct Got {
    pub path: String,
    pub headers: HashMap<String, String>,
    pub body: String,
    pub at: Instant,
}

/// What is answered.
pub struct Told {
    pub after: Duration,
    /// Status and headers, as they are written.
    pub head: String,
    pub body: String,
}

type Rule = dyn Fn(&Got) -> Told + Send + Sync;

#[derive(Default)]
struct Kept {
    got: Vec<Got>,
    at_once: HashMap<String, usize>,
    at_once_max: HashMap<String, usize>,
}

/// See the module.
#[derive(Clone)]
pub struct Application {
    pub address: SocketAddr,
    kept: Arc<(Mutex<Kept>, Condvar)>,
}

impl Told {
    pub fn ok() -> Told {
        Told::status("204 No Content")
    }

    pub fn status(head: &str) -> Told {
        Told {
            after: Duration::ZERO,
            head: head.to_owned(),
            body: String::new(),
        }
    }

    pub fn after(mut self, after: Duration) -> Told {
        self.after = after;
        self
    }

    pub fn saying(mut self, body: &str) -> Told {
        self.body = body.to_owned();
        self
    }
}

impl Application {
    pub fn start(rule: impl Fn(&Got) -> Told + Send + Sync + 'static) -> Application {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let application = Application {
            address: listener.local_addr().expect("an address"),
            kept: Arc::default(),
        };
        let (own, rule) = (application.clone(), Arc::new(rule));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (own, rule) = (own.clone(), Arc::clone(&rule));
                std::thread::spawn(move || own.serve(stream, &*rule));
            }
        });
        application
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What was posted so far.
    pub fn got(&self) -> Vec<Got> {
        self.kept.0.lock().unwrap().got.clone()
    }

    /// Waits until what was posted is enough.
    pub fn wait(&self, is_enough: impl Fn(&[Got]) -> bool) -> Vec<Got> {
        let (kept, bell) = &*self.kept;
        let until = Instant::now() + PATIENCE;
        let mut kept = kept.lock().unwrap();
        while !is_enough(&kept.got) {
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{} were posted", kept.got.len());
            kept = bell.wait_timeout(kept, left).unwrap().0;
        }
        kept.got.clone()
    }

    /// Waits until so many were posted to a path.
    pub fn wait_for(&self, path: &str, count: usize) -> Vec<Got> {
        let of_path = |got: &&Got| got.path == path;
        let got = self.wait(|got| got.iter().filter(of_path).count() >= count);
        got.into_iter().filter(|got| got.path == path).collect()
    }

    /// So many of a path were worked on at once.
    pub fn at_once_max(&self, path: &str) -> usize {
        let kept = self.kept.0.lock().unwrap();
        kept.at_once_max.get(path).copied().unwrap_or(0)
    }

    fn serve(&self, stream: TcpStream, rule: &Rule) -> Option<()> {
        let mut stream = BufReader::new(stream);
        loop {
            let got = read(&mut stream)?;
            {
                let mut kept = self.kept.0.lock().unwrap();
                let at_once = kept.at_once.entry(got.path.clone()).or_default();
                *at_once += 1;
                let now = *at_once;
                let most = kept.at_once_max.entry(got.path.clone()).or_default();
                *most = (*most).max(now);
                kept.got.push(got.clone());
                self.kept.1.notify_all();
            }
            let told = rule(&got);
            if !told.after.is_zero() {
                // What takes long is what this application is there to show.
                std::thread::sleep(told.after);
            }
            let mut kept = self.kept.0.lock().unwrap();
            *kept.at_once.entry(got.path.clone()).or_default() -= 1;
            drop(kept);
            let (head, body) = (told.head, told.body);
            let length = body.len();
            let answer = format!("HTTP/1.1 {head}\r\nContent-Length: {length}\r\n\r\n{body}");
            stream.get_mut().write_all(answer.as_bytes()).ok()?;
        }
    }
}

fn read(stream: &mut BufReader<TcpStream>) -> Option<Got> {
    let mut line = String::new();
    stream.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length")?.parse().ok()?;
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some(Got {
        path,
        headers,
        body: String::from_utf8_lossy(&body).into_owned(),
        at: Instant::now(),
    })
}
