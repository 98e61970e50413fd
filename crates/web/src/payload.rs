//! What an answer carries: a whole body, or what goes on.

use crate::server::Streaming;
use bytes::Bytes;
use futures_util::Stream;
use http_body_util::Full;
use hyper::body::{Body, Frame, SizeHint};
use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// What is talked on a connection that carries no more requests.
pub type Talk = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The body of an answer.
#[derive(Debug)]
pub enum Payload {
    /// All of it is there.
    Whole(Full<Bytes>),
    /// It is sent as it comes.
    Events(Events),
    /// None: the connection is used for something else from here on.
    Switched(Switched),
}

/// A body that is sent as it comes.
pub struct Events {
    stream: Pin<Box<dyn Stream<Item = Bytes> + Send>>,
    /// The connection knows of it as long as it is there.
    held: Option<Streaming>,
}

/// What comes behind an answer.
pub struct Switched(Option<Talk>);

impl Payload {
    pub(crate) fn events(stream: impl Stream<Item = Bytes> + Send + 'static) -> Payload {
        Payload::Events(Events {
            stream: Box::pin(stream),
            held: None,
        })
    }

    pub(crate) fn switched(talk: impl Future<Output = ()> + Send + 'static) -> Payload {
        Payload::Switched(Switched(Some(Box::pin(talk))))
    }
}

impl Events {
    pub(crate) fn hold(&mut self, streaming: Streaming) {
        self.held = Some(streaming);
    }
}

impl Switched {
    pub(crate) fn take(&mut self) -> Option<Talk> {
        self.0.take()
    }
}

impl Default for Payload {
    fn default() -> Payload {
        Payload::Whole(Full::default())
    }
}

impl From<Bytes> for Payload {
    fn from(bytes: Bytes) -> Payload {
        Payload::Whole(Full::new(bytes))
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Payload::Whole(whole) => Pin::new(whole).poll_frame(cx),
            Payload::Events(events) => {
                let next = events.stream.as_mut().poll_next(cx);
                next.map(|next| next.map(|bytes| Ok(Frame::data(bytes))))
            }
            Payload::Switched(_) => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Payload::Whole(whole) => whole.is_end_stream(),
            Payload::Events(_) => false,
            Payload::Switched(_) => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Payload::Whole(whole) => whole.size_hint(),
            Payload::Events(_) => SizeHint::default(),
            Payload::Switched(_) => SizeHint::with_exact(0),
        }
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}

impl fmt::Debug for Switched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Switched").finish_non_exhaustive()
    }
}
