//! Roles: what a process can be.
//!
//! | role | needs | excludes |
//! |---|---|---|
//! | web | a store that several processes may stand over: PostgreSQL | – |
//! | worker | the same | – |
//!
//! `all`, the default, is every role that exists, in one process with whatever store there is.

pub mod web;
pub mod worker;

use crate::config::EngineKind;
use crate::failure::fail;

/// What a process can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Serves HTTP, over the store.
    Web,
    /// Works on messages of queues. Its HTTP is for those who look at it: it is not turned away.
    Worker,
}

/// Every role there is.
const ALL: [Role; 2] = [Role::Web, Role::Worker];
/// Roles of later rungs.
const LATER: [&str; 3] = ["balancer", "edge", "dns"];

/// Reads `--role`, for a process over an engine.
pub fn parse(names: &[String], engine: EngineKind) -> anyhow::Result<Vec<Role>> {
    let mut roles = Vec::new();
    for name in names {
        match name.as_str() {
            "all" => roles.extend(ALL),
            "web" if engine == EngineKind::Postgres => roles.push(Role::Web),
            "worker" if engine == EngineKind::Postgres => roles.push(Role::Worker),
            name @ ("web" | "worker") => return single(name, engine),
            later if LATER.contains(&later) => {
                return fail(format!("the role {later} is not available in this version"))
                    .hint("roles: all (the default), web, worker")
                    .usage()
                    .err();
            }
            other => {
                return fail(format!("there is no role {other}"))
                    .hint("roles: all, web, worker")
                    .usage()
                    .err();
            }
        }
    }
    roles.sort_unstable();
    roles.dedup();
    Ok(roles)
}

/// A store that has one process has no other beside it, and so no part of what one does.
fn single<T>(role: &str, engine: EngineKind) -> anyhow::Result<T> {
    let (name, why) = match engine {
        EngineKind::Memory => ("memory", "its data lives in one process"),
        _ => ("sqlite", "its file has one process"),
    };
    fail(format!(
        "--role {role} is for several processes over one store, and engine = \"{name}\" has one: {why}"
    ))
    .hint(
        "serve with --role all (the default), or take the step to PostgreSQL:\n\
         [store] engine = \"postgres\" and [store.postgres] url = \"postgres://…\"",
    )
    .usage()
    .err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_every_role_and_later_ones_are_refused() {
        let postgres = EngineKind::Postgres;
        assert_eq!(parse(&["all".into(), "web".into()], postgres).unwrap(), ALL);
        assert_eq!(parse(&["all".into()], EngineKind::Sqlite).unwrap(), ALL);
        let error = parse(&["edge".into()], postgres).unwrap_err().to_string();
        assert!(error.contains("not available"), "{error}");
        let worker = parse(&["worker".into()], postgres);
        assert_eq!(worker.unwrap(), [Role::Worker]);
        let error = parse(&["worker".into()], EngineKind::Sqlite).unwrap_err();
        assert!(error.to_string().contains("--role worker is for several"));
        assert!(parse(&["king".into()], postgres).is_err());
    }
}
