//! The panic handler.

use nanoqga::tests;

use crate::testing::kernel::Suite;

pub(super) const ALL: Suite = tests!["panics": plain finish_the_reply.should_panic("the reply is finished").alone()];

fn finish_the_reply() {
    panic!("the reply is finished by the panic handler");
}
