//! Texts that are copied: they outlive what they were copied from.

use core::fmt;

/// A text of at most `N` bytes, where `N` is at most 255. What is longer is cut at a character, and displayed with `...` behind it.
#[derive(Clone, Copy)]
pub(super) struct Words<const N: usize> {
    length: u8,
    is_cut: bool,
    bytes: [u8; N],
}

impl<const N: usize> Words<N> {
    pub(super) const fn new() -> Self {
        const { assert!(N <= u8::MAX as usize, "a length is one byte") };
        Self { length: 0, is_cut: false, bytes: [0; N] }
    }

    /// What `text` displays.
    pub(super) fn of(text: &dyn fmt::Display) -> Self {
        use fmt::Write as _;
        let mut words = Self::new();
        // It never fails by itself, and half of a text that fails is better than none.
        let _ = write!(words, "{text}");
        words
    }

    /// All of `text`, if it fits.
    pub(super) fn all_of(text: &str) -> Option<Self> {
        let words = Self::of(&text);
        (!words.is_cut).then_some(words)
    }

    /// The end of `text`: as much as fits.
    pub(super) fn end_of(text: &str) -> Self {
        let mut start = text.len().saturating_sub(N);
        while !text.is_char_boundary(start) {
            start = start.saturating_add(1);
        }
        Self::of(&text.get(start..).unwrap_or_default())
    }

    pub(super) fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..usize::from(self.length)).unwrap_or_default();
        core::str::from_utf8(bytes).unwrap_or_default()
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.length == 0
    }
}

/// Never fails. Nothing is added behind a cut.
impl<const N: usize> fmt::Write for Words<N> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.is_cut {
            return Ok(());
        }
        let used = usize::from(self.length);
        let mut end = text.len().min(N.saturating_sub(used));
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let kept = text.as_bytes().get(..end).unwrap_or_default();
        if let Some(length) = crate::json::copy(kept, &mut self.bytes, used) {
            self.length = length as u8;
        }
        self.is_cut = end < text.len();
        Ok(())
    }
}

impl<const N: usize> fmt::Display for Words<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())?;
        f.write_str(if self.is_cut { "..." } else { "" })
    }
}

impl<const N: usize> fmt::Debug for Words<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}
