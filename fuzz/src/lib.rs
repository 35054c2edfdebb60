//! What the fuzz targets share: how an input says what is sent, and how, and what else there is on a machine.

pub mod config_space;
pub mod disk;
pub mod memory;

/// The first bytes of an input, which choose sizes. What the host sends comes after them.
///
/// `cargo xtask fuzz --seed` puts them before the recorded requests.
pub type Settings = [u8; 8];

/// The settings and what is sent, of an input that is long enough to have both.
#[must_use]
pub fn parts(input: &[u8]) -> Option<(&Settings, &[u8])> {
    input.split_first_chunk()
}

/// Sizes from 1 to 256, in turns, for ever.
pub fn sizes(settings: &[u8]) -> impl Iterator<Item = usize> {
    settings.iter().cycle().map(|&size| usize::from(size) + 1)
}

/// `bytes` in pieces of `sizes`.
pub fn pieces(mut bytes: &[u8], mut sizes: impl Iterator<Item = usize>) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let size = sizes.next()?.min(bytes.len());
        let (piece, rest) = bytes.split_at(size);
        bytes = rest;
        (!piece.is_empty()).then_some(piece)
    })
}
