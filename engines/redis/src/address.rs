//! Where Redis is: the url, read. What stands in it is not repeated in an error; it may be secret.

/// A url, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) kind: Kind,
    pub(crate) is_encrypted: bool,
    pub(crate) user: Option<String>,
    /// At least one; of a [`Kind::Single`] exactly one.
    pub(crate) hosts: Vec<(String, u16)>,
    pub(crate) database: i64,
}

/// What is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One Redis.
    Single,
    /// Sentinels, and the name of what they look after.
    Sentinel(String),
    /// A cluster.
    Cluster,
}

const PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;

const FORM: &str = "it is not of the form redis://host:port/db, \
                    redis+sentinel://host:port,host:port/name or \
                    redis+cluster://host:port,host:port; rediss is TLS";

impl Address {
    pub(crate) fn read(url: &str) -> Result<Address, &'static str> {
        let (scheme, rest) = url.split_once("://").ok_or(FORM)?;
        let (redis, kind) = scheme.split_once('+').unwrap_or((scheme, ""));
        let is_encrypted = match redis {
            "redis" => false,
            "rediss" => true,
            _ => return Err(FORM),
        };
        if rest.contains(['?', '#']) {
            return Err("it has parameters: they are settings of their own here");
        }
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let mut path = path.split('/');
        let kind = match kind {
            "" => Kind::Single,
            "cluster" => Kind::Cluster,
            "sentinel" => match path.next() {
                Some(name) if !name.is_empty() => Kind::Sentinel(name.to_owned()),
                _ => {
                    return Err("it lacks the name of what the sentinels look after: \
                                 write redis+sentinel://host:port,host:port/name");
                }
            },
            _ => return Err(FORM),
        };
        let database = match path.next() {
            None | Some("") => 0,
            Some(number) => number
                .parse::<u32>()
                .map_err(|_| "after the hosts stands no number of a database")?,
        };
        if path.next().is_some() {
            return Err(FORM);
        }
        let (user, hosts) = match authority.rsplit_once('@') {
            Some((user, hosts)) => (Some(user), hosts),
            None => (None, authority),
        };
        if user.is_some_and(|user| user.contains(':')) {
            return Err(
                "it holds a password: put that into a file, and name the file in \
                        password_file",
            );
        }
        let port = match kind {
            Kind::Sentinel(_) => SENTINEL_PORT,
            Kind::Single | Kind::Cluster => PORT,
        };
        let hosts: Vec<_> = hosts
            .split(',')
            .map(|host| read_host(host, port))
            .collect::<Result<_, _>>()?;
        if kind == Kind::Single && hosts.len() > 1 {
            return Err("it names several hosts: write redis+sentinel:// or redis+cluster://");
        }
        Ok(Address {
            kind,
            is_encrypted,
            user: user.filter(|user| !user.is_empty()).map(str::to_owned),
            hosts,
            database: i64::from(database),
        })
    }

    /// How it is told to people: the hosts.
    pub(crate) fn name(&self) -> String {
        let hosts: Vec<String> = self
            .hosts
            .iter()
            .map(|(host, port)| format!("{host}:{port}"))
            .collect();
        let hosts = hosts.join(",");
        match &self.kind {
            Kind::Single => format!("Redis at {hosts}"),
            Kind::Sentinel(name) => format!("Redis {name} by the sentinels at {hosts}"),
            Kind::Cluster => format!("the Redis cluster at {hosts}"),
        }
    }
}

fn read_host(text: &str, port_default: u16) -> Result<(String, u16), &'static str> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']').ok_or(FORM)?,
        None => text.find(':').map_or((text, ""), |at| text.split_at(at)),
    };
    if host.is_empty() || host.contains(char::is_whitespace) {
        return Err("it names no host, or one that is none");
    }
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => port_default,
        Some(number) => number
            .parse()
            .ok()
            .filter(|port| *port != 0)
            .ok_or("a port is no number between 1 and 65535")?,
        None => return Err(FORM),
    };
    Ok((host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(kind: Kind, hosts: &[(&str, u16)]) -> Address {
        Address {
            kind,
            is_encrypted: false,
            user: None,
            hosts: hosts.iter().map(|(h, p)| ((*h).to_owned(), *p)).collect(),
            database: 0,
        }
    }

    #[test]
    fn a_url_says_who_is_asked_as_whom_and_how() {
        let check = |url: &str, expected: Address| {
            assert_eq!(Address::read(url), Ok(expected), "{url}");
        };
        check("redis://a", address(Kind::Single, &[("a", 6379)]));
        check(
            "redis://[::1]:7000",
            address(Kind::Single, &[("::1", 7000)]),
        );
        check(
            "rediss://me@a:1/4",
            Address {
                is_encrypted: true,
                user: Some("me".to_owned()),
                database: 4,
                ..address(Kind::Single, &[("a", 1)])
            },
        );
        check(
            "redis+sentinel://a,b:7/main/2",
            Address {
                database: 2,
                ..address(Kind::Sentinel("main".to_owned()), &[("a", 26379), ("b", 7)])
            },
        );
        check(
            "redis+cluster://a:1,[::2],c/",
            address(Kind::Cluster, &[("a", 1), ("::2", 6379), ("c", 6379)]),
        );
    }

    #[test]
    fn what_is_no_url_of_redis_is_refused_and_nothing_of_it_is_repeated() {
        for url in [
            "",
            "secret",
            "http://secret",
            "redis+more://secret",
            "redis://",
            "redis://:secret@a",
            "redis://me:secret@a",
            "redis://secret:0",
            "redis://secret:x",
            "redis://a/secret",
            "redis://a/1/secret",
            "redis://a,secret",
            "redis://a?password=secret",
            "redis+sentinel://secret",
            "redis+sentinel://secret/",
            "redis://[secret",
        ] {
            let why = Address::read(url).unwrap_err();
            assert!(!why.contains("secret"), "{url}: {why}");
        }
    }
}
