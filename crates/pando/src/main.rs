//! The binary and composition root.
fn main() {}
