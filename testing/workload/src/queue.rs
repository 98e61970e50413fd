//! What happened to a queue, as those who used it saw it, and whether that may be.
//!
//! | claim | contradicted by |
//! |---|---|
//! | nothing is lost | a message that was published for sure and never came, or was not acknowledged in the end |
//! | nothing that was acknowledged comes again | a delivery after it |
//! | a lease is one consumer's | a delivery while another's lasts, or an acknowledgement that is refused while it lasts |
//! | the messages of a key come one at a time, in order | a delivery before an earlier one of the key was acknowledged |
//! | nothing is made up | a delivery of what nobody published |
//!
//! Messages are told apart by their bodies; those of a key are published one after the other.
//! What was not answered may have been done or not.

use std::collections::BTreeMap;

/// What is known of one thing that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    No,
    Perhaps,
    Yes,
}

#[derive(Clone, Debug)]
struct Fate {
    key: Option<String>,
    published: Known,
    acked: Known,
    is_dead: bool,
    /// Until when it is one consumer's: microseconds since 1970.
    leased_until_us: Option<i64>,
    deliveries: u64,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct QueueHistory {
    messages: BTreeMap<String, Fate>,
    /// The bodies of each key, in the order of their publishes.
    keys: BTreeMap<String, Vec<String>>,
    wrong: Vec<String>,
    /// Deliveries after the first, of all messages.
    again: u64,
}

impl QueueHistory {
    /// A message is being published; whether it is, is not known yet.
    pub fn publishing(&mut self, body: &str, key: Option<&str>) {
        let fate = Fate {
            key: key.map(str::to_owned),
            published: Known::Perhaps,
            acked: Known::No,
            is_dead: false,
            leased_until_us: None,
            deliveries: 0,
        };
        self.messages.insert(body.to_owned(), fate);
        if let Some(key) = key {
            let bodies = self.keys.entry(key.to_owned()).or_default();
            bodies.push(body.to_owned());
        }
    }

    /// It was answered: it is published.
    pub fn published(&mut self, body: &str) {
        self.change(body, |fate| fate.published = Known::Yes);
    }

    /// It was refused: it is not.
    pub fn refused(&mut self, body: &str) {
        self.change(body, |fate| fate.published = Known::No);
    }

    /// It was handed to a consumer at `at_us`, whose it is until `until_us` at least.
    pub fn delivered(&mut self, body: &str, at_us: i64, until_us: i64) {
        let Some(fate) = self.messages.get(body).cloned() else {
            self.wrong.push(format!("{body} was published by nobody"));
            return;
        };
        if fate.published == Known::No {
            self.wrong.push(format!("{body} was refused and came"));
        }
        if fate.acked == Known::Yes {
            self.wrong
                .push(format!("{body} was acknowledged and came again"));
        }
        if fate.leased_until_us.is_some_and(|until| at_us < until) {
            self.wrong
                .push(format!("{body} came while it was another's"));
        }
        let earlier = self.earlier_of_key(body, &fate);
        if let Some(earlier) = earlier {
            self.wrong
                .push(format!("{body} came before {earlier} was acknowledged"));
        }
        self.again += u64::from(fate.deliveries > 0);
        self.change(body, |fate| {
            fate.published = Known::Yes;
            fate.is_dead = false;
            fate.deliveries += 1;
            fate.leased_until_us = Some(until_us);
        });
    }

    /// Its consumer acknowledged it.
    pub fn acked(&mut self, body: &str) {
        self.change(body, |fate| {
            fate.acked = Known::Yes;
            fate.leased_until_us = None;
        });
    }

    /// Its consumer acknowledged it and was not answered.
    pub fn perhaps_acked(&mut self, body: &str) {
        self.change(body, |fate| {
            if fate.acked == Known::No {
                fate.acked = Known::Perhaps;
            }
        });
    }

    /// Its consumer was told that the lease is gone, at `at_us` at the latest.
    pub fn gone(&mut self, body: &str, at_us: i64) {
        let until = self
            .messages
            .get(body)
            .and_then(|fate| fate.leased_until_us);
        let unsure = self
            .messages
            .get(body)
            .is_some_and(|fate| fate.acked == Known::Perhaps);
        if !unsure && until.is_some_and(|until| at_us < until) {
            self.wrong
                .push(format!("the lease of {body} was gone too early"));
        }
    }

