//! The generic timer (Arm Architecture Reference Manual for A-profile, D12).

use aarch64_cpu::asm::barrier::{SY, isb};
use aarch64_cpu::registers::{CNTFRQ_EL0, CNTV_CTL_EL0, CNTV_CVAL_EL0, Readable, Writeable};

/// How often per second the counter counts, if the machine says so.
pub(crate) fn counter_hz() -> Option<u64> {
    Some(CNTFRQ_EL0.get()).filter(|&hz| hz != 0)
}

/// Has the timer interrupt when the counter shows so much; `None`: no more.
pub(crate) fn set_timer(at: Option<u64>) {
    if let Some(at) = at {
        CNTV_CVAL_EL0.set(at);
    }
    CNTV_CTL_EL0.set(at.is_some().into());
    isb(SY);
}
