//! A virtio console, through the firmware's PCI I/O protocol (UEFI specification 2.10, section 14.4).

use core::ffi::c_void;
use core::ptr;

use uefi::boot::{self, OpenProtocolAttributes, OpenProtocolParams, ScopedProtocol, SearchType};
use uefi::proto::unsafe_protocol;
use uefi::{Handle, Status};
use virtio_drivers::transport::DeviceType;
use virtio_serial::impl_registers;
use virtio_serial::pci::{self, BarPart};
use virtio_serial::transport::PciTransport;

/// Vendor and device of a transitional and of a modern console.
const CONSOLES: [u32; 2] = [0x1003_1af4, 0x1043_1af4];
const ENABLE: u32 = 2;
const MEMORY_AND_BUS_MASTER: u64 = 0x200 | 0x400;

/// Reads or writes `count` values of 2 to the power of `width` bytes in a BAR.
type AccessBar =
    unsafe extern "efiapi" fn(*const PciIo, width: u32, bar: u8, offset: u64, count: usize, *mut c_void) -> Status;
/// The same in configuration space.
type AccessConfiguration =
    unsafe extern "efiapi" fn(*const PciIo, width: u32, offset: u32, count: usize, *mut c_void) -> Status;

/// The beginning of `EFI_PCI_IO_PROTOCOL`. What is not called is only as large as its pointers.
#[repr(C)]
#[unsafe_protocol("4cf5b200-68b8-4ca5-9eec-b23e3f50029a")]
pub struct PciIo {
    _poll: [usize; 2],
    read_bar: AccessBar,
    write_bar: AccessBar,
    _ports: [usize; 2],
    read_configuration: AccessConfiguration,
    _write_configuration_to_get_location: [usize; 8],
    attributes: unsafe extern "efiapi" fn(*const PciIo, operation: u32, bits: u64, result: *mut u64) -> Status,
}

impl PciIo {
    /// Reads a word of configuration space. Where there is none, all bits are set.
    fn configuration(&self, offset: u32) -> u32 {
        let mut word = 0u32;
        // SAFETY: firmware writes one value of 4 bytes.
        let status = unsafe { (self.read_configuration)(self, 2, offset, 1, (&raw mut word).cast()) };
        if status.is_success() { word } else { u32::MAX }
    }
}

/// Finds the first virtio console, takes it from the firmware's drivers, and switches it on.
pub fn console() -> Option<ScopedProtocol<PciIo>> {
    let devices = boot::locate_handle_buffer(SearchType::from_proto::<PciIo>()).ok()?;
    let device = devices.iter().copied().find(|device| is_console(*device))?;
    let device = boot::open_protocol_exclusive::<PciIo>(device).ok()?;
    // SAFETY: this operation has no result.
    let status = unsafe { (device.attributes)(&*device, ENABLE, MEMORY_AND_BUS_MASTER, ptr::null_mut()) };
    status.is_success().then_some(device)
}

/// Whether a device on PCI is a virtio console.
pub fn is_console(handle: Handle) -> bool {
    let parameters = OpenProtocolParams { handle, agent: boot::image_handle(), controller: None };
    // SAFETY: this only reads a register that does not change, while a driver of the firmware may use the device.
    let device = unsafe { boot::open_protocol::<PciIo>(parameters, OpenProtocolAttributes::GetProtocol) };
    device.is_ok_and(|device| CONSOLES.contains(&device.configuration(0)))
}

/// The transport of a device.
pub fn transport(device: &PciIo) -> Option<PciTransport<Window<'_>>> {
    let structures = pci::structures(|register| device.configuration(register.into())).ok()?;
    let structures = structures.try_map(|part| Some(Window { device, part }))?;
    PciTransport::new(DeviceType::Console, structures).ok()
}

/// Registers in one of a device's BARs. What firmware refuses to access reads as 0.
#[derive(Clone, Copy)]
pub struct Window<'d> {
    device: &'d PciIo,
    part: BarPart,
}

impl Window<'_> {
    /// Reads or writes an integer, which is a register of its own width.
    fn access<T>(&self, access: AccessBar, offset: usize, value: &mut T) -> Status {
        let (width, offset) = (size_of::<T>().ilog2(), u64::from(self.part.offset) + offset as u64);
        // SAFETY: firmware reads or writes one value of that width, and checks that it lies in the BAR.
        unsafe { access(self.device, width, self.part.bar, offset, 1, ptr::from_mut(value).cast()) }
    }

    fn read<T: Default>(&self, offset: usize) -> T {
        let mut value = T::default();
        let status = self.access(self.device.read_bar, offset, &mut value);
        if status.is_success() { value } else { T::default() }
    }

    fn write<T>(&self, offset: usize, mut value: T) {
        let _ = self.access(self.device.write_bar, offset, &mut value);
    }
}

impl_registers! {
    for Window<'_>,
    size: |window| window.part.length as usize,
    read: |window, offset| window.read(offset),
    write: |window, offset, value| window.write(offset, value),
}
