//! Boots the image from firmware.

use core::convert::Infallible;
use core::{ptr, slice};

use efi_loader::device_tree;
use efi_loader::payload::Header;
use uefi_raw::table::system::SystemTable;
use uefi_raw::{Guid, Handle, Status, guid};

use crate::arch::{self, Cpu};
use crate::firmware::Firmware;

/// The configuration table that is a device tree (Embedded Base Boot Requirements, 2.3).
const DEVICE_TREE: Guid = guid!("b1b621d5-f19c-41a5-830b-d9152c69aae0");

unsafe extern "C" {
    static __payload: u8;
}

/// The application's entry point, which firmware calls (UEFI 2.10, 4.1).
#[unsafe(no_mangle)]
extern "efiapi" fn efi_main(this: Handle, system: *const SystemTable) -> Status {
    // SAFETY: Firmware calls the application with these.
    let firmware = unsafe { Firmware::new(this, system) };
    let Err(why) = boot(&firmware);
    firmware.say("nanoqga: ");
    firmware.say(why);
    firmware.say("\r\n");
    Status::LOAD_ERROR
}

/// Boots the image. If that is impossible, firmware still has the machine, and this returns the reason.
fn boot(firmware: &Firmware) -> Result<Infallible, &'static str> {
    let (header, image, command_line) = payload();
    let tree = device_tree(firmware).ok_or("this firmware has no device tree")?;
    let cpu = Cpu::ask(firmware).ok_or("this firmware does not say which hart it runs on")?;
    let place = firmware.memory_at(header.address, header.memory as usize);
    let place = place.ok_or("the memory that the image needs is not free")?;
    let room = firmware.memory_below(arch::RAM_END, tree.len() + command_line.len() + device_tree::MORE);
    let room = room.ok_or("there is no memory for the device tree")?;
    let length = device_tree::with_command_line(tree, command_line, room);
    let tree = length.and_then(|length| room.get(..length)).ok_or("the device tree is broken")?;
    let start = place.get_mut(..image.len()).ok_or("the image is larger than its memory")?;
    firmware.leave()?;
    // From here on there is no console for an error.
    start.copy_from_slice(image);
    // SAFETY: Firmware has exited, and the image lies at the address that it is linked for.
    unsafe { arch::enter(cpu, place, tree) }
}

/// The image and its command line.
fn payload() -> (Header, &'static [u8], &'static [u8]) {
    let start = &raw const __payload;
    // SAFETY: `cargo xtask image` puts the header there, and behind it the image and command line that it describes.
    unsafe {
        let header = Header::from_bytes(start.cast::<[u8; Header::SIZE]>().read());
        let image = slice::from_raw_parts(start.add(Header::SIZE), header.image as usize);
        (header, image, slice::from_raw_parts(image.as_ptr_range().end, header.command_line as usize))
    }
}

/// The machine's device tree: the one that firmware names, or else the one at QEMU's fixed address.
fn device_tree(firmware: &Firmware) -> Option<&'static [u8]> {
    let address = firmware.configuration_table(&DEVICE_TREE).or(arch::DEVICE_TREE.map(ptr::with_exposed_provenance))?;
    // SAFETY: The tree's header says how long it is, and nobody changes it.
    unsafe {
        let size = device_tree::size(slice::from_raw_parts(address, 8))?;
        Some(slice::from_raw_parts(address, size))
    }
}
