//! What is said over a WebSocket. Each text frame is an event of CloudEvents in JSON, as their binding
//! for WebSockets has it; nothing is taken from the other end.
//!
//! How far a subscriber is behind does not matter here: the topic's ring says what he still gets. He
//! is cut off who has neither taken nor said anything for too long.

use futures_util::{SinkExt, StreamExt};
use pando_queue::topics::{Form, Subscription, Told};
use std::future::poll_fn;
use std::pin::pin;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

/// What is taken from the other end at once: it has nothing to say but that it closes.
const TAKEN_BYTES_MAX: usize = 4 << 10;
/// How much is gathered before it is sent.
const GATHERED_BYTES: usize = 16 << 10;
/// How many messages are sent before it is looked what else there is.
const GATHERED_MAX: usize = 64;
/// How long the other end may take to close.
const GOODBYE: Duration = Duration::from_secs(2);

/// How a socket is looked after.
pub(super) struct Care<V> {
    /// Whether the key that somebody listens with is still valid.
    pub(super) is_valid: V,
    pub(super) heartbeat: Duration,
    /// Whoever takes nothing for so long is gone.
    pub(super) patience: Duration,
}

/// What became of something that was sent.
enum Sent {
    /// It is on its way; whether anything was taken is not known.
    Away,
    /// There was no room for it until the other end had taken something.
    Taken,
    /// The other end takes nothing.
    Stuck,
    /// There is no other end.
    Gone,
}

/// Tells a subscriber what there is, until one of both ends it.
pub(super) async fn go_on<S, V>(io: S, mut subscription: Subscription, care: Care<V>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
    V: Fn() -> bool + Send,
{
    let config = WebSocketConfig::default()
        .read_buffer_size(TAKEN_BYTES_MAX)
        .write_buffer_size(GATHERED_BYTES)
        .max_message_size(Some(TAKEN_BYTES_MAX))
        .max_frame_size(Some(TAKEN_BYTES_MAX));
    let mut socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
    let Some(close) = tell(&mut socket, &mut subscription, &care).await else {
        return;
    };
    drop(subscription);
    let goodbye = async {
        if socket.close(Some(close)).await.is_ok() {
            while let Some(Ok(_)) = socket.next().await {}
        }
    };
    // Who does not answer is closed all the same.
    let _ = timeout(GOODBYE, goodbye).await;
}

/// Tells what there is, until there is a reason to close: the reason, or nothing if the other end
/// is gone.
async fn tell<S, V>(
    socket: &mut WebSocketStream<S>,
    subscription: &mut Subscription,
    care: &Care<V>,
) -> Option<CloseFrame>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
    V: Fn() -> bool + Send,
{
    let opening = text(subscription.opening_frame()).ok()?;
    let sent = sent(care.patience, socket.send(opening)).await;
    let mut heard = Instant::now();
    let mut beat = interval(care.heartbeat);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut ended = ended_by(&sent);
    while ended.is_none() {
        let sent = tokio::select! {
            told = subscription.next() => match told {
                Some(told) => tell_some(socket, subscription, told, care.patience).await,
                None => return Some(close(CloseCode::Away, "the server is stopping")),
            },
            said = socket.next() => match said {
                Some(Ok(Message::Text(_) | Message::Binary(_))) => {
                    let why = "nothing is taken here: publish with POST";
                    return Some(close(CloseCode::Unsupported, why));
                }
                // One that closes is answered by the library, and is at its end next.
                Some(Ok(_)) => Sent::Taken,
                Some(Err(error)) => return blame(&error),
                None => Sent::Gone,
            },
            _ = beat.tick() => {
                if !(care.is_valid)() {
                    return Some(close(CloseCode::Policy, "the key is not valid any more"));
                }
                if heard.elapsed() >= care.patience {
                    Sent::Stuck
                } else {
                    self::sent(care.patience, socket.send(Message::Ping(Default::default()))).await
                }
            }
        };
        if matches!(sent, Sent::Taken) {
            heard = Instant::now();
        }
        ended = ended_by(&sent);
    }
    ended.flatten()
}

/// Sends what there is, some of it at once: who is always a little behind shall be looked after too.
async fn tell_some<S>(
    socket: &mut WebSocketStream<S>,
    subscription: &mut Subscription,
    first: Told,
    patience: Duration,
) -> Sent
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let sending = async {
        let mut told = first;
        let (mut messages, mut bytes) = (0, 0);
        loop {
            let frame = subscription.form(&told, Form::Frame);
            bytes += frame.len();
            messages += 1;
            socket.feed(text(frame)?).await?;
            if messages == GATHERED_MAX || bytes >= GATHERED_BYTES {
                break;
            }
            let Some(next) = subscription.take() else {
                break;
            };
            told = next;
        }
        socket.flush().await
    };
    sent(patience, sending).await
}

/// Sends something, as long as the other end takes what is there.
async fn sent(patience: Duration, sending: impl Future<Output = Result<(), Error>>) -> Sent {
    let mut sending = pin!(sending);
    let mut had_to_wait = false;
    let watched = poll_fn(|context| {
        let polled = sending.as_mut().poll(context);
        had_to_wait |= polled.is_pending();
        polled
    });
    match timeout(patience, watched).await {
        Ok(Ok(())) if had_to_wait => Sent::Taken,
        Ok(Ok(())) => Sent::Away,
        Ok(Err(_)) => Sent::Gone,
        Err(_) => Sent::Stuck,
    }
}

