//! The stateless web tier.
