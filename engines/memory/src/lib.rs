//! The memory engine, oracle of the tests.
