//! What the engine can be told.

use crate::address::{Address, Kind};
use std::path::PathBuf;
use std::time::Duration;

/// Settings of the second level on Redis. [`RedisConfig::new`] has the defaults.
#[derive(Clone, Debug)]
pub struct RedisConfig {
    /// Where it is and who asks, without a password, which would be seen wherever settings are:
    ///
    /// | form | what is there |
    /// |---|---|
    /// | `redis://host:port/db` | one Redis |
    /// | `redis+sentinel://host:port,host:port/name/db` | sentinels, and the name of what they look after |
    /// | `redis+cluster://host:port,host:port` | some nodes of a cluster |
    ///
    /// `rediss` in the place of `redis` is TLS, to the sentinels too; `user@` before the first host
    /// is the user of the ACL. Ports, and the number of the database, may be left out.
    pub url: String,
    /// A file that holds the password and nothing else; a line break at its end is passed over.
    pub password_file: Option<PathBuf>,
    /// Certificates (PEM) of those who may vouch for the server; the system's where it is not given.
    pub ca_file: Option<PathBuf>,
    /// Every call is over by then, answered or not.
    pub call_timeout: Duration,
    /// How long it may take to connect.
    pub connect_timeout: Duration,
    /// What is larger is neither laid down nor taken.
    pub value_bytes_max: usize,
    /// Calls that may wait for an answer at once; the next ones wait for their turn, within
    /// [`RedisConfig::call_timeout`].
    pub calls_max: usize,
}

/// A configuration that cannot be, or a file that it names and that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unusable {
    /// Which setting.
    pub setting: &'static str,
    /// What is wrong with it, and how to mend it; nothing secret is repeated.
    pub reason: String,
}

impl std::fmt::Display for Unusable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.setting, self.reason)
    }
}

impl std::error::Error for Unusable {}

impl Unusable {
    pub(crate) fn new(setting: &'static str, reason: impl Into<String>) -> Unusable {
        Unusable {
            setting,
            reason: reason.into(),
        }
    }
}

impl RedisConfig {
    /// The defaults for a Redis.
    pub fn new(url: impl Into<String>) -> RedisConfig {
        RedisConfig {
            url: url.into(),
            password_file: None,
            ca_file: None,
            // Some hundred times what a Redis nearby takes, and less than most loads do.
            call_timeout: Duration::from_millis(50),
            connect_timeout: Duration::from_secs(1),
            value_bytes_max: 1 << 20,
            calls_max: 1_024,
        }
    }

    /// The defaults for one that has queues: who publishes waits until it is synced.
    pub fn for_queues(url: impl Into<String>) -> RedisConfig {
        RedisConfig {
            call_timeout: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(5),
            ..RedisConfig::new(url)
        }
    }

    /// Refuses what cannot be. Nobody is connected to, and no file is read.
    pub fn validate(&self) -> Result<(), Unusable> {
        let address = Address::read(&self.url).map_err(|why| Unusable::new("url", why))?;
        if self.ca_file.is_some() && !address.is_encrypted {
            let plain = "certificates are named and the url does not ask for TLS: write rediss";
            return Err(Unusable::new("ca_file", plain));
        }
        if address.user.is_some() && self.password_file.is_none() {
            let lacks = "the url names a user: put his password into a file, and name it here";
            return Err(Unusable::new("password_file", lacks));
        }
        if matches!(address.kind, Kind::Cluster) && address.database != 0 {
            let only = "a cluster has database 0 only: leave the number out";
            return Err(Unusable::new("url", only));
        }
        let spans = [
            ("call_timeout", self.call_timeout),
            ("connect_timeout", self.connect_timeout),
        ];
        for (setting, span) in spans {
            if span < Duration::from_millis(1) || span > TIMEOUT_MAX {
                let must = format!("it is {span:?}: it must be between 1 ms and 1 min");
                return Err(Unusable::new(setting, must));
            }
        }
        let counts = [
            ("value_bytes_max", self.value_bytes_max, VALUE_BYTES_BOUND),
            ("calls_max", self.calls_max, CALLS_BOUND),
        ];
        for (setting, count, most) in counts {
            if count == 0 || count > most {
                let must = format!("it is {count}: it must be between 1 and {most}");
                return Err(Unusable::new(setting, must));
            }
        }
        Ok(())
    }
}

/// Whoever waits longer has no cache.
const TIMEOUT_MAX: Duration = Duration::from_secs(60);
/// Redis's own bound of a value.
const VALUE_BYTES_BOUND: usize = 512 << 20;
/// More would be memory, and no more answers.
const CALLS_BOUND: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_is_refused_with_the_setting_and_how_to_mend_it() {
        let check = |change: fn(&mut RedisConfig), refusal: &str| {
            let mut config = RedisConfig::new("redis://127.0.0.1");
            assert_eq!(config.validate(), Ok(()));
            change(&mut config);
            assert_eq!(config.validate().unwrap_err().to_string(), refusal);
        };
        check(
            |c| c.url = "redis://me@h".to_owned(),
            "password_file: the url names a user: put his password into a file, and name it here",
        );
        check(
            |c| c.ca_file = Some("ca.pem".into()),
            "ca_file: certificates are named and the url does not ask for TLS: write rediss",
        );
        check(
            |c| c.url = "redis+cluster://a,b/3".to_owned(),
            "url: a cluster has database 0 only: leave the number out",
        );
        check(
            |c| c.call_timeout = Duration::ZERO,
            "call_timeout: it is 0ns: it must be between 1 ms and 1 min",
        );
        check(
            |c| c.value_bytes_max = 0,
            "value_bytes_max: it is 0: it must be between 1 and 536870912",
        );
    }
}
