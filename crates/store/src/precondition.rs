//! Preconditions on the version of what a request names (RFC 9110, section 13).

use crate::refused;
use pando_model::error::Refusal;

/// `If-Match` and `If-None-Match`, as versions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Precondition {
    /// The version has to be one of these.
    pub if_match: Option<Versions>,
    /// The version must not be one of these.
    pub if_none_match: Option<Versions>,
}

/// Versions that a caller names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Versions {
    /// `*`: whatever is there.
    Any,
    /// Each by its entity tag; a tag that is none of ours matches nothing.
    Listed(Vec<Option<i64>>),
}

impl Versions {
    /// Whether what is there (`None`: nothing is) is among them.
    pub fn match_version(&self, current: Option<i64>) -> bool {
        match (self, current) {
            (_, None) => false,
            (Versions::Any, Some(_)) => true,
            (Versions::Listed(all), Some(version)) => all.contains(&Some(version)),
        }
    }
}

impl Precondition {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.if_match.is_none() && self.if_none_match.is_none()
    }

    /// Refuses a write where what is there now is not what the caller takes it for.
    pub fn check(&self, current: Option<i64>) -> Result<(), Refusal> {
        let matched = |versions: &Versions| versions.match_version(current);
        if self.if_match.as_ref().is_some_and(|all| !matched(all)) {
            return Err(refused::precondition("If-Match", current));
        }
        if self.if_none_match.as_ref().is_some_and(matched) {
            return Err(refused::precondition("If-None-Match", current));
        }
        Ok(())
    }

    /// The same of what has no version: only whether anything is there is asked.
    pub(crate) fn check_presence(&self, is_there: bool) -> Result<(), Refusal> {
        // No version is one of those that a caller could name.
        let found = is_there.then_some(i64::MIN);
        self.check(found).map_err(|refusal| {
            let header = match self.if_match {
                Some(_) if !is_there => "If-Match",
                _ => "If-None-Match",
            };
            refused::presence(refusal, header, is_there)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_happens_only_to_what_the_caller_knows() {
        let listed = |versions: &[i64]| {
            Some(Versions::Listed(
                versions.iter().map(|version| Some(*version)).collect(),
            ))
        };
        let foreign = Some(Versions::Listed(vec![None]));
        for (if_match, if_none_match, current, passes) in [
            (None, None, None, true),
            (None, None, Some(1), true),
            (Some(Versions::Any), None, None, false),
            (Some(Versions::Any), None, Some(1), true),
            (listed(&[1, 2]), None, Some(2), true),
            (listed(&[1, 2]), None, Some(3), false),
            (listed(&[1]), None, None, false),
            (foreign.clone(), None, Some(1), false),
            (None, Some(Versions::Any), None, true),
            (None, Some(Versions::Any), Some(1), false),
            (None, listed(&[1]), Some(1), false),
            (None, listed(&[1]), Some(2), true),
            (None, foreign, Some(1), true),
            (listed(&[1]), listed(&[2]), Some(1), true),
            (listed(&[1]), listed(&[1]), Some(1), false),
        ] {
            let precondition = Precondition {
                if_match,
                if_none_match,
            };
            let checked = precondition.check(current);
            assert_eq!(checked.is_ok(), passes, "{precondition:?} on {current:?}");
        }
    }
}
