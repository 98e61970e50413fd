//! Sessions: what a caller has written and seen, so that it reads its own writes wherever
//! the read is served.
//!
//! Every answer hands out a token (`Pando-Stamp`), to be sent with the next request. Tokens are
//! opaque and cannot be compared here. An answer covers what was sent with its request; one
//! that came meanwhile, to a request that overlapped, it need not cover. So a session
//! keeps every token until an answer covers it, and sends several.

use crate::answer::Answer;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Tokens of one request at most: the server takes 32.
const SENT_MAX: usize = 16;
/// Bytes of them at most: a token has up to 2 KiB, and heads of requests are bounded.
const SENT_BYTES_MAX: usize = 8 << 10;
/// Tokens of one session at most. Every request that is answered covers up to 16 and adds one,
/// so this many are only there if thousands overlap; the session then asks owners.
const KEPT_MAX: usize = 4_096;

/// What a caller has written and seen. Clones are the same session.
///
/// A service keeps one for each of its callers, or one for itself. [`Session::tokens`] and
/// [`Session::resume`] carry one from process to process.
#[derive(Clone, Debug, Default)]
pub struct Session(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    stamps: Mutex<Stamps>,
    lost: AtomicU64,
}

#[derive(Debug, Default)]
struct Stamps {
    /// Those that were sent longest ago, or never, come first.
    tokens: VecDeque<Arc<str>>,
    /// One had to be forgotten.
    strong: bool,
}

/// How fresh an answer has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Consistency {
    /// From the owner.
    Strong,
    /// At least what the session has written and seen: the default.
    Session,
    /// At most so old.
    Bounded(std::time::Duration),
    /// Whatever there is.
    Eventual,
}

/// What one request brings of its session.
#[derive(Debug, Default)]
pub(crate) struct Brought {
    /// Sent as `Pando-Stamp`.
    pub(crate) tokens: Vec<Arc<str>>,
    /// What is sent is not all: only the owner may answer.
    pub(crate) strong: bool,
}

impl Session {
    /// A caller that has written and seen nothing yet.
    pub fn new() -> Session {
        Session::default()
    }

    /// Goes on with a session that was carried here as tokens.
    pub fn resume<S: AsRef<str>>(tokens: impl IntoIterator<Item = S>) -> Session {
        let session = Session::new();
        for token in tokens {
            session.0.stamps.lock().keep(token.as_ref());
        }
        session
    }

    /// Its tokens, to be carried elsewhere: all of them are needed.
    pub fn tokens(&self) -> Vec<String> {
        let stamps = self.0.stamps.lock();
        stamps
            .tokens
            .iter()
            .map(|token| token.to_string())
            .collect()
    }

    /// How many answers have said that the history lost something that the session had
    /// written or seen (`Pando-Stamp-Lost`). It grows where a failover or a restored backup
    /// lost writes.
    pub fn stamps_lost(&self) -> u64 {
        self.0.lost.load(Ordering::Relaxed)
    }

    /// What the next request sends.
    pub(crate) fn bring(&self) -> Brought {
        let mut stamps = self.0.stamps.lock();
        let mut bytes = 0;
        let mut count = 0;
        for token in stamps.tokens.iter().take(SENT_MAX) {
            bytes += token.len() + 1;
            if count > 0 && bytes > SENT_BYTES_MAX {
                break;
            }
            count += 1;
        }
        let tokens: Vec<_> = stamps.tokens.iter().take(count).cloned().collect();
        let strong = stamps.strong || stamps.tokens.len() > count;
        // Requests that overlap bring different ones, so that together they cover all.
        stamps.tokens.rotate_left(count);
        Brought { tokens, strong }
    }

    /// Takes in an answer, which covers what was brought if the copy had to.
    pub(crate) fn take(&self, brought: &Brought, covers: bool, answer: &Answer) {
        let lost = answer.is_stamp_lost();
        if lost {
            self.0.lost.fetch_add(1, Ordering::Relaxed);
        }
        let Some(token) = answer.header("pando-stamp") else {
            return;
        };
        let mut stamps = self.0.stamps.lock();
        if covers || lost {
            let gone = &brought.tokens;
            stamps.tokens.retain(|kept| !gone.contains(kept));
        }
        stamps.keep(token);
    }
}

