//! Waiting for a device that has a request.

use core::hint;

use virtio_drivers::Hal;
use virtio_drivers::transport::Transport;

use crate::virtqueue::VirtQueue;

/// The longest time that a request may take, in nanoseconds.
pub const PATIENCE_NS: u64 = 30_000_000_000;
/// The same on a machine without a clock, in looks at the queue.
const PATIENCE_LOOKS: u64 = 1 << 32;
/// For how long the driver looks at the queue before it sleeps, in nanoseconds: most requests take no longer, and an interrupt costs as
/// much.
const QUICK_NS: u64 = 100_000;
/// While the device's interrupt does not end a sleep, the next one takes this share of the time that the request has taken, so that it
/// takes little longer.
const DEAF_SHARE: u64 = 8;

/// Waits until the device has completed a request, asleep if that takes long. Returns `false` if it takes too long.
///
/// A sleep is as long as the request has taken until then, so a device whose interrupt does not arrive is waited for twice as long as it
/// needs, at most.
pub(super) fn wait<H: Hal>(
    queue: &mut VirtQueue<H>,
    transport: &mut impl Transport,
    clock: fn() -> Option<u64>,
    nap: fn(u64, bool),
) -> bool {
    let start = clock();
    let taken = || clock().zip(start).map(|(now, start)| now.saturating_sub(start));
    let (mut looks, mut interrupts, mut deaf) = (0, false, false);
    while !queue.has_completed() {
        looks += 1;
        match taken() {
            Some(taken) if taken > PATIENCE_NS => return false,
            None if looks > PATIENCE_LOOKS => return false,
            None | Some(..=QUICK_NS) => hint::spin_loop(),
            // It may have completed the request before it saw that, so look once more.
            Some(_) if !interrupts => {
                interrupts = true;
                queue.set_interrupts(true);
            }
            Some(before) => {
                let ns = if deaf { before / DEAF_SHARE } else { before.min(PATIENCE_NS.saturating_sub(before)) };
                nap(ns, deaf);
                transport.ack_interrupt();
                // If the request is not complete, another device has ended the nap, and would end the next one: nobody asks it now.
                deaf |= taken().is_some_and(|now| now < before + ns / 2);
            }
        }
    }
    queue.set_interrupts(false);
    true
}
