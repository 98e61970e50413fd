//! Exact decimals: PostgreSQL's `numeric` without NaN, infinities and trailing zeros.

use crate::error::Refusal;
use bigdecimal::BigDecimal;

/// An exact decimal of at most 1,000 digits on either side of the point.
/// A column's declared scale is applied when it is written; otherwise it has no trailing zeros.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Numeric(BigDecimal);

impl Numeric {
    /// Reads `-12.50`, `1e3`; NaN and infinities are refused.
    pub fn parse(text: &str) -> Result<Numeric, Refusal> {
        let _ = text;
        todo!()
    }

    /// Bytes whose order (memcmp) is the numbers' order; equal for equal numbers.
    pub fn to_ordered_bytes(&self) -> Vec<u8> {
        todo!()
    }

    /// The number that [`Numeric::to_ordered_bytes`] wrote; `None` for other bytes.
    pub fn from_ordered_bytes(bytes: &[u8]) -> Option<Numeric> {
        let _ = bytes;
        todo!()
    }
}
