//! A device with its queues: features, reset, interrupts.

use virtio_drivers::transport::{DeviceStatus, InterruptStatus, Transport};

use crate::Error;
use crate::barrier::barrier;

/// VIRTIO_F_VERSION_1, section 6.
const VERSION_1: u64 = 1 << 32;
/// VIRTIO_F_ACCESS_PLATFORM, section 6. A device that offers it stops without it. It takes the addresses of
/// [`Hal`](virtio_drivers::Hal), as all do.
const ACCESS_PLATFORM: u64 = 1 << 33;

/// How often the status is read after a reset before the device is given up. In practice it is 0 at the first read.
const RESET_LOOKS: u32 = 100_000;

/// The device, with its queues `Q` while it is initialised, or else the reason why it is not.
///
/// Drops queues only after a reset that the device has confirmed, as `virtqueue` requires.
pub(crate) struct Device<Q, T: Transport> {
    transport: T,
    queues: Result<Q, Error>,
    /// An `InterruptHandle` acknowledges the interrupts.
    has_handle: bool,
}

impl<Q, T: Transport> Device<Q, T> {
    /// The device behind `transport`, which is not initialised yet.
    pub(crate) const fn new(transport: T) -> Self {
        Self { transport, queues: Err(Error::NoReset), has_handle: false }
    }

    pub(crate) fn queues(&self) -> Option<&Q> {
        self.queues.as_ref().ok()
    }

    pub(crate) fn queues_mut(&mut self) -> Option<&mut Q> {
        self.queues.as_mut().ok()
    }

    pub(crate) fn failure(&self) -> Option<Error> {
        self.queues.as_ref().err().copied()
    }

    /// Calls `work` if the device is initialised. Resets the device if `work` returns an error.
    pub(crate) fn with<R>(&mut self, work: impl FnOnce(&mut Q, &mut T) -> Result<R, Error>) -> Option<R> {
        let queues = self.queues.as_mut().ok()?;
        match work(queues, &mut self.transport) {
            Ok(result) => Some(result),
            Err(error) => {
                self.stop(error);
                None
            }
        }
    }

    pub(crate) const fn transport(&self) -> &T {
        &self.transport
    }

    /// Leaves it to an `InterruptHandle` to acknowledge interrupts.
    pub(crate) fn leave_interrupts_to_handle(&mut self) {
        self.has_handle = true;
    }

    /// Acknowledges the device's interrupt, unless a handle does that, and checks whether the device needs a reset.
    pub(crate) fn acknowledge_interrupt(&mut self) {
        // A device that needs a reset says so by an interrupt for a change of its configuration (section 2.1.2). A handle may have
        // acknowledged that.
        let may_need_reset =
            self.has_handle || self.transport.ack_interrupt().contains(InterruptStatus::DEVICE_CONFIGURATION_INTERRUPT);
        // The rings must be read after the acknowledgement, because the device does not interrupt again for buffers that it
        // returned before.
        barrier();
        if may_need_reset && self.transport.get_status().contains(DeviceStatus::DEVICE_NEEDS_RESET) {
            self.stop(Error::NeedsReset);
        }
    }

    /// Resets the device, and initialises it with the queues that `start` sets up.
    pub(crate) fn restart(&mut self, start: impl FnOnce(&mut T) -> Result<Q, Error>) {
        // `stop` drops the old queues first, so that their pages can be allocated for the new ones.
        if self.stop(Error::NoReset) {
            self.start(start);
        }
    }

    /// Initialises a device that was reset with the queues that `start` sets up. Resets it if that fails.
    pub(crate) fn start(&mut self, start: impl FnOnce(&mut T) -> Result<Q, Error>) {
        match start(&mut self.transport) {
            Ok(queues) => self.queues = Ok(queues),
            Err(error) => _ = self.stop(error),
        }
    }

    /// Resets the device and notes the reason. Returns whether the device has confirmed the reset.
    pub(crate) fn stop(&mut self, why: Error) -> bool {
        self.take_queues(why).is_some()
    }

    /// Resets the device and notes the reason. Returns the queues if the device has confirmed the reset.
    pub(crate) fn take_queues(&mut self, why: Error) -> Option<Result<Q, Error>> {
        self.transport.set_status(DeviceStatus::empty());
        let quiet = (0..RESET_LOOKS).any(|_| self.transport.get_status().is_empty());
        // Memory of the queues must be read or freed after the status, because the device may write to it until then.
        barrier();
        let queues = core::mem::replace(&mut self.queues, Err(if quiet { why } else { Error::NoReset }));
        if !quiet {
            // The device may still write to this memory, so it is leaked.
            core::mem::forget(queues);
            return None;
        }
        Some(queues)
    }
}

impl<Q, T: Transport> Drop for Device<Q, T> {
    fn drop(&mut self) {
        self.stop(Error::NoReset);
    }
}

/// Negotiates features with a device that was reset: section 3.1.1, steps 2 to 6. Returns the status so far. The
/// device must offer the features `required`, or the error is `missing`; those of `used` it may.
#[inline(never)]
pub(crate) fn negotiate(
    transport: &mut impl Transport,
    required: u64,
    used: u64,
    missing: Error,
) -> Result<DeviceStatus, Error> {
    let mut status = DeviceStatus::ACKNOWLEDGE | DeviceStatus::DRIVER;
    transport.set_status(status);

    // A legacy device has neither VERSION_1 nor FEATURES_OK (section 3.1.2). Every other device must have both.
    let legacy = transport.requires_legacy_layout();
    let wanted = if legacy { required } else { required | VERSION_1 };
    let offered = transport.read_device_features();
    if offered & required != required {
        return Err(missing);
    }
    if offered & wanted != wanted {
        return Err(Error::Features);
    }
    let optional = if legacy { used } else { used | ACCESS_PLATFORM };
    transport.write_driver_features(wanted | offered & optional);
    if !legacy {
        status |= DeviceStatus::FEATURES_OK;
        transport.set_status(status);
        if !transport.get_status().contains(DeviceStatus::FEATURES_OK) {
            return Err(Error::Features);
        }
    }
    // Legacy devices take the addresses of queues as numbers of such pages.
    transport.set_guest_page_size(virtio_drivers::PAGE_SIZE as u32);
    Ok(status)
}
