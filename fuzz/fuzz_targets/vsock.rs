//! The driver of virtio socket devices, with a device that does what the input says.
#![no_main]
#![allow(clippy::unwrap_used, dead_code, unsafe_code, reason = "the device model is that of the driver's tests")]

#[path = "../../targets/virtio-serial/tests/vsock/device.rs"]
mod device;
#[path = "../../targets/virtio-serial/tests/vsock/liar.rs"]
mod liar;
#[path = "../../targets/virtio-serial/tests/serial/memory.rs"]
mod memory;
#[path = "../../targets/virtio-serial/tests/vsock/packet.rs"]
mod packet;
#[path = "../../targets/virtio-serial/tests/vsock/peer.rs"]
mod peer;
#[path = "../../targets/virtio-serial/tests/serial/queue.rs"]
mod queue;
#[path = "../../targets/virtio-serial/tests/vsock/wire.rs"]
mod wire;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|lies: &[u8]| liar::lie(lies));
