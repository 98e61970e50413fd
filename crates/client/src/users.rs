//! Sessions of an application's users: who is logged in. (What carries stamps is
//! [`crate::Session`].)

use crate::address;
use crate::answer::{Answer, Etag};
use crate::call::{Call, Request};
use crate::client::Client;
use crate::error::{Error, Result};
use crate::page::{self, Page};
use futures_util::Stream;
use http::header::{HeaderName, HeaderValue};
use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;
use std::time::Duration;

const HEADER: HeaderName = HeaderName::from_static("pando-session");
const SURFACE: &str = "sessions";

/// The sessions of an application's users.
#[derive(Clone, Debug)]
pub struct UserSessions {
    client: Client,
}

/// What a session's holder sends. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionToken(String);

/// A session that its token names.
#[derive(Clone, Debug)]
pub struct HeldSession {
    client: Client,
    token: SessionToken,
}

/// A session as it is shown.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct UserSession {
    /// Names it in lists; it stays when the token is rotated.
    pub id: i64,
    /// Whose it is; nobody's until somebody logs in.
    pub user: Option<String>,
    /// What the application keeps in it.
    #[serde(default)]
    pub data: Value,
    /// When it was begun, RFC 3339, as all times here.
    pub created_at: String,
    /// When its user last showed who they are.
    pub authenticated_at: Option<String>,
    /// When it was last used.
    pub last_seen_at: String,
    /// When it ends if it is not used again.
    pub expires_at: String,
    /// When it ends however much it is used.
    pub absolute_expires_at: String,
}

/// A session that was begun, or got another token.
#[derive(Clone, Debug, PartialEq)]
pub struct GivenSession {
    /// Its token, which is shown only here.
    pub token: SessionToken,
    /// Its cookie, to be passed on to the browser as it is: the value of `Set-Cookie`.
    pub cookie: SetCookie,
    /// The session.
    pub session: UserSession,
    /// Its version.
    pub etag: Etag,
}

/// The value of `Set-Cookie`, with the token in it. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct SetCookie(String);

/// A user's sessions, oldest first.
#[derive(Clone, Debug)]
#[must_use = "nothing is read until page or stream is called and awaited"]
pub struct UserSessionList {
    client: Client,
    user: String,
    limit: Option<u64>,
    cursor: Option<String>,
}

impl Client {
    /// The sessions of an application's users.
    pub fn user_sessions(&self) -> UserSessions {
        UserSessions {
            client: self.clone(),
        }
    }
}

impl UserSessions {
    /// Begins a session of somebody who has just shown who they are.
    /// [`Call::data`], [`Call::idle`], [`Call::absolute`] and [`Call::instead_of`] say more.
    pub fn begin(&self, user: &str) -> Call<GivenSession> {
        self.begin_with(&Said { user: Some(user) })
    }

    /// Begins a session of nobody yet.
    pub fn begin_anonymous(&self) -> Call<GivenSession> {
        self.begin_with(&Said::default())
    }

    /// The session that a token names.
    pub fn held(&self, token: &SessionToken) -> HeldSession {
        HeldSession {
            client: self.client.clone(),
            token: token.clone(),
        }
    }

    /// The sessions of a user.
    pub fn list(&self, user: &str) -> UserSessionList {
        UserSessionList {
            client: self.client.clone(),
            user: user.to_owned(),
            limit: None,
            cursor: None,
        }
    }

    /// Ends one of a user's sessions; whether it was there.
    pub fn end_one(&self, user: &str, id: i64) -> Call<bool> {
        let path = address::path(SURFACE, &["users", user, &id.to_string()]);
        let request = Request::new(Method::DELETE, path);
        Call::new(&self.client, Ok(request), |answer| {
            Ok(answer.found()?.is_some())
        })
    }

    /// Ends all sessions of a user, but for one where one is named.
    pub fn end_user(&self, user: &str, except: Option<i64>) -> Call<()> {
        let path = address::path(SURFACE, &["users", user]);
        self.end(Request::new(Method::DELETE, path).param("except", except))
    }

    /// Ends all sessions of everybody.
    pub fn end_all(&self) -> Call<()> {
        let path = address::path(SURFACE, &[]);
        self.end(Request::new(Method::DELETE, path).param("all", Some(true)))
    }

    fn begin_with(&self, said: &Said<'_>) -> Call<GivenSession> {
        let request = Request::new(Method::POST, address::path(SURFACE, &[])).json(said);
        Call::new(&self.client, request, GivenSession::of)
    }

    fn end(&self, request: Request) -> Call<()> {
        Call::new(&self.client, Ok(request), |answer| {
            answer.success().map(|_| ())
        })
    }
}

impl HeldSession {
    /// The session and its version; nothing if it has ended. It was used by that.
    pub fn get(&self) -> Call<Option<(UserSession, Etag)>> {
        self.call(Method::GET, &[], Ok, versioned)
    }