    /// Its consumer gave it back, or may have: it may come at once.
    pub fn given_back(&mut self, body: &str) {
        self.change(body, |fate| fate.leased_until_us = None);
    }

    /// Its attempts are used up.
    pub fn died(&mut self, body: &str) {
        self.change(body, |fate| {
            fate.is_dead = true;
            fate.leased_until_us = None;
        });
    }

    /// The lease of each message may have been lost with whoever kept it.
    pub fn leases_lost(&mut self) {
        for fate in self.messages.values_mut() {
            fate.leased_until_us = None;
        }
    }

    /// How many deliveries were not the first of their message.
    pub fn again(&self) -> u64 {
        self.again
    }

    /// Messages that may still come.
    pub fn open(&self) -> Vec<&str> {
        let open = self.messages.iter().filter(|(_, fate)| {
            fate.published == Known::Yes && fate.acked == Known::No && !fate.is_dead
        });
        open.map(|(body, _)| body.as_str()).collect()
    }

    /// What contradicts the claims so far.
    pub fn wrong(&self) -> &[String] {
        &self.wrong
    }

    /// What contradicts the claims, after the queue was worked on until nothing came any more.
    pub fn finish(mut self) -> Vec<String> {
        let lost: Vec<String> = self
            .open()
            .iter()
            .map(|body| format!("{body} was lost"))
            .collect();
        self.wrong.extend(lost);
        self.wrong
    }

    /// An earlier message of the same key that is there for sure and not acknowledged.
    fn earlier_of_key(&self, body: &str, fate: &Fate) -> Option<String> {
        let bodies = self.keys.get(fate.key.as_ref()?)?;
        let earlier = bodies.iter().take_while(|other| *other != body);
        let mut open = earlier.filter(|other| {
            self.messages.get(*other).is_some_and(|other| {
                other.published == Known::Yes && other.acked == Known::No && !other.is_dead
            })
        });
        open.next().cloned()
    }

    fn change(&mut self, body: &str, change: impl FnOnce(&mut Fate)) {
        match self.messages.get_mut(body) {
            Some(fate) => change(fate),
            None => self.wrong.push(format!("{body} was published by nobody")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history() -> QueueHistory {
        let mut history = QueueHistory::default();
        for body in ["a1", "a2"] {
            history.publishing(body, Some("a"));
            history.published(body);
        }
        history
    }

    /// Each contradiction is found, and nothing else is one.
    #[test]
    fn each_claim_is_contradicted_by_what_breaks_it() {
        type Breaks = fn(&mut QueueHistory);
        let each: [(Breaks, &str); 6] = [
            (
                |h| h.delivered("a2", 0, 9),
                "a2 came before a1 was acknowledged",
            ),
            (
                |h| {
                    h.delivered("a1", 0, 9);
                    h.acked("a1");
                    h.delivered("a1", 9, 18);
                },
                "a1 was acknowledged and came again",
            ),
            (
                |h| {
                    h.delivered("a1", 0, 9);
                    h.delivered("a1", 8, 18);
                },
                "a1 came while it was another's",
            ),
            (
                |h| {
                    h.delivered("a1", 0, 9);
                    h.gone("a1", 8);
                },
                "the lease of a1 was gone too early",
            ),
            (|h| h.delivered("b", 0, 9), "b was published by nobody"),
            (|_| {}, "a1 was lost"),
        ];
        for (breaks, expected) in each {
            let mut history = history();
            breaks(&mut history);
            let wrong = history.finish();
            assert!(
                wrong.iter().any(|line| line == expected),
                "{expected}: {wrong:?}"
            );
        }
    }

    #[test]
    fn what_may_be_is_not_wrong() {
        let mut history = history();
        history.publishing("a3", Some("a"));
        history.delivered("a1", 0, 9);
        history.gone("a1", 9);
        history.delivered("a1", 9, 18);
        history.perhaps_acked("a1");
        history.delivered("a2", 10, 19);
        history.given_back("a2");
        history.delivered("a2", 11, 20);
        history.acked("a2");
        assert_eq!(history.again(), 2);
        assert!(history.finish().is_empty());
    }
}
