//! Tables over HTTP: `/rest/v1`.

pub(crate) mod grammar;
