//! Sessions of an application's users over HTTP: `/sessions/v1`.
//!
//! The application begins sessions, lists and ends them, with its key. Who holds a session, by
//! its cookie or its token, may ask for that one, rotate it and end it, without a key; and what
//! else, [`crate::config::Sessions`] says. All of it is read from the owner, and no answer carries a
//! stamp: a session that was ended anywhere has ended everywhere.

mod body;
mod holder;

use crate::answer::Answer;
use crate::conditional;
use crate::config::DataAccess;
use crate::deadline::Deadline;
use crate::error::ApiError;
use crate::gate::{self, Caller};
use crate::intake;
use crate::operate::{self, NextLink};
use crate::params::{Params, malformed};
use crate::reply::{self, Reply};
use crate::web::Web;
use body::{SessionBody, SessionJson, Shown};
use bytes::Bytes;
use holder::By;
use http::header::{CACHE_CONTROL, HeaderName, HeaderValue, SET_COOKIE};
use http::request::Parts;
use http::{Method, StatusCode};
use hyper::body::Body;
use pando_store::keys::{Surface, Verb};
use pando_store::operation::Operation;
use pando_store::session::{Consistency, Session};
use pando_store::sessions::{Record, Token};
use serde::Serialize;
use std::borrow::Cow;

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

/// A session that the request holds.
struct Held {
    token: Token,
    by: By,
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
            .for_body(intake::taken(body, body_max(web)))
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

    async fn begin(self) -> Result<Reply, ApiError> {
        Params::read(&self.parts.uri, &[])?;
        body::check_json(self.parts)?;
        let sent = SessionBody::read(&self.body)?;
        // Who logs in again, or as somebody else, has one session afterwards, not two.
        let before = holder::held(&self.parts.headers).and_then(|(token, _)| token);
        let store = self.web.store();
        let planned = async { Ok(store.session_begin(sent.begin(before)).await?) };
        let (begin, mut token) = self.deadline.for_plan(planned).await?;
        // With its data, which who made it has just sent.
        let begin = begin.map(|record| Ok(body::answer(StatusCode::CREATED, &record, true)));
        let (answer, replayed) = self.carry_out(begin, "").await?;
        let shown = body::shown(&answer)?;
        if replayed {
            // The token that was made is kept nowhere: whoever did not get it gets another one.
            token = self.rekey(&shown).await?;
        }
        let mut reply = body::with_token(answer, &token).into_reply();
        if replayed {
            let name = HeaderName::from_static("idempotency-replayed");
            reply
                .headers_mut()
                .insert(name, HeaderValue::from_static("true"));
        }
        self.hand_out(&mut reply, &token, &shown);
        Ok(reply)
    }

    async fn get(self) -> Result<Reply, ApiError> {
        Params::read(&self.parts.uri, &[])?;
        let precondition = conditional::precondition(&self.parts.headers)?;
        let held = self.held()?;
        let record = self.fetch(&held).await?;
        let record = self.touched(&held, record).await;
        let instead = conditional::instead(&precondition, record.version);
        let shown = || body::answer(StatusCode::OK, &record, self.shows_data());
        Ok(instead.unwrap_or_else(shown).into_reply())
    }

    async fn patch(self) -> Result<Reply, ApiError> {
        Params::read(&self.parts.uri, &[])?;
        body::check_json(self.parts)?;
        let held = self.held()?;
        self.require_data_write()?;
        let precondition = conditional::precondition(&self.parts.headers)?;
        let patch = body::patch_of(&self.body)?;
        if self.parts.headers.contains_key("idempotency-key") {
            // An answer that was kept is not for whoever held it once.
            self.fetch(&held).await?;
        }
        let store = self.web.store();
        let planned = async {
            Ok(store
                .session_patch(&held.token, &patch, precondition)
                .await?)
        };
        let patch = self.deadline.for_plan(planned).await?;
        let shows_data = self.shows_data();
        let patch = patch.map(move |record| Ok(or_is_over(record, shows_data)));
        Ok(self.of_held(patch, &held).await?.into_reply())
    }

