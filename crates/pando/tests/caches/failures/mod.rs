//! Every strategy, and what may fail beneath it: two web processes over one PostgreSQL and one
//! Redis, each on its own way through a proxy that makes faults.
//!
//! | file | what fails |
//! |---|---|
//! | `redis` | the shared cache: emptied, full, refusing, garbled, slow, cut off, half-open |
//! | `store` | the store: slow, cut off, half-open, down |
//! | `crowd` | the shared cache, under more loads than the store has room for |

mod collection;
mod crowd;
mod redis;
mod scene;
mod store;
