//! What is synced of a file, and what was written since.

use rand::Rng;
use rand::rngs::StdRng;

/// What a real disk writes all of or nothing of.
const SECTOR_BYTES: usize = 512;

/// What a disk has of a file.
#[derive(Default)]
pub(crate) struct File {
    /// What was synced; `None` for a file that never was.
    pub(crate) durable: Option<Vec<u8>>,
    /// What was written since, in order.
    pub(crate) pending: Vec<Pending>,
    pub(crate) length: u64,
}

/// A change that was not synced.
pub(crate) enum Pending {
    Write { at: usize, bytes: Vec<u8> },
    Truncate(usize),
}

impl File {
    /// What was written is synced.
    pub(crate) fn keep_all(&mut self) {
        let mut image = self.durable.take().unwrap_or_default();
        for pending in self.pending.drain(..) {
            match pending {
                Pending::Write { at, bytes } => put(&mut image, at, &bytes),
                Pending::Truncate(length) => image.resize(length, 0),
            }
        }
        self.durable = Some(image);
    }

    /// As a disk does that was writing in its own order when the power went.
    pub(crate) fn keep_some(&mut self, coin: &mut StdRng) {
        let mut image = self.durable.take();
        for pending in self.pending.drain(..) {
            match pending {
                Pending::Write { at, bytes } => {
                    for (place, sector) in bytes.chunks(SECTOR_BYTES).enumerate() {
                        if coin.random_bool(0.5) {
                            let image = image.get_or_insert_default();
                            put(image, at + place * SECTOR_BYTES, sector);
                        }
                    }
                }
                Pending::Truncate(length) => {
                    if coin.random_bool(0.5)
                        && let Some(image) = &mut image
                    {
                        image.resize(length, 0);
                    }
                }
            }
        }
        self.durable = image;
    }
}

fn put(image: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    let end = at + bytes.len();
    if image.len() < end {
        image.resize(end, 0);
    }
    image[at..end].copy_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn the_same_seed_keeps_the_same_sectors() {
        let image = |seed| {
            let mut file = File {
                durable: Some(vec![0; 8 * SECTOR_BYTES]),
                pending: vec![Pending::Write {
                    at: 0,
                    bytes: vec![1; 8 * SECTOR_BYTES],
                }],
                length: 0,
            };
            file.keep_some(&mut StdRng::seed_from_u64(seed));
            file.durable.unwrap()
        };
        assert_eq!(image(7), image(7));
        assert!((0..20).any(|seed| image(seed) != image(7)));
    }
}
