//! The stream below hyper: it tells a [`Pace`] what goes over it, is
//! [`Lenient`] with request lines, gives hyper's own refusals a body, and closes so that a caller that is still
//! sending gets to read its answer.

use super::lenient::Lenient;
use super::pace::Pace;
use super::refusal;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// How long a caller may go on sending what will not be read. Closing at once would make
/// its kernel throw the answer away.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BUFFER: usize = 16 << 10;

/// A stream, watched.
pub(super) struct Watched<S> {
    stream: S,
    pace: Arc<Pace>,
    lenient: Lenient,
    /// See [`Watched::hold_back`].
    holds_back: bool,
    /// What goes out in the place of a refusal of hyper's, and how much of it is out.
    refusal: Option<(Vec<u8>, usize)>,
    lingering: Option<Pin<Box<Sleep>>>,
}

impl<S> Watched<S> {
    pub(super) fn new(stream: S, pace: Arc<Pace>) -> Watched<S> {
        Watched {
            stream,
            pace,
            lenient: Lenient::default(),
            holds_back: false,
            refusal: None,
            lingering: None,
        }
    }

    /// Gives nothing when it is read for the first time. hyper-util takes that for HTTP/1, as it takes
    /// 24 bytes; but those would be put in front of a buffer that then is too small for the rest,
    /// and grows to twice its size for as long as the connection is there.
    pub(super) fn hold_back(&mut self) {
        self.holds_back = true;
    }
}

impl<S: AsyncWrite + Unpin> Watched<S> {
    /// Writes what goes out in the place of `bytes`, where that is something else.
    fn poll_refuse(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<bool>> {
        if self.refusal.is_none() {
            let Some(told) = refusal::told(bytes) else {
                return Poll::Ready(Ok(false));
            };
            self.pace.leave_unread();
            self.refusal = Some((told, 0));
        }
        while let Some((told, out)) = &mut self.refusal {
            let left = told.get(*out..).unwrap_or_default();
            if left.is_empty() {
                self.refusal = None;
                break;
            }
            match ready!(Pin::new(&mut self.stream).poll_write(cx, left))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => *out += written,
            }
        }
        self.pace.sent();
        Poll::Ready(Ok(true))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if std::mem::take(&mut this.holds_back) {
            return Poll::Ready(Ok(()));
        }
        if this.lenient.has_kept() {
            buf.put_slice(this.lenient.give(buf.remaining()));
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(cx, buf))?;
        let came = buf.filled().get(before..).unwrap_or_default();
        if came.is_empty() || this.pace.has_switched() {
            return Poll::Ready(Ok(()));
        }
        if this.pace.received() {
            this.lenient.expect_request();
        }
        if let Some(instead) = this.lenient.look(came) {
            buf.set_filled(before);
            let (fits, left) = instead.split_at(instead.len().min(buf.remaining()));
            buf.put_slice(fits);
            this.lenient.keep(left);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if !self.pace.has_switched() && ready!(self.poll_refuse(cx, buf))? {
            return Poll::Ready(Ok(buf.len()));
        }
        let polled = Pin::new(&mut self.stream).poll_write(cx, buf);
        if polled.is_ready() {
            self.pace.sent();
        }
        polled
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut full = bufs.iter().filter(|buf| !buf.is_empty());
        if let (Some(only), None) = (full.next(), full.next())
            && ready!(self.poll_refuse(cx, only))?
        {
            return Poll::Ready(Ok(only.len()));
        }
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        if polled.is_ready() {
            self.pace.sent();
        }
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.lingering.is_none() {
            ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
            if !this.pace.has_unread() {
                return Poll::Ready(Ok(()));
            }
        }
        let until = this
            .lingering
            .get_or_insert_with(|| Box::pin(sleep(LINGER)));
        let mut space = [0; LINGER_BUFFER];
        loop {
            if until.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Ok(()));
            }
            let mut buf = ReadBuf::new(&mut space);
            match ready!(Pin::new(&mut this.stream).poll_read(cx, &mut buf)) {
                Ok(()) if !buf.filled().is_empty() => {}
                _ => return Poll::Ready(Ok(())),
            }
        }
    }
}
