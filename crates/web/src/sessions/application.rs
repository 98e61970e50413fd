//! What the application asks, with its key: sessions are begun, listed and ended.

use super::Request;
use super::body::{self, SessionBody, SessionJson, Shown};
use super::holder;
use super::strong;
use crate::answer::Answer;
use crate::error::ApiError;
use crate::operate::NextLink;
use crate::params::{Params, malformed};
use crate::reply::Reply;
use http::StatusCode;
use http::header::{HeaderName, HeaderValue};
use pando_store::operation::Operation;
use pando_store::sessions::Token;
use serde::Serialize;
use std::pin::pin;

impl Request<'_> {
    pub(super) async fn begin(self) -> Result<Reply, ApiError> {
        Params::read(&self.parts.uri, &[])?;
        body::check_json(self.parts)?;
        let sent = SessionBody::read(&self.body)?;
        // Who logs in again, or as somebody else, has one session afterwards, not two.
        let before = holder::held(&self.parts.headers).and_then(|(token, _)| token);
        let store = self.web.store();
        let planned = pin!(async { Ok(store.session_begin(sent.begin(before)).await?) });
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

    pub(super) async fn list(self, user: &str) -> Result<Reply, ApiError> {
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

    pub(super) async fn end_user(self, user: &str) -> Result<Reply, ApiError> {
        let params = Params::read(&self.parts.uri, &["except"])?;
        let except = params.number("except")?;
        let end = self.web.store().session_end_user(user, except)?;
        self.of_application(end.map(|()| Ok(Answer::new(StatusCode::NO_CONTENT))))
            .await
    }

    pub(super) async fn end_one(self, user: &str, id: &str) -> Result<Reply, ApiError> {
        Params::read(&self.parts.uri, &[])?;
        let id = id
            .parse()
            .map_err(|_| malformed(format!("the id of a session is a whole number, not {id:?}")))?;
        let end = self.web.store().session_end_one(user, id)?;
        let absent = Answer::not_found(format!("there is no session {id} of {user:?}"));
        self.of_application(end.map(move |was_there| Ok(Answer::of_delete(was_there, &absent))))
            .await
    }

    pub(super) async fn end_all(self) -> Result<Reply, ApiError> {
        let params = Params::read(&self.parts.uri, &["all"])?;
        if params.flag("all")? != Some(true) {
            return Err(malformed("this would end every session of every user")
                .hint("If that is meant, say so: DELETE /sessions/v1?all=true. Those of one user: DELETE /sessions/v1/users/{user}."));
        }
        let end = self.web.store().session_end_all();
        self.of_application(end.map(|()| Ok(Answer::new(StatusCode::NO_CONTENT))))
            .await
    }

    /// Another token for a session whose first one did not arrive.
    async fn rekey(&self, lost: &Shown) -> Result<Token, ApiError> {
        let store = self.web.store();
        let (again, token) = store.session_rekey(lost.user.as_deref(), lost.id)?;
        let again = again.map(|record| Ok(vec![u8::from(record.is_some())]));
        let done = pin!(async { Ok(store.carry_out(&again, None, &strong()).await?) });
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

    /// Carries out what the application asks for.
    async fn of_application(&self, operation: Operation<Answer>) -> Result<Reply, ApiError> {
        Ok(self.carry_out(operation, "").await?.0.into_reply())
    }
}
