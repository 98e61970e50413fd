//! Somebody who listens to an event stream, as a browser would.

use super::support::Server;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Nothing here may take longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// An event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    pub kind: String,
    pub data: String,
}

/// A listener.
pub struct Listener {
    stream: BufReader<TcpStream>,
    /// What came and is no whole block yet.
    text: String,
    /// The id that a browser would send when it comes back.
    pub last_id: String,
    pub retry_ms: Option<u64>,
    pub heartbeats: usize,
}

impl Listener {
    /// Listens, once it is answered.
    pub fn open(server: &Server, path: &str, headers: &str) -> Listener {
        let mut stream = TcpStream::connect(server.address).expect("the server listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nAccept: text/event-stream\r\n{headers}\r\n",
            server.address
        );
        stream.write_all(request.as_bytes()).expect("it is sent");
        let mut stream = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            let read = stream.read_line(&mut head).expect("a head");
            assert!(read > 0, "{path}: {head}");
        }
        let head = head.to_lowercase();
        assert!(head.starts_with("http/1.1 200 "), "{path}: {head}");
        assert!(
            head.contains("content-type: text/event-stream\r\n"),
            "{head}"
        );
        let mut listener = Listener {
            stream,
            text: String::new(),
            last_id: String::new(),
            retry_ms: None,
            heartbeats: 0,
        };
        // The first block says when to come back: from here on it is subscribed.
        while listener.retry_ms.is_none() {
            let block = listener.block().expect("a first block");
            assert_eq!(listener.take(&block), None, "{block}");
        }
        listener
    }

    /// The next event; `None` when the stream has ended.
    pub fn next(&mut self) -> Option<Event> {
        loop {
            let block = self.block()?;
            if let Some(event) = self.take(&block) {
                return Some(event);
            }
        }
    }

    /// The next block, whatever is in it; `None` when the stream has ended.
    pub fn next_block(&mut self) -> Option<Option<Event>> {
        let block = self.block()?;
        Some(self.take(&block))
    }

    /// The data of the next events.
    pub fn data(&mut self, count: usize) -> Vec<String> {
        let events = (0..count).map(|_| self.next().expect("an event").data);
        events.collect()
    }

    fn take(&mut self, block: &str) -> Option<Event> {
        let mut event = Event::default();
        let mut has_data = false;
        for line in block.lines() {
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match name {
                "" => self.heartbeats += 1,
                "id" => self.last_id = value.to_owned(),
                "event" => event.kind = value.to_owned(),
                "retry" => self.retry_ms = value.parse().ok(),
                "data" => {
                    if has_data {
                        event.data.push('\n');
                    }
                    has_data = true;
                    event.data.push_str(value);
                }
                other => unreachable!("a field {other:?}"),
            }
        }
        has_data.then_some(event)
    }

    fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                return Some(block);
            }
            let chunk = self.chunk()?;
            self.text.push_str(&chunk);
        }
    }

    fn chunk(&mut self) -> Option<String> {
        let mut size = String::new();
        self.stream.read_line(&mut size).expect("a chunk's size");
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        let mut chunk = vec![0; size + 2];
        self.stream.read_exact(&mut chunk).expect("a chunk");
        chunk.truncate(size);
        (size > 0).then(|| String::from_utf8(chunk).expect("UTF-8"))
    }
}
