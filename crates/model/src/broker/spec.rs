//! What a queue asks of a broker, and what brokers can.

use super::error::BrokerError;
use super::message::Message;
use std::fmt;
use std::time::Duration;

/// Of a queue's and of a group's name. Brokers have less room than they say, for names are parts of theirs.
pub const NAME_BYTES_MAX: usize = 64;
/// Groups of a queue. Each is a cursor, or a copy, on the broker.
pub const GROUPS_MAX: usize = 32;
/// Messages of one call.
pub const MESSAGES_MAX: usize = 1_000;
/// Several brokers count in seconds or less, and none of them to the end of time.
const SPAN: (Duration, Duration) = (
    Duration::from_millis(100),
    Duration::from_secs(30 * 24 * 3_600),
);

/// What a queue asks of a broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueSpec {
    /// Lower-case letters, digits, `-` and `_`, up to [`NAME_BYTES_MAX`].
    pub name: String,
    /// Each gets every message. At least one; more need [`Ability::Groups`]. Named like queues.
    pub groups: Vec<String>,
    /// For how long messages are kept after all groups are done with them. Needs
    /// [`Ability::Replay`]. What is not done with is kept in any case.
    pub retention: Option<Duration>,
    /// For how long an id is the same message. Needs [`Ability::Deduplication`].
    pub dedup_window: Option<Duration>,
    /// For how long a lease holds, where it does not say otherwise.
    pub visibility: Duration,
    /// How often a message is delivered to a group at most.
    pub attempts_max: u32,
    /// Whether messages may have ordering keys. Needs [`Ability::OrderingKeys`].
    pub ordered: bool,
    /// How many priorities there are; 1 is none. More need [`Ability::Priority`].
    pub priorities: u8,
    /// Whether a confirmed message has to be on stable storage.
    pub synced: bool,
}

/// What some brokers can and others cannot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Ability {
    /// What is more urgent is delivered first.
    Priority,
    /// One at a time, in order, for each key.
    OrderingKeys,
    /// An id that is published twice is one message.
    Deduplication,
    /// A group is set back to a time.
    Replay,
    /// Messages are looked at and stay as they are.
    Peek,
    /// All of [`super::Counts`].
    Counts,
    /// Several groups.
    Groups,
    /// A message that was given back waits.
    NackDelay,
    /// A lease is made longer.
    Extend,
    /// A lease has a visibility time of its own.
    VisibilityOfLease,
    /// A lease may be settled by another process than the one that got it.
    SharedLeases,
    /// A queue is emptied.
    Purge,
    /// A confirmed message is on stable storage, as the broker is set up.
    Synced,
}

/// A set of abilities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Abilities(u16);

impl Abilities {
    /// These.
    pub fn of(all: &[Ability]) -> Abilities {
        Abilities(all.iter().fold(0, |set, one| set | 1 << *one as u8))
    }

    /// Whether it is among them.
    pub fn has(self, ability: Ability) -> bool {
        self.0 & 1 << ability as u8 != 0
    }
}

impl fmt::Display for Ability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Ability::Priority => "priorities",
            Ability::OrderingKeys => "ordering keys",
            Ability::Deduplication => "deduplication",
            Ability::Replay => "replay and retention",
            Ability::Peek => "looking at messages without taking them",
            Ability::Counts => "all of a queue's counts",
            Ability::Groups => "several groups",
            Ability::NackDelay => "a delay of what is given back",
            Ability::Extend => "longer leases",
            Ability::VisibilityOfLease => "a visibility time of each lease",
            Ability::SharedLeases => "leases that another process settles",
            Ability::Purge => "emptying a queue",
            Ability::Synced => "`synced`, as it is set up",
        })
    }
}

impl QueueSpec {
    /// A queue with one group, `default`, and nothing that not all brokers can.
    pub fn new(name: impl Into<String>) -> QueueSpec {
        QueueSpec {
            name: name.into(),
            groups: vec!["default".to_owned()],
            retention: None,
            dedup_window: None,
            visibility: Duration::from_secs(30),
            attempts_max: 5,
            ordered: false,
            priorities: 1,
            synced: false,
        }
    }

    /// Refuses what no broker is asked for.
    pub fn validate(&self) -> Result<(), BrokerError> {
        names(&self.name)?;
        self.groups.iter().try_for_each(|group| names(group))?;
        let mut groups: Vec<&String> = self.groups.iter().collect();
        groups.sort();
        groups.dedup();
        if groups.len() != self.groups.len() || groups.is_empty() || groups.len() > GROUPS_MAX {
            let must = format!("name 1 to {GROUPS_MAX} groups, each once");
            return Err(self.invalid("groups", &format!("{:?}", self.groups), must));
        }
        let spans = [
            ("retention", self.retention),
            ("dedup_window", self.dedup_window),
            ("visibility", Some(self.visibility)),
        ];
        for (setting, span) in spans {
            if let Some(span) = span.filter(|span| *span < SPAN.0 || *span > SPAN.1) {
                let must = "it must be between 100 ms and 30 days".to_owned();
                return Err(self.invalid(setting, &format!("{span:?}"), must));
            }
        }
        let counts = [
            ("attempts_max", u64::from(self.attempts_max), 1_000),
            ("priorities", u64::from(self.priorities), 10),
        ];
        for (setting, count, most) in counts {
            if count == 0 || count > most {
                let must = format!("it must be between 1 and {most}");
                return Err(self.invalid(setting, &count.to_string(), must));
            }
        }
        Ok(())
    }

