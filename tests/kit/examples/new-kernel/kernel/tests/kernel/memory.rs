//! Pages.

use core::fmt::Write;

use nanoqga::commands::testing::{Output, Test, Verdict};
use nanoqga::{check, check_eq, tests};
use new_kernel::memory::{PAGE, Pages};

use crate::Guest;

pub const TESTS: &[Test<Guest>] = tests!["memory":
    pages_are_apart,
    all_pages_can_be_had.cases(3),
    plain freed_pages_come_again,
    plain pages_are_not_freed_twice.should_panic("freed twice"),
    counts_what_is_left,
];

fn pages_are_apart(_: &mut Guest, output: &mut Output<'_>) -> Verdict {
    let mut pages = Pages::<4>::new(0x1000);
    let (first, second) = (pages.allocate(), pages.allocate());
    writeln!(output, "{first:x?} {second:x?}")?;
    check_eq!(second, first.map(|first| first + PAGE));
    Ok(())
}

fn all_pages_can_be_had(_: &mut Guest, output: &mut Output<'_>) -> Verdict {
    let mut pages = Pages::<8>::new(0x1000 << output.case());
    let had = core::iter::from_fn(|| pages.allocate()).count();
    check_eq!(had, 8);
    Ok(())
}

fn freed_pages_come_again() {
    let mut pages = Pages::<1>::new(0x1000);
    let page = pages.allocate().unwrap();
    assert_eq!(pages.allocate(), None);
    pages.free(page);
    assert_eq!(pages.allocate(), Some(page));
}

fn pages_are_not_freed_twice() {
    let mut pages = Pages::<1>::new(0x1000);
    let page = pages.allocate().unwrap();
    pages.free(page);
    pages.free(page);
}

/// Wrong on purpose: it shows what a failure looks like.
fn counts_what_is_left(_: &mut Guest, output: &mut Output<'_>) -> Verdict {
    let mut pages = Pages::<4>::new(0x1000);
    pages.allocate();
    writeln!(output, "{} pages are left", pages.left())?;
    check!(pages.left() == 4, "a page is missing");
    Ok(())
}
