//! Sessions of an application's users over HTTP: `/sessions/v1`.
//!
//! The application begins sessions, lists and ends them, with its key. Who holds a session, by
//! its cookie or its token, may ask for that one, rotate it and end it, without a key; and what
//! else, [`crate::config::Sessions`] says. All of it is read from the owner, and no answer carries a
//! stamp: a session that was ended anywhere has ended everywhere.

mod application;
mod body;
mod current;
mod holder;

use crate::answer::Answer;
use crate::deadline::Deadline;
use crate::error::ApiError;
use crate::gate::{self, Caller};
use crate::intake;
use crate::operate;
use crate::reply::{self, Reply};
use crate::web::Web;
use body::Shown;
use bytes::Bytes;
use holder::By;
use http::Method;
use http::header::{CACHE_CONTROL, HeaderValue, SET_COOKIE};
use http::request::Parts;
use hyper::body::Body;
use pando_store::keys::{Surface, Verb};
use pando_store::operation::Operation;
use pando_store::session::{Consistency, Session};
use pando_store::sessions::Token;
use std::borrow::Cow;
use std::pin::pin;

const INVALID: &str = "session_invalid";
/// Room for what a body holds besides data: names, a user, times.
const BODY_BESIDE_DATA: u64 = 8 << 10;

/// Who asks, and through what.
#[derive(Clone, Copy)]
pub(crate) struct Asker<'a> {
    /// The key, where one was sent.
    pub(crate) caller: &'a Caller,
    /// Whether the listener needs none.
    pub(crate) is_open: bool,
}

/// A request on its way.
struct Request<'a> {
    web: &'a Web,
    parts: &'a Parts,
    body: Bytes,
    asker: Asker<'a>,
    deadline: Deadline,
}

/// What can be done at a place.
fn allowed(place: &[&str]) -> Option<&'static str> {
    match place {
        [] => Some("OPTIONS,POST,DELETE"),
        ["current"] => Some("OPTIONS,GET,HEAD,PATCH,DELETE"),
        ["current", "rotate"] => Some("OPTIONS,POST"),
        ["users", _] => Some("OPTIONS,GET,HEAD,DELETE"),
        ["users", _, _] => Some("OPTIONS,DELETE"),
        _ => None,
    }
}

/// Answers a request for sessions. What it answers is nothing to keep.
pub(crate) async fn answer<B>(
    web: &Web,
    place: &[Cow<'_, str>],
    parts: &Parts,
    body: &mut Option<B>,
    asker: Asker<'_>,
    deadline: Deadline,
) -> Reply
where
    B: Body<Data = Bytes>,
{
    let place: Vec<&str> = place.iter().map(|segment| &**segment).collect();
    let answered = async {
        let Some(allowed) = allowed(&place) else {
            return Err(ApiError::no_such_path());
        };
        if parts.method == Method::OPTIONS {
            return Ok(reply::allowing(allowed));
        }
        // Who brings neither key nor token is not listened to for long.
        if asker.caller.is_none() && !asker.is_open && holder::held(&parts.headers).is_none() {
            return Err(nobody());
        }
        let body = deadline
            .for_body(pin!(intake::taken(body, body_max(web))))
            .await?;
        let request = Request {
            web,
            parts,
            body,
            asker,
            deadline,
        };
        request.answer(&place, allowed).await
    };
    let mut reply = answered.await.unwrap_or_else(|error| {
        let is_over = error.code() == INVALID;
        let mut reply = error.into_reply();
        let by_cookie = matches!(holder::held(&parts.headers), Some((_, By::Cookie)));
        if is_over && by_cookie {
            set_cookie(&mut reply, holder::no_cookie());
        }
        reply
    });
    let headers = reply.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    reply
}

impl Request<'_> {
    async fn answer(self, place: &[&str], allowed: &'static str) -> Result<Reply, ApiError> {
        let reads = matches!(self.parts.method, Method::GET | Method::HEAD);
        match (&self.parts.method, place) {
            (&Method::POST, []) => self.begin().await,
            (&Method::DELETE, []) => self.end_all().await,
            (_, ["current"]) if reads => self.get().await,
            (&Method::PATCH, ["current"]) => self.patch().await,
            (&Method::DELETE, ["current"]) => self.end().await,
            (&Method::POST, ["current", "rotate"]) => self.rotate().await,
            (_, ["users", user]) if reads => self.list(user).await,
            (&Method::DELETE, ["users", user]) => self.end_user(user).await,
            (&Method::DELETE, ["users", user, id]) => self.end_one(user, id).await,
            (method, _) => Err(ApiError::method(method, allowed)),
        }
    }

    async fn read<T: Send + 'static>(&self, operation: &Operation<T>) -> Result<T, ApiError> {
        let session = strong();
        let answered = pin!(async { Ok(self.web.store().answer(operation, &session).await?) });
        Ok(self.deadline.for_read(answered).await?.0)
    }

    /// Carries a write out, and tells whether it had been done before. An idempotency key is its
    /// caller's own: of those without a key, of the session that they hold.
    async fn carry_out(
        &self,
        operation: Operation<Answer>,
        holder: &str,
    ) -> Result<(Answer, bool), ApiError> {
        let key = self.asker.caller.as_deref().map_or("", |key| &key.id);
        let caller = format!("{key} {holder}");
        let done = pin!(operate::carry_out_as(
            self.web, operation, self.parts, &self.body, &caller
        ));
        match self.deadline.for_write(done).await {
            Ok(done) => Ok((done.answer, done.replayed)),
            Err(error) => Err(operate::with_key(error, &self.parts.headers)),
        }
    }

    /// Gives whoever asked the cookie of a token.
    fn hand_out(&self, reply: &mut Reply, token: &Token, shown: &Shown) {
        let now_us = self.web.store().clock().now_us();
        let left_us = shown.absolute_at_us.saturating_sub(now_us);
        set_cookie(reply, holder::cookie(token, left_us));
    }

    /// Whether whoever asks is the application, and may do this.
    fn may(&self, verb: Verb) -> bool {
        match self.asker.caller {
            Some(key) => key.scopes.allow(Surface::Sessions, verb, None),
            None => self.asker.is_open,
        }
    }

    fn require(&self, verb: Verb) -> Result<(), ApiError> {
        match self.asker.caller {
            Some(key) => gate::require(key, Surface::Sessions, verb, None),
            None if self.asker.is_open => Ok(()),
            None => Err(ApiError::unauthorized("PGRST302", "a key is required")),
        }
    }
}

/// Where a session's state is asked: nowhere but at its owner.
fn strong() -> Session {
    Session {
        token: None,
        consistency: Consistency::Strong,
    }
}

/// Bytes of a body at most: escapes of JSON make six of one.
fn body_max(web: &Web) -> u64 {
    let data = web.store().config().sessions.data_bytes_max as u64;
    let most = data.saturating_mul(6).saturating_add(BODY_BESIDE_DATA);
    most.min(web.limits().max_body)
}

fn nobody() -> ApiError {
    holder::nobody("session_required", "a session is required")
}

fn is_over() -> ApiError {
    holder::nobody(INVALID, "there is no such session, or none any more")
}

fn set_cookie(reply: &mut Reply, cookie: Option<HeaderValue>) {
    if let Some(cookie) = cookie {
        reply.headers_mut().append(SET_COOKIE, cookie);
    }
}
