//! The port: who is called.

use super::{Change, Committed};
use async_trait::async_trait;

/// Who is called when data changes, in the phase that it was registered for. A call is dropped when
/// its time is up. Both what is asked and what is told may come again, and several calls may be under
/// way at once.
#[async_trait]
pub trait Listener: Send + Sync {
    /// A write is worked out and about to be committed: these changes, all or none. It is not
    /// committed yet, and may still not be: another listener may veto, and a write whose items
    /// change meanwhile is worked out and asked about anew.
    async fn before_commit(&self, asked: &Asked) -> Verdict {
        let _ = asked;
        Verdict::Go
    }

    /// A change was committed. It is told until this succeeds, or its attempts are used up; of one
    /// item what comes later is told later.
    async fn after_commit(&self, told: &Committed) -> Result<(), String> {
        let _ = told;
        Ok(())
    }

    /// A write was refused: nothing of it was done. Told once, if the process lives.
    async fn after_rollback(&self, told: &RolledBack) -> Result<(), String> {
        let _ = told;
        Ok(())
    }

    /// What it is, for people: a URL, a name.
    fn describe(&self) -> String;
}

/// What a listener is asked before a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The same for all who are asked about the same changes of one write, and for no others.
    pub id: String,
    /// The changes that it hears of.
    pub changes: Vec<Change>,
}

/// What a listener says before a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The write may be committed, as far as it is concerned.
    Go,
    /// It must not be.
    Veto {
        /// Why, for whoever asked for the write.
        message: String,
    },
    /// Nobody knows.
    Failed {
        /// What went wrong, for the operator.
        error: String,
    },
}

/// What a listener is told after a rollback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RolledBack {
    /// What tells it from every other one.
    pub id: String,
    /// The changes that it hears of, as they were worked out so far.
    pub changes: Vec<Change>,
    /// The code of the refusal.
    pub code: String,
    /// Its sentence.
    pub message: String,
}

impl Asked {
    /// `{"changes":[…]}`.
    pub fn json(&self) -> String {
        format!(r#"{{"changes":{}}}"#, list(&self.changes))
    }
}

impl RolledBack {
    /// `{"changes":[…],"code","message"}`.
    pub fn json(&self) -> String {
        let text = |text: &str| serde_json::Value::from(text);
        let (code, message) = (text(&self.code), text(&self.message));
        let changes = list(&self.changes);
        format!(r#"{{"changes":{changes},"code":{code},"message":{message}}}"#)
    }
}

fn list(changes: &[Change]) -> String {
    let each: Vec<String> = changes.iter().map(Change::json).collect();
    format!("[{}]", each.join(","))
}
