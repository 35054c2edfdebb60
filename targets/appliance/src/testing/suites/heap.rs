//! The heap.

use machine::heap;
use nanoqga::commands::testing::{Output, Verdict, fail};
use nanoqga::{check, check_eq, tests};

use crate::testing::kernel::{Kernel, Suite};

pub(super) const ALL: Suite = tests!["heap": memory_is_zeroed_and_nobody_elses, more_than_there_is_is_refused];

const PAGE: usize = 4096;

fn memory_is_zeroed_and_nobody_elses(_: &mut Kernel, _: &mut Output<'_>) -> Verdict {
    let (Some(one), Some(other)) = (heap::bytes(100), heap::bytes(PAGE)) else {
        return fail("there is no memory left");
    };
    for memory in [&*one, &*other] {
        check!(memory.iter().all(|byte| *byte == 0), "it is not zeroed");
        check_eq!(memory.as_ptr().addr() % PAGE, 0);
    }
    one.fill(0xA5);
    check!(other.iter().all(|byte| *byte == 0), "two allocations overlap");
    Ok(())
}

fn more_than_there_is_is_refused(_: &mut Kernel, output: &mut Output<'_>) -> Verdict {
    let free = heap::free();
    output.measure("free", free as f64, "bytes");
    for length in [free + 1, usize::MAX / 2, usize::MAX] {
        check!(heap::bytes(length).is_none(), "{length} bytes were found in {free}");
    }
    check_eq!(heap::free(), free);
    Ok(())
}
