//! The text that names a lease: when it runs out, and where NATS wants to be told of it.
//!
//! JetStream takes an acknowledgement of any delivery of a message, however old. So that a lease has
//! run out is told by its time, and processes whose clocks are apart see it end apart. One that is
//! taken a little late does no harm: who shows it has done the work.

use crate::names::{Names, group};
use async_nats::Subject;
use pando_model::broker::Lease;

/// A lease, read.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    /// Where NATS is told.
    pub(crate) subject: Subject,
    /// Of whom.
    pub(crate) group: String,
    /// And by which of the group's consumers it came.
    pub(crate) consumer: String,
    /// The message's place in the stream.
    pub(crate) sequence: u64,
    pub(crate) attempt: u32,
}

pub(crate) fn write(subject: &str, until_us: i64) -> Lease {
    Lease::new(format!("{until_us} {subject}"))
}

/// What a lease of a queue says; nothing, where it is none or has run out.
pub(crate) fn read(lease: &Lease, names: &Names, now_us: i64) -> Option<Shown> {
    let (until, subject) = lease.as_str().split_once(' ')?;
    if now_us >= until.parse::<i64>().ok()? || !is_subject(subject) {
        return None;
    }
    let tokens: Vec<&str> = subject.split('.').collect();
    // ADR-15: nine tokens, or a domain and a hash more.
    let first = match tokens.len() {
        9 => 2,
        11.. => 4,
        _ => return None,
    };
    if tokens[..2] != ["$JS", "ACK"] || tokens[first] != names.stream() {
        return None;
    }
    Some(Shown {
        group: group(tokens[first + 1]).to_owned(),
        consumer: tokens[first + 1].to_owned(),
        attempt: tokens[first + 2].parse().ok()?,
        sequence: tokens[first + 3].parse().ok()?,
        subject: subject.into(),
    })
}

/// A caller's text becomes a subject that is published to: it must be one, and name one.
fn is_subject(text: &str) -> bool {
    text.len() <= 1_024
        && text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'*' && byte != b'>')
        && text.split('.').all(|token| !token.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_lease_of_the_queue_that_has_not_run_out_is_one() {
        let names = Names::new("pando", "mail");
        let subject = "$JS.ACK.pando-q-mail.audit-K3.2.17.5.1700000000.0";
        let shown = read(&write(subject, 10), &names, 9).unwrap();
        assert_eq!(
            (&shown.group[..], shown.attempt, shown.sequence),
            ("audit", 2, 17)
        );
        let longer = "$JS.ACK._.hash.pando-q-mail.audit.2.17.5.1700000000.0.x";
        assert!(read(&write(longer, 10), &names, 9).is_some());
        assert!(read(&write(subject, 10), &names, 10).is_none());
        assert!(read(&write(subject, 10), &Names::new("pando", "post"), 9).is_none());
        for text in [
            "",
            "10",
            "10 $JS.API.STREAM.DELETE.pando-q-mail",
            "10 $JS.ACK.pando-q-mail.*.2.17.5.1.0",
            "10 $JS.ACK.pando-q-mail.a b.2.17.5.1.0",
            "x $JS.ACK.pando-q-mail.a.2.17.5.1.0",
        ] {
            assert!(read(&Lease::new(text), &names, 9).is_none(), "{text}");
        }
    }
}
