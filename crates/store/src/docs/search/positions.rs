//! The places of a term in a document, as bytes: differences of ascending places, each in groups of seven
//! bits, least first, the high bit set on all but the last (LEB128). Most take one byte.

/// Appends to a list of places.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PositionWriter {
    pub bytes: Vec<u8>,
    pub count: u32,
    last: u32,
}

impl PositionWriter {
    /// A place behind all that were written.
    pub fn push(&mut self, position: u32) {
        debug_assert!(self.count == 0 || position > self.last);
        let mut gap = position - self.last;
        while gap >= 0x80 {
            self.bytes.push((gap & 0x7f) as u8 | 0x80);
            gap >>= 7;
        }
        self.bytes.push(gap as u8);
        self.last = position;
        self.count += 1;
    }
}

/// The places; what is damaged ends the list.
pub(super) fn read(bytes: &[u8]) -> impl Iterator<Item = u32> {
    let mut rest = bytes.iter();
    let mut last = 0_u32;
    std::iter::from_fn(move || {
        let mut gap = 0_u32;
        for shift in (0..35).step_by(7) {
            let byte = *rest.next()?;
            gap |= u32::from(byte & 0x7f).checked_shl(shift)?;
            if byte < 0x80 {
                last = last.checked_add(gap)?;
                return Some(last);
            }
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn near_places_take_a_byte_each() {
        let mut writer = PositionWriter::default();
        for position in [0, 1, 128, 300, 100_000] {
            writer.push(position);
        }
        assert_eq!(writer.bytes, [0, 1, 127, 0xac, 1, 0xf4, 0x8a, 6]);
    }

    proptest! {
        #[test]
        fn places_are_read_as_they_were_written(places in prop::collection::btree_set(any::<u32>(), 0..50)) {
            let mut writer = PositionWriter::default();
            places.iter().for_each(|&place| writer.push(place));
            prop_assert_eq!(writer.count as usize, places.len());
            prop_assert!(read(&writer.bytes).eq(places));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..50)) {
            prop_assert!(read(&bytes).count() <= bytes.len());
        }
    }
}
