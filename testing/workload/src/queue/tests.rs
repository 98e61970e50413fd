//! The test of the test: each contradiction is found, and nothing else is one.

use super::*;

fn history() -> QueueHistory {
    let mut history = QueueHistory::default();
    for body in ["a1", "a2"] {
        history.publishing(body, Some("a"));
        history.published(body);
    }
    history
}

/// `a1/x`: the message `a1` under the lease `x`.
fn held(text: &str) -> Held {
    let (body, lease) = text.split_once('/').unwrap();
    Held {
        body: body.to_owned(),
        lease: lease.to_owned(),
    }
}

impl QueueHistory {
    fn came(&mut self, text: &str, at_us: i64, until_us: i64) {
        let asked = self.moment();
        let delivery = Delivery {
            asked,
            at_us,
            until_us,
        };
        self.delivered(&held(text), delivery);
    }

    fn ack(&mut self, text: &str, acked: u64, at_us: i64) {
        self.acking(&held(text));
        self.ack_answered(&[held(text)], acked, at_us);
    }
}

#[test]
fn each_claim_is_contradicted_by_what_breaks_it() {
    type Breaks = fn(&mut QueueHistory);
    let each: [(Breaks, &str); 10] = [
        (
            |h| h.came("a2/x", 0, 9),
            "a2 came before a1 was acknowledged",
        ),
        (
            |h| {
                h.came("a1/x", 0, 9);
                h.ack("a1/x", 1, 5);
                h.came("a1/y", 9, 18);
            },
            "a1 was acknowledged and came again",
        ),
        (
            |h| {
                h.came("a1/x", 0, 9);
                h.came("a1/y", 8, 18);
            },
            "a1 came while it was another's",
        ),
        (
            |h| {
                h.came("a1/x", 0, 9);
                h.gone(&held("a1/x"), 8);
            },
            "the lease of a1 was gone too early",
        ),
        (
            |h| {
                h.came("a1/x", 0, 9);
                h.ack("a1/x", 0, 8);
            },
            "a lease was gone too early, of a1: 0 held",
        ),
        (
            |h| {
                h.came("a1/x", 0, 9);
                h.extended(&held("a1/x"), 20);
                h.came("a1/y", 10, 30);
            },
            "a1 came while it was another's",
        ),
        (
            |h| {
                h.publishing("b1", Some("b"));
                h.publishing("b2", Some("b"));
                h.came("b2/x", 0, 9);
                h.came("b1/y", 0, 9);
            },
            "b1 came behind b2",
        ),
        (
            |h| {
                h.refused("a1");
                h.came("a1/x", 0, 9);
            },
            "a1 was refused and came",
        ),
        (|h| h.came("b/x", 0, 9), "b was published by nobody"),
        (|_| {}, "a1 was lost"),
    ];
    for (breaks, expected) in each {
        is_found(breaks, expected);
    }
}

fn is_found(breaks: fn(&mut QueueHistory), expected: &str) {
    let mut history = history();
    breaks(&mut history);
    let wrong = history.drained();
    let is_found = wrong.iter().any(|line| line == expected);
    assert!(is_found, "{expected}: {wrong:?}");
}

#[test]
fn what_may_be_is_not_wrong() {
    let mut history = history();
    history.publishing("a3", Some("a"));
    history.came("a1/x", 0, 9);
    history.gone(&held("a1/x"), 9);
    history.came("a1/y", 9, 18);
    history.acking(&held("a1/y"));
    history.came("a2/x", 10, 19);
    history.giving_back(&held("a2/x"));
    history.came("a2/y", 11, 20);
    // A lease that is another's by now is gone at any time.
    history.gone(&held("a2/x"), 11);
    let both = [held("a2/x"), held("a2/y")];
    both.iter().for_each(|one| history.acking(one));
    history.ack_answered(&both, 1, 12);
    let counts = history.counts();
    assert_eq!((counts.again, counts.acked, counts.acks_unknown), (2, 1, 1));
    assert!(history.drained().is_empty(), "{:?}", history.drained());
}

/// The answer to a lease may come so late that others have had the message since.
#[test]
fn a_late_answer_is_no_contradiction() {
    let mut history = history();
    let asked = history.moment();
    history.came("a1/y", 12, 30);
    history.ack("a1/y", 1, 13);
    history.came("a2/z", 14, 40);
    history.ack("a2/z", 1, 15);
    let late = Delivery {
        asked,
        at_us: 16,
        until_us: 10,
    };
    history.delivered(&held("a1/x"), late);
    assert!(history.drained().is_empty(), "{:?}", history.drained());
}

/// Of leases that are acknowledged together only a number is answered.
#[test]
fn of_several_at_once_those_that_last_are_acknowledged_and_the_others_perhaps() {
    for (acked, known, unknown) in [(1, 1, 0), (2, 1, 2), (3, 3, 0)] {
        let history = several(acked);
        let counts = history.counts();
        assert_eq!((counts.acked, counts.acks_unknown), (known, unknown));
        assert_eq!(history.wrong().len(), 0);
    }
    assert_eq!(several(0).wrong().len(), 1);
}

/// Three of which one lasts are acknowledged, and so many held.
fn several(acked: u64) -> QueueHistory {
    let mut history = QueueHistory::default();
    let some: Vec<Held> = ["b/x", "c/x", "d/x"].map(held).into();
    for (one, until_us) in some.iter().zip([9, 5, 5]) {
        history.publishing(&one.body, None);
        let asked = history.moment();
        let delivery = Delivery {
            asked,
            at_us: 0,
            until_us,
        };
        history.delivered(one, delivery);
        history.acking(one);
    }
    history.ack_answered(&some, acked, 8);
    history
}