    async fn rotate(self) -> Result<Reply, ApiError> {
        Params::read(&self.parts.uri, &[])?;
        body::check_json(self.parts)?;
        let held = self.held()?;
        if self.parts.headers.contains_key("idempotency-key") {
            let message =
                "a rotation takes no Idempotency-Key: the token that it made is kept nowhere";
            return Err(malformed(message)
                .hint("Where no answer came, ask GET /current with the token that you have; if it is none any more, log in again."));
        }
        let sent = SessionBody::read(&self.body)?;
        if sent.is_of_application() {
            self.require(Verb::Write)?;
        }
        if sent.has_data() {
            self.require_data_write()?;
        }
        let rotate = sent.rotate()?;
        let store = self.web.store();
        let planned = async { Ok(store.session_rotate(&held.token, rotate).await?) };
        let (rotate, token) = self.deadline.for_plan(planned).await?;
        let shows_data = self.shows_data();
        let rotate = rotate.map(move |record| Ok(or_is_over(record, shows_data)));
        let answer = self.of_held(rotate, &held).await?;
        let shown = body::shown(&answer)?;
        // What came as a cookie goes as a cookie alone: no script is to see it.
        let by_browser = held.by == By::Cookie && self.asker.caller.is_none();
        let answer = match by_browser {
            true => answer,
            false => body::with_token(answer, &token),
        };
        let mut reply = answer.into_reply();
        self.hand_out(&mut reply, &token, &shown);
        Ok(reply)
    }

    async fn end(self) -> Result<Reply, ApiError> {
        Params::read(&self.parts.uri, &[])?;
        let held = self.held()?;
        let precondition = conditional::precondition(&self.parts.headers)?;
        let end = self.web.store().session_end(&held.token, precondition);
        let end = end.map(|was_there| Ok(Answer::of_delete(was_there, &is_over().into_answer())));
        let mut reply = self.of_held(end, &held).await?.into_reply();
        set_cookie(&mut reply, holder::no_cookie());
        Ok(reply)
    }

