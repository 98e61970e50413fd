//! Which queues a published message goes to: RabbitMQ's three kinds of exchange, over any engine.
//!
//! | exchange | a binding matches |
//! |---|---|
//! | direct | the routing key that is the same |
//! | topic | the routing key that fits the pattern: words between dots, `*` for one word, `#` for zero or more |
//! | fan-out | every routing key |
//!
//! A queue gets a message once, however many of its bindings match. As in RabbitMQ
//! (`rabbit_db_topic_exchange.erl`): the empty key has no words; `a..b` has an empty word between
//! two others, which `*` takes; upper and lower case differ; in a routing key `*` and `#` are words
//! like others. Keys and patterns have 255 bytes at most (AMQP 0-9-1, short string), so that what
//! is declared here can be moved to a broker.
//!
//! A [`Router`] is compiled from all bindings and does not change; a change compiles another one.

mod trie;

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use trie::Trie;

/// A kind of exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Exchange {
    /// By the same key.
    Direct,
    /// By a pattern.
    Topic,
    /// To all.
    Fanout,
}

/// No exchange has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no exchange is called {0:?}; there are direct, topic and fanout")]
pub struct UnknownExchange(pub String);

/// A binding or a routing key that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RoutingError {
    /// It is too long.
    #[error("the {what} has {bytes} bytes: it must have at most {KEY_BYTES_MAX}")]
    TooLong {
        /// A binding's pattern or a message's routing key.
        what: &'static str,
        /// So many.
        bytes: usize,
    },
    /// A word of a pattern has a wildcard in it.
    #[error(
        "the binding {pattern:?} has the word {word:?}: * and # stand for whole words, so they \
         must be alone between dots"
    )]
    PartOfWord {
        /// The pattern.
        pattern: String,
        /// The word.
        word: String,
    },
    /// There are more than an exchange may hold in memory.
    #[error(
        "the exchange has too many bindings: it may have {BINDINGS_MAX}, with {WORDS_MAX} words in \
         all; use fewer, with wildcards"
    )]
    TooMany,
}

/// AMQP 0-9-1's bound of a short string; so a key has 256 words at most.
const KEY_BYTES_MAX: usize = 255;
/// More would be looked for by nobody.
const BINDINGS_MAX: usize = 65_536;
/// Each may be a node of the trie, of a few hundred bytes.
const WORDS_MAX: usize = 8 * BINDINGS_MAX;

/// The bindings of one exchange, compiled. `Q` names a queue.
#[derive(Clone, Debug, PartialEq)]
pub struct Router<Q> {
    exchange: Exchange,
    /// In the order of their first binding.
    queues: Vec<Q>,
    by_key: HashMap<Box<str>, Vec<usize>>,
    by_pattern: Trie,
}

impl<Q: Eq + std::hash::Hash + Clone> Router<Q> {
    /// Compiles bindings: patterns, each with its queue. A binding that is there twice is one.
    ///
    /// RabbitMQ takes `a*` in a pattern for a word that is spelt so, which nobody ever means; it
    /// is refused.
    pub fn compile<P: AsRef<str>>(
        exchange: Exchange,
        bindings: impl IntoIterator<Item = (P, Q)>,
    ) -> Result<Router<Q>, RoutingError> {
        let mut router = Router {
            exchange,
            queues: Vec::new(),
            by_key: HashMap::new(),
            by_pattern: Trie::new(),
        };
        let mut known: HashMap<Q, usize> = HashMap::new();
        let mut words_left = WORDS_MAX;
        for (place, (pattern, queue)) in bindings.into_iter().enumerate() {
            let pattern = pattern.as_ref();
            check_length("binding", pattern)?;
            if place == BINDINGS_MAX {
                return Err(RoutingError::TooMany);
            }
            let queue = *known.entry(queue).or_insert_with_key(|queue| {
                router.queues.push(queue.clone());
                router.queues.len() - 1
            });
            match exchange {
                Exchange::Direct => {
                    router.by_key.entry(pattern.into()).or_default().push(queue);
                }
                Exchange::Topic => {
                    check_words(pattern)?;
                    words_left = words_left
                        .checked_sub(words(pattern).count())
                        .ok_or(RoutingError::TooMany)?;
                    router.by_pattern.bind(words(pattern), queue);
                }
                Exchange::Fanout => {}
            }
        }
        router.by_key.values_mut().for_each(once_each);
        router.by_pattern.each_queues(once_each);
        Ok(router)
    }

    /// The queues that a message with this routing key goes to, each once, in the order of their
    /// first bindings; none is no error.
    ///
    /// Without `#` it costs as many look-ups as the key has words and places where a word and a
    /// `*` both lead on; with `#`, at most the trie's nodes for each word, never more. How many
    /// bindings there are besides does not matter.
    pub fn route(&self, key: &str) -> Result<Vec<&Q>, RoutingError> {
        check_length("routing key", key)?;
        let mut found = match self.exchange {
            Exchange::Fanout => return Ok(self.queues.iter().collect()),
            Exchange::Direct => self.by_key.get(key).cloned().unwrap_or_default(),
            Exchange::Topic => self.by_pattern.find(words(key)).queues,
        };
        once_each(&mut found);
        let queues = found.into_iter();
        Ok(queues.filter_map(|queue| self.queues.get(queue)).collect())
    }
}

fn once_each(queues: &mut Vec<usize>) {
    queues.sort_unstable();
    queues.dedup();
}

/// The words of a key. The empty key has none.
fn words(key: &str) -> impl Iterator<Item = &str> {
    let some = (!key.is_empty()).then(|| key.split('.'));
    some.into_iter().flatten()
}

fn check_length(what: &'static str, key: &str) -> Result<(), RoutingError> {
    match key.len() {
        bytes if bytes > KEY_BYTES_MAX => Err(RoutingError::TooLong { what, bytes }),
        _ => Ok(()),
    }
}

fn check_words(pattern: &str) -> Result<(), RoutingError> {
    let mixed = |word: &&str| word.len() > 1 && word.contains(['*', '#']);
    match words(pattern).find(mixed) {
        Some(word) => Err(RoutingError::PartOfWord {
            pattern: pattern.to_owned(),
            word: word.to_owned(),
        }),
        None => Ok(()),
    }
}

impl Exchange {
    /// All of them.
    pub const ALL: [Exchange; 3] = [Exchange::Direct, Exchange::Topic, Exchange::Fanout];

    /// Its name in configuration, as RabbitMQ has it.
    pub fn name(self) -> &'static str {
        match self {
            Exchange::Direct => "direct",
            Exchange::Topic => "topic",
            Exchange::Fanout => "fanout",
        }
    }
}

impl fmt::Display for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Exchange {
    type Err = UnknownExchange;

    fn from_str(name: &str) -> Result<Exchange, UnknownExchange> {
        Exchange::ALL
            .into_iter()
            .find(|exchange| exchange.name() == name)
            .ok_or_else(|| UnknownExchange(name.to_owned()))
    }
}

#[cfg(test)]
mod tests;