    /// Changes its data by a merge patch (RFC 7396), and gives what is there then; nothing if it
    /// has ended. With [`Call::if_match`] only if nobody else has changed it.
    pub fn patch<T: Serialize + ?Sized>(&self, patch: &T) -> Call<Option<(UserSession, Etag)>> {
        #[derive(Serialize)]
        struct Patch<'a, T: ?Sized> {
            data: &'a T,
        }
        let body = Patch { data: patch };
        self.call(Method::PATCH, &[], |request| request.json(&body), versioned)
    }

    /// Ends it; whether it was there.
    pub fn end(&self) -> Call<bool> {
        self.call(Method::DELETE, &[], Ok, |answer| {
            Ok(alive(answer)?.is_some())
        })
    }

    /// Gives it another token, and nothing else changes; nothing if it has ended. It is not sent
    /// again where its answer did not come.
    pub fn rotate(&self) -> Call<Option<GivenSession>> {
        self.rotate_with(&Said::default())
    }

    /// The same, for somebody who has just shown who they are.
    pub fn rotate_as(&self, user: &str) -> Call<Option<GivenSession>> {
        self.rotate_with(&Said { user: Some(user) })
    }

    fn rotate_with(&self, said: &Said<'_>) -> Call<Option<GivenSession>> {
        let once = |request: Request| {
            let mut request = request.json(said)?;
            request.once = true;
            Ok(request)
        };
        self.call(Method::POST, &["rotate"], once, |answer| {
            alive(answer)?.map(GivenSession::of).transpose()
        })
    }

    fn call<T>(
        &self,
        method: Method,
        segments: &[&str],
        with: impl FnOnce(Request) -> Result<Request>,
        read: impl FnOnce(Answer) -> Result<T> + Send + 'static,
    ) -> Call<T> {
        let path = address::path(SURFACE, &[&["current"], segments].concat());
        let mut request = Request::new(method, path);
        let request = self.token.header().and_then(|value| {
            request.headers.insert(HEADER, value);
            with(request)
        });
        Call::new(&self.client, request, read)
    }
}

/// What a session is to be. Its parts are set one by one, in the body of a call.
#[derive(Default, Serialize)]
struct Said<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
}

impl Call<GivenSession> {
    /// What is kept in it: an object.
    pub fn data<T: Serialize + ?Sized>(self, data: &T) -> Call<GivenSession> {
        self.saying("data", data)
    }

    /// How long it lives without being used.
    pub fn idle(self, time: Duration) -> Call<GivenSession> {
        self.saying("idle", &address::span(time))
    }

    /// How long it lives in all.
    pub fn absolute(self, time: Duration) -> Call<GivenSession> {
        self.saying("absolute", &address::span(time))
    }

    /// The session that was there before, and ends with this.
    pub fn instead_of(self, token: &SessionToken) -> Call<GivenSession> {
        self.with_secret(HEADER, token.header())
    }
}

impl Call<Option<GivenSession>> {
    /// What changes in its data: a merge patch.
    pub fn data<T: Serialize + ?Sized>(self, data: &T) -> Call<Option<GivenSession>> {
        self.saying("data", data)
    }

    /// How long it lives without being used.
    pub fn idle(self, time: Duration) -> Call<Option<GivenSession>> {
        self.saying("idle", &address::span(time))
    }

    /// How long it lives in all from now on; with a user only.
    pub fn absolute(self, time: Duration) -> Call<Option<GivenSession>> {
        self.saying("absolute", &address::span(time))
    }
}

impl UserSessionList {
    /// So many in a page.
    pub fn limit(mut self, sessions: u64) -> UserSessionList {
        self.limit = Some(sessions);
        self
    }

    /// Goes on where a page ended.
    pub fn after(mut self, cursor: impl Into<String>) -> UserSessionList {
        self.cursor = Some(cursor.into());
        self
    }

    /// One page.
    pub fn page(self) -> Call<Page<UserSession>> {
        #[derive(Deserialize)]
        struct List {
            sessions: Vec<UserSession>,
        }
        let request = Request::get(address::path(SURFACE, &["users", &self.user]))
            .param("limit", self.limit)
            .param("cursor", self.cursor.as_deref());
        Call::new(&self.client, Ok(request), |answer| {
            Page::read(answer, |list: List| list.sessions)
        })
    }

    /// All of them, page by page.
    pub fn stream(self) -> impl Stream<Item = Result<UserSession>> + Send {
        page::stream(move |cursor| match cursor {
            Some(cursor) => self.clone().after(cursor).page(),
            None => self.clone().page(),
        })
    }
}

impl SessionToken {
    /// A token that a request brought.
    pub fn new(text: impl Into<String>) -> SessionToken {
        SessionToken(text.into())
    }

    /// What its holder sends.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn header(&self) -> Result<HeaderValue> {
        // Without its source, which would show it.
        let mut value = HeaderValue::from_str(&self.0)
            .map_err(|_| Error::usage("the token holds characters that no token has"))?;
        value.set_sensitive(true);
        Ok(value)
    }
}

impl SetCookie {
    /// The header's value.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionToken")
    }
}

impl fmt::Debug for SetCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SetCookie")
    }
}

impl GivenSession {
    fn of(answer: Answer) -> Result<GivenSession> {
        #[derive(Deserialize)]
        struct Given {
            token: String,
            #[serde(flatten)]
            session: UserSession,
        }
        let answer = answer.success()?;
        let Given { token, session } = answer.json()?;
        let cookie = answer.header("set-cookie").unwrap_or_default().to_owned();
        Ok(GivenSession {
            token: SessionToken(token),
            cookie: SetCookie(cookie),
            session,
            etag: answer.required_etag()?,
        })
    }
}

/// The session that an answer shows, and its version; nothing if it has ended.
fn versioned(answer: Answer) -> Result<Option<(UserSession, Etag)>> {
    let Some(answer) = alive(answer)? else {
        return Ok(None);
    };
    Ok(Some((answer.json()?, answer.required_etag()?)))
}

/// This answer, nothing if it tells that there is no such session any more.
fn alive(answer: Answer) -> Result<Option<Answer>> {
    if answer.status == StatusCode::UNAUTHORIZED {
        let error = Error::answered(&answer);
        return match error.code() {
            "session_invalid" => Ok(None),
            _ => Err(error),
        };
    }
    answer.success().map(Some)
}
