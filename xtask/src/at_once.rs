//! Work that keeps every processor busy.

use std::num::NonZero;
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Does `work` for each item, in their order, as many at once as there are processors. Its results come in the order of the items.
///
/// # Panics
/// When `work` does.
pub(crate) fn for_each<I: Sync, O: Send>(items: &[I], work: impl Fn(&I) -> O + Sync) -> Vec<O> {
    let at_once = thread::available_parallelism().map_or(1, NonZero::get);
    let mut results: Vec<Option<O>> = items.iter().map(|_| None).collect();
    let left = Mutex::new(items.iter().zip(&mut results));
    let next = || left.lock().unwrap_or_else(PoisonError::into_inner).next();
    thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                while let Some((item, result)) = next() {
                    *result = Some(work(item));
                }
            });
        }
    });
    results.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_items() {
        let numbers: Vec<u64> = (0..1000).collect();
        assert_eq!(
            for_each(&numbers, |number| number * number),
            numbers.iter().map(|number| number * number).collect::<Vec<_>>()
        );
        assert_eq!(for_each(&[] as &[u8], |_| ()), []);
    }
}
