//! Lists that a command gathers when it begins, and gives out an element a step.

use alloc::vec::Vec;

use nanoqga::Failure;

/// The list of the command that was asked last; empty when it is all out.
#[derive(Debug)]
pub struct Listing<T>(Vec<T>);

impl<T> Default for Listing<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Listing<T> {
    /// The `index`-th element. Index 0 begins a list, and what is behind the last ends it.
    pub fn element(
        &mut self,
        index: usize,
        gather: impl FnOnce() -> Result<Vec<T>, Failure>,
    ) -> Result<Option<&T>, Failure> {
        if index == 0 {
            self.0 = Vec::new();
            self.0 = gather()?;
        }
        if index >= self.0.len() {
            self.0 = Vec::new();
        }
        Ok(self.0.get(index))
    }

    /// The `index`-th element again.
    pub fn again(&self, index: usize) -> Option<&T> {
        self.0.get(index)
    }
}

#[cfg(test)]
mod tests {
    use std::vec;

    use super::*;

    #[test]
    fn a_list_is_gathered_once_and_let_go_at_its_end() {
        let mut listing = Listing::default();
        assert_eq!(listing.element(0, || Ok(vec![1, 2])), Ok(Some(&1)));
        assert_eq!(listing.element(1, || unreachable!()), Ok(Some(&2)));
        assert_eq!(listing.again(0), Some(&1));
        assert_eq!(listing.element(2, || unreachable!()), Ok(None));
        assert_eq!(listing.again(0), None);
        assert_eq!(listing.element(0, || Err(Failure("gone"))), Err(Failure("gone")));
    }
}
