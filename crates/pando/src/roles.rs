//! Roles: what a process can be.
//!
//! | role | needs | excludes |
//! |---|---|---|
//! | web | the store | – |
//!
//! `all`, the default, is every role that exists.

pub mod web;

use crate::failure::fail;

/// What a process can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Serves HTTP, with the store inside.
    Web,
}

/// Every role there is.
const ALL: [Role; 1] = [Role::Web];
/// Roles of later rungs.
const LATER: [&str; 4] = ["worker", "balancer", "edge", "dns"];

/// Reads `--role`.
pub fn parse(names: &[String]) -> anyhow::Result<Vec<Role>> {
    let mut roles = Vec::new();
    for name in names {
        match name.as_str() {
            "all" => roles.extend(ALL),
            "web" => roles.push(Role::Web),
            later if LATER.contains(&later) => {
                return fail(format!("the role {later} is not available in this version"))
                    .hint("this version has one role, web; --role all is the default")
                    .usage()
                    .err();
            }
            other => {
                return fail(format!("there is no role {other}"))
                    .hint("roles: all, web")
                    .usage()
                    .err();
            }
        }
    }
    roles.sort_unstable();
    roles.dedup();
    Ok(roles)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_every_role_and_later_ones_are_refused() {
        assert_eq!(parse(&["all".into(), "web".into()]).unwrap(), ALL);
        let error = parse(&["worker".into()]).unwrap_err().to_string();
        assert!(error.contains("not available"), "{error}");
        assert!(parse(&["king".into()]).is_err());
    }
}
