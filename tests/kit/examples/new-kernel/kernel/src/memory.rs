//! Which pages are in use.

/// The size of a page in bytes.
pub const PAGE: usize = 4096;

/// So many pages from an address on, each free or in use.
pub struct Pages<const N: usize> {
    start: usize,
    used: [bool; N],
}

impl<const N: usize> Pages<N> {
    /// All are free.
    pub const fn new(start: usize) -> Self {
        Self { start, used: [false; N] }
    }

    /// Takes a page, and gives its address.
    pub fn allocate(&mut self) -> Option<usize> {
        let index = self.used.iter().position(|used| !used)?;
        self.used[index] = true;
        Some(self.start + index * PAGE)
    }

    /// Takes a page back.
    ///
    /// # Panics
    /// When it was not in use.
    pub fn free(&mut self, address: usize) {
        let index = (address - self.start) / PAGE;
        assert!(self.used[index], "page {index} was freed twice");
        self.used[index] = false;
    }

    /// How many are free.
    pub fn left(&self) -> usize {
        self.used.iter().filter(|used| !**used).count()
    }
}
