//! Looking at a queue: what is in it, and how much.