    /// Refuses what asks for more than these abilities; `mend` says what to do about one.
    pub fn check(
        &self,
        engine: &'static str,
        abilities: Abilities,
        mend: impl Fn(Ability) -> String,
    ) -> Result<(), BrokerError> {
        self.validate()?;
        let asks = [
            (self.groups.len() > 1, Ability::Groups),
            (self.retention.is_some(), Ability::Replay),
            (self.dedup_window.is_some(), Ability::Deduplication),
            (self.ordered, Ability::OrderingKeys),
            (self.priorities > 1, Ability::Priority),
            (self.synced, Ability::Synced),
        ];
        let lacks = asks
            .into_iter()
            .find(|(asks, ability)| *asks && !abilities.has(*ability));
        match lacks {
            None => Ok(()),
            Some((_, ability)) => Err(BrokerError::Unsupported {
                engine,
                ability,
                mend: format!("queue {}: {}", self.name, mend(ability)),
            }),
        }
    }

    /// Refuses messages that ask for what the queue does not declare, or are too many for a call.
    pub fn admits(&self, engine: &'static str, messages: &[Message]) -> Result<(), BrokerError> {
        at_most(messages.len())?;
        let lacks = messages.iter().find_map(|message| {
            if message.priority >= self.priorities {
                return Some((message.id, Ability::Priority));
            }
            let keyed = message.ordering_key.is_some() && !self.ordered;
            keyed.then_some((message.id, Ability::OrderingKeys))
        });
        match lacks {
            None => Ok(()),
            Some((id, ability)) => Err(BrokerError::Unsupported {
                engine,
                ability,
                mend: format!(
                    "message {id} of queue {} asks for what the queue does not declare",
                    self.name
                ),
            }),
        }
    }

    fn invalid(&self, setting: &str, value: &str, mend: String) -> BrokerError {
        BrokerError::Invalid {
            what: format!("queue {}: {setting} is {value}", self.name),
            mend,
        }
    }
}

/// Refuses more messages or leases than a call may have.
pub fn at_most(count: usize) -> Result<(), BrokerError> {
    if count <= MESSAGES_MAX {
        return Ok(());
    }
    Err(BrokerError::Invalid {
        what: format!("{count} messages or leases in one call"),
        mend: format!("make calls of at most {MESSAGES_MAX}"),
    })
}

/// Refuses what is no name of a queue or a group.
pub fn names(name: &str) -> Result<(), BrokerError> {
    let is_letter = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    if !name.is_empty() && name.len() <= NAME_BYTES_MAX && name.bytes().all(is_letter) {
        return Ok(());
    }
    let shown: String = name.chars().take(NAME_BYTES_MAX).collect();
    Err(BrokerError::Invalid {
        what: format!("{shown:?} is no name of a queue or a group on a broker"),
        mend: format!("take 1 to {NAME_BYTES_MAX} of a-z, 0-9, - and _"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_broker_is_asked_for_is_refused_with_how_to_mend_it() {
        let check = |change: fn(&mut QueueSpec), refusal: &str| {
            let mut spec = QueueSpec::new("mail");
            assert_eq!(spec.validate(), Ok(()));
            change(&mut spec);
            assert_eq!(spec.validate().unwrap_err().to_string(), refusal);
        };
        check(
            |spec| spec.name = "a.b".to_owned(),
            "\"a.b\" is no name of a queue or a group on a broker: take 1 to 64 of a-z, 0-9, - and _",
        );
        check(
            |spec| spec.groups.push("default".to_owned()),
            "queue mail: groups is [\"default\", \"default\"]: name 1 to 32 groups, each once",
        );
        check(
            |spec| spec.visibility = Duration::ZERO,
            "queue mail: visibility is 0ns: it must be between 100 ms and 30 days",
        );
        check(
            |spec| spec.attempts_max = 0,
            "queue mail: attempts_max is 0: it must be between 1 and 1000",
        );
    }

    #[test]
    fn what_a_broker_cannot_is_refused_with_its_name_and_the_way_out() {
        let mut spec = QueueSpec::new("mail");
        let check = |spec: &QueueSpec| {
            let abilities = Abilities::of(&[Ability::Groups]);
            spec.check("abacus", abilities, |_| "leave it out".to_owned())
        };
        spec.groups.push("audit".to_owned());
        assert_eq!(check(&spec), Ok(()));
        spec.ordered = true;
        assert_eq!(
            check(&spec).unwrap_err().to_string(),
            "abacus does not support ordering keys: queue mail: leave it out"
        );
    }
}