impl Stamps {
    fn keep(&mut self, token: &str) {
        if token.is_empty() || self.tokens.iter().any(|kept| **kept == *token) {
            return;
        }
        if self.tokens.len() >= KEPT_MAX {
            self.tokens.pop_front();
            self.strong = true;
        }
        self.tokens.push_back(token.into());
    }
}

impl Consistency {
    /// The header's text; nothing for the default.
    pub(crate) fn text(self) -> Option<String> {
        match self {
            Consistency::Session => None,
            Consistency::Strong => Some("strong".to_owned()),
            Consistency::Bounded(span) => Some(format!("bounded={}us", span.as_micros())),
            Consistency::Eventual => Some("eventual".to_owned()),
        }
    }

    /// Whether an answer covers what was brought.
    pub(crate) fn covers(self) -> bool {
        matches!(self, Consistency::Strong | Consistency::Session)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use http::{HeaderMap, HeaderValue, StatusCode};

    fn answer(token: &str, lost: bool) -> Answer {
        let mut headers = HeaderMap::new();
        headers.insert("pando-stamp", HeaderValue::from_str(token).expect("text"));
        if lost {
            headers.insert("pando-stamp-lost", HeaderValue::from_static("true"));
        }
        Answer {
            status: StatusCode::OK,
            headers,
            body: Bytes::new(),
        }
    }

    fn tokens(session: &Session) -> Vec<String> {
        let mut tokens = session.tokens();
        tokens.sort();
        tokens
    }

    #[test]
    fn one_request_after_the_other_keeps_one_token() {
        let session = Session::new();
        for token in ["a", "b", "c"] {
            let brought = session.bring();
            session.take(&brought, true, &answer(token, false));
        }
        assert_eq!(session.tokens(), ["c"]);
    }

    #[test]
    fn an_answer_drops_only_what_its_own_request_had_brought() {
        let session = Session::resume(["old"]);
        let first = session.bring();
        let second = session.bring();
        session.take(&first, true, &answer("write", false));
        // The second began before the write was answered: it need not have seen it.
        session.take(&second, true, &answer("read", false));
        assert_eq!(tokens(&session), ["read", "write"]);
        let third = session.bring();
        session.take(&third, true, &answer("both", false));
        assert_eq!(tokens(&session), ["both"]);
    }

    #[test]
    fn an_answer_that_may_be_older_drops_nothing() {
        let session = Session::resume(["mine"]);
        let brought = session.bring();
        session.take(&brought, false, &answer("stale", false));
        assert_eq!(tokens(&session), ["mine", "stale"]);
    }

    #[test]
    fn what_the_history_has_lost_is_counted_and_not_asked_for_again() {
        let session = Session::resume(["gone"]);
        let brought = session.bring();
        session.take(&brought, true, &answer("new", true));
        assert_eq!(
            (session.stamps_lost(), tokens(&session)),
            (1, vec!["new".to_owned()])
        );
    }

    #[test]
    fn many_that_overlap_are_covered_in_turns_and_meanwhile_the_owner_is_asked() {
        let session = Session::resume((0..100).map(|n| format!("t{n}")));
        let brought: Vec<_> = (0..7).map(|_| session.bring()).collect();
        assert!(
            brought
                .iter()
                .all(|all| all.tokens.len() == SENT_MAX && all.strong)
        );
        for one in &brought {
            session.take(one, true, &answer("later", false));
        }
        assert_eq!(
            session.tokens(),
            ["later"],
            "seven times 16 are all of them"
        );
        assert!(!session.bring().strong);
    }

    #[test]
    fn a_session_is_bounded_and_one_that_had_to_forget_asks_the_owner() {
        let session = Session::resume((0..=KEPT_MAX).map(|n| format!("t{n}")));
        assert_eq!(session.tokens().len(), KEPT_MAX);
        for _ in 0..KEPT_MAX / SENT_MAX {
            let brought = session.bring();
            session.take(&brought, true, &answer("later", false));
        }
        let brought = session.bring();
        assert_eq!(brought.tokens.len(), 1);
        assert!(
            brought.strong,
            "nobody knows any more what the forgotten one required"
        );
        let long = Session::resume((0..8).map(|n| format!("{n}{}", "x".repeat(2_000))));
        assert_eq!(long.bring().tokens.len(), 4);
    }
}
