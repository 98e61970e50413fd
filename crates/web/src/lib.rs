//! The stateless web tier.

mod rest;