    async fn list(self, user: &str) -> Result<Reply, ApiError> {
        let params = Params::read(&self.parts.uri, &["limit", "cursor"])?;
        let (limit, cursor) = (params.number("limit")?, params.text("cursor"));
        #[derive(Serialize)]
        struct List<'a> {
            sessions: Vec<SessionJson<'a>>,
        }
        let list = self.web.store().session_list(user, limit, cursor)?;
        let list = self.read(&list).await?;
        let each = list.sessions.iter();
        let sessions = each.map(|record| SessionJson::of(record, true)).collect();
        let page = Answer::json(StatusCode::OK, &List { sessions });
        let next = NextLink::of(self.parts);
        let count = list.sessions.len();
        let page = next.on_list(page, count, list.truncated, list.cursor);
        Ok(page.into_reply())
    }

    async fn end_user(self, user: &str) -> Result<Reply, ApiError> {
        let params = Params::read(&self.parts.uri, &["except"])?;
        let except = params.number("except")?;
        let end = self.web.store().session_end_user(user, except)?;
        self.of_application(end.map(|()| Ok(Answer::new(StatusCode::NO_CONTENT))))
            .await
    }

    async fn end_one(self, user: &str, id: &str) -> Result<Reply, ApiError> {
        Params::read(&self.parts.uri, &[])?;
        let id = id
            .parse()
            .map_err(|_| malformed(format!("the id of a session is a whole number, not {id:?}")))?;
        let end = self.web.store().session_end_one(user, id)?;
        let absent = Answer::not_found(format!("there is no session {id} of {user:?}"));
        self.of_application(end.map(move |was_there| Ok(Answer::of_delete(was_there, &absent))))
            .await
    }

    async fn end_all(self) -> Result<Reply, ApiError> {
        let params = Params::read(&self.parts.uri, &["all"])?;
        if params.flag("all")? != Some(true) {
            return Err(malformed("this would end every session of every user")
                .hint("If that is meant, say so: DELETE /sessions/v1?all=true. Those of one user: DELETE /sessions/v1/users/{user}."));
        }
        let end = self.web.store().session_end_all();
        self.of_application(end.map(|()| Ok(Answer::new(StatusCode::NO_CONTENT))))
            .await
    }

    /// The session that the request holds; a browser that was made to send it holds none.
    fn held(&self) -> Result<Held, ApiError> {
        let Some((token, by)) = holder::held(&self.parts.headers) else {
            return Err(nobody());
        };
        let reads = matches!(self.parts.method, Method::GET | Method::HEAD);
        if by == By::Cookie && self.asker.caller.is_none() && !reads {
            let policy = self.web.policy();
            holder::refuse_forged(policy.origins(), self.parts)?;
        }
        let token = token.ok_or_else(is_over)?;
        Ok(Held { token, by })
    }

    async fn fetch(&self, held: &Held) -> Result<Record, ApiError> {
        let get = self.web.store().session_get(&held.token);
        self.read(&get).await?.ok_or_else(is_over)
    }

    /// The same session, used now. That this could not be written down is nothing to its holder.
    async fn touched(&self, held: &Held, record: Record) -> Record {
        let store = self.web.store();
        let Some(touch) = store.session_touch(&held.token, &record) else {
            return record;
        };
        let touch = touch.map(|_| Ok(Vec::new()));
        let touched = async { Ok(store.carry_out(&touch, None, &strong()).await?) };
        match self.deadline.for_read(touched).await {
            Ok(_) => self.fetch(held).await.unwrap_or(record),
            Err(error) => {
                tracing::warn!(%error, "that a session was used could not be written down");
                record
            }
        }
    }

    /// Another token for a session whose first one did not arrive.
    async fn rekey(&self, lost: &Shown) -> Result<Token, ApiError> {
        let store = self.web.store();
        let (again, token) = store.session_rekey(lost.user.as_deref(), lost.id)?;
        let again = again.map(|record| Ok(vec![u8::from(record.is_some())]));
        let done = async { Ok(store.carry_out(&again, None, &strong()).await?) };
        match self.deadline.for_write(done).await?.answer.as_slice() {
            [1] => Ok(token),
            _ => Err(ApiError::new(
                StatusCode::CONFLICT,
                "conflict",
                "the session that this Idempotency-Key began has ended",
            )
            .hint("Begin another one, under a new key.")),
        }
    }

    async fn read<T: Send + 'static>(&self, operation: &Operation<T>) -> Result<T, ApiError> {
        let session = strong();
        let answered = async { Ok(self.web.store().answer(operation, &session).await?) };
        Ok(self.deadline.for_read(answered).await?.0)
    }

    /// Carries out what whoever holds a session asks for; 401 where it has ended.
    async fn of_held(&self, operation: Operation<Answer>, held: &Held) -> Result<Answer, ApiError> {
        let (answer, _) = self.carry_out(operation, held.token.text()).await?;
        match answer.status {
            StatusCode::UNAUTHORIZED => Err(is_over()),
            _ => Ok(answer),
        }
    }

    /// Carries out what the application asks for.
    async fn of_application(&self, operation: Operation<Answer>) -> Result<Reply, ApiError> {
        Ok(self.carry_out(operation, "").await?.0.into_reply())
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
        let done = operate::carry_out_as(self.web, operation, self.parts, &self.body, &caller);
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

    fn shows_data(&self) -> bool {
        self.web.sessions().data_without_key != DataAccess::None || self.may(Verb::Read)
    }

    fn require(&self, verb: Verb) -> Result<(), ApiError> {
        match self.asker.caller {
            Some(key) => gate::require(key, Surface::Sessions, verb, None),
            None if self.asker.is_open => Ok(()),
            None => Err(ApiError::unauthorized("PGRST302", "a key is required")),
        }
    }

    fn require_data_write(&self) -> Result<(), ApiError> {
        if self.web.sessions().data_without_key == DataAccess::Write || self.may(Verb::Write) {
            return Ok(());
        }
        let error = match self.require(Verb::Write) {
            Err(error) => error.status(StatusCode::FORBIDDEN),
            Ok(()) => return Ok(()),
        };
        Err(error.hint(
            "The data of a session is the application's: it sends its key too. [sessions] data_without_key = \"write\" lets whoever holds a session change it.",
        ))
    }
}

/// Where a session's state is asked: nowhere but at its owner.
fn strong() -> Session {
    Session {
        token: None,
        consistency: Consistency::Strong,
    }
}

/// The answer that shows a session, or tells that there is none.
fn or_is_over(record: Option<Record>, shows_data: bool) -> Answer {
    match record {
        Some(record) => body::answer(StatusCode::OK, &record, shows_data),
        None => is_over().into_answer(),
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
