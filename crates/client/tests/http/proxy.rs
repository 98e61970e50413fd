//! A proxy that does harm: it gives requests on, and keeps answers back.

use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Where the harm is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// When the first byte of the answer comes: the server has carried the request out.
    BeforeAnswer,
    /// In the middle of the answer.
    WithinAnswer,
    /// Before the request is given on.
    BeforeRequest,
}

/// Between a client and a server. Only the first request of a connection is looked at.
pub struct Proxy {
    pub url: String,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    /// Cuts that are still to be made.
    cuts: Mutex<Vec<Cut>>,
    requests: AtomicUsize,
    hides_keys: AtomicBool,
}

impl Proxy {
    /// In front of the server at `url`.
    pub async fn before(url: &str) -> Proxy {
        let target = url
            .strip_prefix("http://")
            .expect("in the clear")
            .to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (state, target) = (Arc::clone(&shared), target.clone());
                tokio::spawn(async move { carry(stream, &target, &state).await });
            }
        });
        Proxy {
            url: format!("http://{address}"),
            state,
        }
    }

    /// Does harm to the next requests.
    pub fn cut(&self, cuts: &[Cut]) {
        let mut all = cuts.to_vec();
        all.reverse();
        *self.state.cuts.lock() = all;
    }

    /// Hides idempotency keys from the server.
    pub fn hide_keys(&self) {
        self.state.hides_keys.store(true, Ordering::SeqCst);
    }

    /// Requests so far.
    pub fn requests(&self) -> usize {
        self.state.requests.load(Ordering::SeqCst)
    }
}

async fn carry(mut client: TcpStream, target: &str, state: &State) -> Option<()> {
    let mut request = read_request(&mut client).await?;
    state.requests.fetch_add(1, Ordering::SeqCst);
    let cut = state.cuts.lock().pop();
    if cut == Some(Cut::BeforeRequest) {
        return None;
    }
    if state.hides_keys.load(Ordering::SeqCst) {
        rename(&mut request, b"idempotency-key", b"x-not-sent-on-y");
    }
    let mut server = TcpStream::connect(target).await.ok()?;
    server.write_all(&request).await.ok()?;
    let mut answer = vec![0; 64 << 10];
    let read = server.read(&mut answer).await.ok()?;
    match cut {
        Some(Cut::BeforeAnswer) => return None,
        Some(Cut::WithinAnswer) => {
            client.write_all(&answer[..read / 2]).await.ok()?;
            return None;
        }
        _ => {}
    }
    client.write_all(&answer[..read]).await.ok()?;
    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
    Some(())
}

/// A head, and as much of a body as it says.
async fn read_request(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        bytes.push(stream.read_u8().await.ok()?);
        if bytes.ends_with(b"\r\n\r\n") {
            break;
        }
    }
    let head = String::from_utf8_lossy(&bytes).to_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"))
        .map_or(0, |length| length.trim().parse().expect("a length"));
    let begin = bytes.len();
    bytes.resize(begin + length, 0);
    stream.read_exact(&mut bytes[begin..]).await.ok()?;
    Some(bytes)
}

/// Replaces a header's name by another of the same length.
fn rename(request: &mut [u8], name: &[u8], other: &[u8]) {
    assert_eq!(name.len(), other.len());
    let found = request
        .windows(name.len())
        .position(|window| window.eq_ignore_ascii_case(name));
    if let Some(at) = found {
        request[at..at + name.len()].copy_from_slice(other);
    }
}
