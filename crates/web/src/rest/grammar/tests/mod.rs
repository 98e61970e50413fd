//! The grammar against tables of examples, arbitrary bytes, and its own echo.

mod accepted;
mod echo;
mod headers;
mod refused;
mod round_trip;
