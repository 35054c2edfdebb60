//! The device's queues (virtio 1.2, section 5.10.2), and its initialisation.

use virtio_drivers::Hal;
use virtio_drivers::transport::{DeviceStatus, Transport};

use super::packet::{HEADER_BYTES, Header};
use super::transmit::Transmit;
use crate::Error;
use crate::barrier::barrier;
use crate::device::negotiate;
use crate::ring::ReceiveRing;
use crate::virtqueue::Buffers;

/// VIRTIO_VSOCK_F_STREAM, section 5.10.3. A device without it has streams, too, unless another feature is accepted.
const FEATURE_STREAM: u64 = 1 << 0;
/// Offset of `guest_cid` in the configuration, section 5.10.4. Its upper half is zero.
const CID_OFFSET: usize = 0;

/// 4 KiB of data each, and 16 pages with the headers of all.
const RECEIVE: Buffers = Buffers { count: 16, bytes: 4096 };
const TRANSMIT: Buffers = Buffers { count: 4, bytes: HEADER_BYTES + (16 << 10) };
const EVENTS: Buffers = Buffers { count: 4, bytes: EVENT_BYTES };

const EVENT_BYTES: usize = 4;
/// VIRTIO_VSOCK_EVENT_TRANSPORT_RESET, section 5.10.6.7.
const TRANSPORT_RESET: u32 = 0;

/// Copies from an offset of a packet's data to a slice, as much as fits. Returns the number of bytes.
pub(crate) type CopyData<'a> = dyn FnMut(usize, &mut [u8]) -> Result<usize, Error> + 'a;

/// The queues of an initialised device.
pub(crate) struct Queues<H: Hal> {
    /// The guest's context ID.
    pub(crate) cid: u64,
    pub(crate) receive: ReceiveRing<H>,
    pub(crate) transmit: Transmit<H>,
    events: ReceiveRing<H>,
}

impl<H: Hal> Queues<H> {
    /// Initialises a device that was reset: section 3.1.1, steps 2 to 8.
    pub(crate) fn start(transport: &mut impl Transport) -> Result<Self, Error> {
        let status = negotiate(transport, 0, FEATURE_STREAM, Error::Features)?;
        let mut queues = Self {
            cid: cid(transport)?,
            receive: ReceiveRing::new(transport, 0, RECEIVE)?,
            transmit: Transmit::new(transport, 1, TRANSMIT)?,
            events: ReceiveRing::new(transport, 2, EVENTS)?,
        };
        // From DRIVER_OK on the device may read the rings.
        barrier();
        transport.set_status(status | DeviceStatus::DRIVER_OK);
        queues.receive.announce(transport);
        queues.events.announce(transport);
        Ok(queues)
    }

    /// Handles an event of the device, if there is one. Returns whether all connections have ended, because the guest was moved to
    /// another host. Its context ID may be another one now.
    pub(crate) fn was_moved(&mut self, transport: &mut impl Transport) -> Result<bool, Error> {
        let mut event = [0xff; EVENT_BYTES];
        let Some(EVENT_BYTES) = self.events.message(&mut event)? else { return Ok(false) };
        self.events.announce(transport);
        if u32::from_le_bytes(event) != TRANSPORT_RESET {
            return Ok(false);
        }
        self.cid = cid(transport)?;
        Ok(true)
    }

    /// Calls `take` with the next packet's header, the number of its bytes of data, and what copies from
    /// these. Returns whether there was a packet.
    pub(crate) fn receive(
        &mut self,
        transport: &mut impl Transport,
        take: impl FnOnce(&Header, usize, &mut CopyData<'_>) -> Result<(), Error>,
    ) -> Result<bool, Error> {
        let received = self.receive.take(|queue, buffer, length| {
            let mut header = [0; HEADER_BYTES];
            if queue.copy_out(buffer, 0, length, &mut header)? == HEADER_BYTES {
                let data = length.saturating_sub(HEADER_BYTES);
                take(&Header::parse(&header), data, &mut |offset, room| {
                    queue.copy_out(buffer, HEADER_BYTES + offset, data.saturating_sub(offset), room)
                })?;
            }
            // vhost-device-vsock 0.3 returns a buffer that it has not written to when a connection of which it had something to say is
            // gone. The packet that was in it before must not be taken for a new one.
            queue.copy_in(buffer, 0, &[0; HEADER_BYTES])?;
            Ok(())
        })?;
        self.receive.announce(transport);
        Ok(received)
    }
}

fn cid(transport: &impl Transport) -> Result<u64, Error> {
    let cid = transport.read_config_space::<u32>(CID_OFFSET).map_err(|_| Error::Config)?;
    Ok(u32::from_le(cid).into())
}
