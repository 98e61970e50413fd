//! What can be declared of exchanges.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An exchange: what is published to it goes to each queue that one of its bindings sends it to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Exchange {
    /// How bindings match a routing key: `direct`, by being the same; `topic`, as a pattern of words
    /// between dots, `*` for one and `#` for any number; `fanout`, always.
    pub kind: ExchangeKind,
    /// Which messages go where: `[{ queue = "mail", key = "order.*" }]`. The queues are declared,
    /// each as `[queues.NAME]`.
    pub bindings: Vec<ExchangeBinding>,
}

/// How the bindings of an exchange match.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ExchangeKind {
    /// The routing key that is the same.
    #[default]
    Direct,
    /// The routing key that fits the pattern.
    Topic,
    /// Every routing key.
    Fanout,
}

/// A binding of an exchange.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExchangeBinding {
    /// The queue.
    pub queue: String,
    /// The routing key, or the pattern; a `fanout` exchange needs none.
    #[serde(default)]
    pub key: String,
}

impl Default for Exchange {
    fn default() -> Exchange {
        Exchange {
            kind: ExchangeKind::Direct,
            bindings: Vec::new(),
        }
    }
}
