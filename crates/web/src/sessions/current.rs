//! What is asked of the session that a request holds: `/sessions/v1/current`.

use super::body::{self, SessionBody};
use super::holder::{self, By};
use super::{Request, is_over, nobody, set_cookie, strong};
use crate::answer::Answer;
use crate::conditional;
use crate::config::DataAccess;
use crate::error::ApiError;
use crate::params::{Params, malformed};
use crate::reply::Reply;
use http::{Method, StatusCode};
use pando_store::keys::Verb;
use pando_store::operation::Operation;
use pando_store::sessions::{Record, Token};
use std::pin::pin;

/// A session that the request holds.
struct Held {
    token: Token,
    by: By,
}

impl Request<'_> {
    pub(super) async fn get(self) -> Result<Reply, ApiError> {
        Params::read(&self.parts.uri, &[])?;
        let precondition = conditional::precondition(&self.parts.headers)?;
        let held = self.held()?;
        let record = self.fetch(&held).await?;
        let record = self.touched(&held, record).await;
        let instead = conditional::instead(&precondition, record.version);
        let shown = || body::answer(StatusCode::OK, &record, self.shows_data());
        Ok(instead.unwrap_or_else(shown).into_reply())
    }

    pub(super) async fn patch(self) -> Result<Reply, ApiError> {
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
        let planned = pin!(async {
            Ok(store
                .session_patch(&held.token, &patch, precondition)
                .await?)
        });
        let patch = self.deadline.for_plan(planned).await?;
        let shows_data = self.shows_data();
        let patch = patch.map(move |record| Ok(or_is_over(record, shows_data)));
        Ok(self.of_held(patch, &held).await?.into_reply())
    }

    pub(super) async fn rotate(self) -> Result<Reply, ApiError> {
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
        let planned = pin!(async { Ok(store.session_rotate(&held.token, rotate).await?) });
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

    pub(super) async fn end(self) -> Result<Reply, ApiError> {
        Params::read(&self.parts.uri, &[])?;
        let held = self.held()?;
        let precondition = conditional::precondition(&self.parts.headers)?;
        let end = self.web.store().session_end(&held.token, precondition);
        let end = end.map(|was_there| Ok(Answer::of_delete(was_there, &is_over().into_answer())));
        let mut reply = self.of_held(end, &held).await?.into_reply();
        set_cookie(&mut reply, holder::no_cookie());
        Ok(reply)
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
        let touched = pin!(async { Ok(store.carry_out(&touch, None, &strong()).await?) });
        match self.deadline.for_read(touched).await {
            Ok(_) => self.fetch(held).await.unwrap_or(record),
            Err(error) => {
                tracing::warn!(%error, "that a session was used could not be written down");
                record
            }
        }
    }

    /// Carries out what whoever holds a session asks for; 401 where it has ended.
    async fn of_held(&self, operation: Operation<Answer>, held: &Held) -> Result<Answer, ApiError> {
        let (answer, _) = self.carry_out(operation, held.token.text()).await?;
        match answer.status {
            StatusCode::UNAUTHORIZED => Err(is_over()),
            _ => Ok(answer),
        }
    }

    fn shows_data(&self) -> bool {
        self.web.sessions().data_without_key != DataAccess::None || self.may(Verb::Read)
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

/// The answer that shows a session, or tells that there is none.
fn or_is_over(record: Option<Record>, shows_data: bool) -> Answer {
    match record {
        Some(record) => body::answer(StatusCode::OK, &record, shows_data),
        None => is_over().into_answer(),
    }
}
