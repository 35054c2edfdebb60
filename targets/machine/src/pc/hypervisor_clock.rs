//! The clock of whichever hypervisor has one.

use super::kvm_clock::KvmClock;
#[cfg(feature = "xen")]
use crate::xen::Domain;

/// The hypervisor's clock.
#[derive(Clone, Copy, Debug)]
pub(super) enum HypervisorClock {
    Kvm(KvmClock),
    #[cfg(feature = "xen")]
    Xen(Domain),
}

impl HypervisorClock {
    /// Switches the clock on, where there is one.
    pub(super) fn find() -> Option<Self> {
        #[cfg(feature = "xen")]
        if let Some(domain) = Domain::find() {
            return Some(Self::Xen(domain));
        }
        KvmClock::find().map(Self::Kvm)
    }

    /// Nanoseconds since the guest was started.
    pub(super) fn now(self) -> u64 {
        match self {
            Self::Kvm(clock) => clock.now(),
            #[cfg(feature = "xen")]
            Self::Xen(domain) => domain.now(),
        }
    }

    /// When the guest was started, in nanoseconds since 1970, by the host's clock as it goes now.
    pub(super) fn started_at(self) -> i64 {
        match self {
            Self::Kvm(clock) => clock.started_at(),
            #[cfg(feature = "xen")]
            Self::Xen(domain) => domain.started_at(),
        }
    }
}