/// Whether that ends it, and if so with which words.
fn ended_by(sent: &Sent) -> Option<Option<CloseFrame>> {
    match sent {
        Sent::Away | Sent::Taken => None,
        Sent::Gone => Some(None),
        Sent::Stuck => {
            let why = "nothing was taken for too long: come back with last_event_id";
            Some(Some(close(CloseCode::Again, why)))
        }
    }
}

/// Why a socket is closed whose other end did what it may not.
fn blame(error: &Error) -> Option<CloseFrame> {
    match error {
        Error::Capacity(_) => Some(close(CloseCode::Size, "nothing so large is taken here")),
        Error::Protocol(_) => Some(close(CloseCode::Protocol, "this is no WebSocket's frame")),
        Error::Utf8(_) => Some(close(CloseCode::Invalid, "a text is not UTF-8")),
        _ => None,
    }
}

fn text(frame: bytes::Bytes) -> Result<Message, Error> {
    let text = Utf8Bytes::try_from(frame);
    text.map(Message::Text)
        .map_err(|error| Error::Utf8(error.to_string()))
}

fn close(code: CloseCode, reason: &'static str) -> CloseFrame {
    CloseFrame {
        code,
        reason: Utf8Bytes::from_static(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pando_model::clock::ManualClock;
    use pando_queue::topics::{Publication, TopicName, Topics, TopicsConfig};
    use std::sync::Arc;
    use tokio::io::{AsyncReadExt, DuplexStream, duplex};

    /// Smaller than a frame: whatever is sent waits for the other end.
    const BETWEEN: usize = 64;
    const PATIENCE: Duration = Duration::from_secs(1);

    fn topics() -> (Topics, TopicName) {
        let clock = Arc::new(ManualClock::new(1_700_000_000_000_000));
        let topics = Topics::new(TopicsConfig::default(), clock);
        (topics, TopicName::new("a").unwrap())
    }

    async fn publish(topics: &Topics, topic: &TopicName) {
        let body = bytes::Bytes::from_static(b"1");
        let publication = Publication::read(&[("content-type", b"text/plain")], None, body);
        topics.publish(topic, publication.unwrap()).await.unwrap();
    }

    fn care(patience: Duration, heartbeat: Duration) -> Care<impl Fn() -> bool + Send> {
        Care {
            is_valid: || true,
            heartbeat,
            patience,
        }
    }

    async fn client(io: DuplexStream) -> WebSocketStream<DuplexStream> {
        WebSocketStream::from_raw_socket(io, Role::Client, None).await
    }

    #[tokio::test]
    async fn one_that_is_always_a_little_behind_stays() {
        let (topics, topic) = topics();
        let (here, there) = duplex(BETWEEN);
        let subscription = topics.subscribe(&topic, None).unwrap();
        for _ in 0..2 * GATHERED_MAX {
            publish(&topics, &topic).await;
        }
        let reading = async {
            let mut socket = client(there).await;
            let began = Instant::now();
            // For each that he takes there is another one.
            while began.elapsed() < PATIENCE * 3 / 2 {
                match socket.next().await {
                    Some(Ok(Message::Text(_))) => publish(&topics, &topic).await,
                    Some(Ok(Message::Ping(_))) => {}
                    other => panic!("after {:?}: {other:?}", began.elapsed()),
                }
            }
        };
        let care = care(PATIENCE, PATIENCE / 10);
        tokio::select! {
            () = go_on(here, subscription, care) => panic!("it was ended"),
            () = reading => {}
        }
        assert_eq!(topics.report().gaps, 0);
    }

    #[tokio::test]
    async fn one_that_takes_what_is_sent_is_there_though_his_pong_is_late() {
        let (topics, topic) = topics();
        let (here, mut there) = duplex(BETWEEN);
        let subscription = topics.subscribe(&topic, None).unwrap();
        let taking = async {
            let mut some = [0; 16];
            let began = Instant::now();
            while began.elapsed() < PATIENCE * 3 / 2 {
                publish(&topics, &topic).await;
                let taken = there.read(&mut some).await.unwrap();
                assert!(taken > 0, "it was ended after {:?}", began.elapsed());
            }
        };
        let care = care(PATIENCE, PATIENCE / 10);
        tokio::select! {
            () = go_on(here, subscription, care) => panic!("it was ended"),
            () = taking => {}
        }
    }

    #[tokio::test]
    async fn one_that_takes_nothing_is_cut_off_and_told_why() {
        // Whether there is room for what is sent, or not.
        for between in [1 << 20, BETWEEN] {
            let (topics, topic) = topics();
            let (here, there) = duplex(between);
            let subscription = topics.subscribe(&topic, None).unwrap();
            publish(&topics, &topic).await;
            let waking = async {
                while topics.report().subscribers > 0 {
                    tokio::task::yield_now().await;
                }
                let mut socket = client(there).await;
                loop {
                    if let Message::Close(close) = socket.next().await.unwrap().unwrap() {
                        break close.unwrap();
                    }
                }
            };
            let care = care(PATIENCE / 10, PATIENCE / 50);
            let ((), close) = tokio::join!(go_on(here, subscription, care), waking);
            assert_eq!(close.code, CloseCode::Again);
            assert!(close.reason.contains("come back"), "{close:?}");
        }
    }
}
