//! The UEFI services that the loader needs (UEFI 2.10, chapters 4 and 7).

use core::ptr::{self, NonNull};
use core::slice;

use uefi_raw::table::boot::{AllocateType, BootServices, MemoryDescriptor, MemoryType};
use uefi_raw::table::system::SystemTable;
use uefi_raw::{Guid, Handle};

const PAGE: usize = 4096;
/// By how much the memory map may grow between two calls, in bytes.
const MAP_GROWTH: usize = PAGE;

/// The firmware that runs this application.
#[derive(Debug)]
pub struct Firmware {
    this: Handle,
    system: &'static SystemTable,
    services: &'static BootServices,
}

impl Firmware {
    /// # Safety
    /// Both must be the arguments that firmware called the application with.
    pub unsafe fn new(this: Handle, system: *const SystemTable) -> Self {
        // SAFETY: These tables are valid until firmware exits.
        unsafe {
            let system = &*system;
            Self { this, system, services: &*system.boot_services }
        }
    }

    /// Writes ASCII to the console, if there is one.
    pub fn say(&self, text: &str) {
        let console = self.system.stdout;
        if console.is_null() {
            return;
        }
        for byte in text.bytes() {
            let string = [u16::from(byte), 0];
            // SAFETY: It is firmware's own console, and the string ends with 0.
            let _ = unsafe { ((*console).output_string)(console, string.as_ptr()) };
        }
    }

    /// The configuration table of a GUID.
    pub fn configuration_table(&self, id: &Guid) -> Option<*const u8> {
        let entries = NonNull::new(self.system.configuration_table)?;
        // SAFETY: Firmware says how many entries the table has.
        let entries =
            unsafe { slice::from_raw_parts(entries.as_ptr(), self.system.number_of_configuration_table_entries) };
        let entry = entries.iter().find(|entry| entry.vendor_guid == *id)?;
        (!entry.vendor_table.is_null()).then_some(entry.vendor_table.cast_const().cast())
    }

    /// The first interface of a protocol.
    #[cfg(target_arch = "riscv64")]
    pub fn protocol(&self, id: &Guid) -> Option<NonNull<core::ffi::c_void>> {
        let mut interface = ptr::null_mut();
        // SAFETY: It only fills in the pointer.
        let status = unsafe { (self.services.locate_protocol)(id, ptr::null(), &raw mut interface) };
        NonNull::new(interface).filter(|_| status.is_success())
    }

    /// Allocates memory at an address, which must begin a page. `None` if firmware or this application uses some of it.
    pub fn memory_at(&self, address: u64, size: usize) -> Option<&'static mut [u8]> {
        self.memory(AllocateType::ADDRESS, address, size)
    }

    /// Allocates memory below an address.
    pub fn memory_below(&self, end: u64, size: usize) -> Option<&'static mut [u8]> {
        self.memory(AllocateType::MAX_ADDRESS, end - 1, size)
    }

    fn memory(&self, how: AllocateType, mut address: u64, size: usize) -> Option<&'static mut [u8]> {
        let pages = size.div_ceil(PAGE);
        // SAFETY: It only fills in the address.
        let status = unsafe { (self.services.allocate_pages)(how, MemoryType::LOADER_DATA, pages, &raw mut address) };
        let start = ptr::with_exposed_provenance_mut::<u8>(address as usize);
        // SAFETY: Firmware has allocated it for this application, which never frees it.
        status.is_success().then(|| unsafe {
            start.write_bytes(0, pages * PAGE);
            slice::from_raw_parts_mut(start, size)
        })
    }

    /// Exits firmware's boot services (7.4.6). None of firmware's services may be used after that.
    ///
    /// # Errors
    /// When it fails twice. Firmware may be partly shut down then, but its console still takes the error's text.
    pub fn leave(&self) -> Result<(), &'static str> {
        let mut size = 0;
        // SAFETY: The room is 0 bytes, so nothing is written.
        unsafe { self.memory_map(&mut size, ptr::null_mut()) };
        let room = self.memory_below(u64::MAX, size.saturating_add(MAP_GROWTH));
        let room = room.ok_or("there is no memory for memory's map")?;
        for _ in 0..2 {
            let mut size = room.len();
            // SAFETY: `room` has this size.
            let key = unsafe { self.memory_map(&mut size, room.as_mut_ptr().cast()) };
            // SAFETY: None of firmware's services is used if it succeeds.
            if unsafe { (self.services.exit_boot_services)(self.this, key) }.is_success() {
                return Ok(());
            }
            // Firmware's handlers of this event may change the map, and then the key is out of date.
        }
        Err("this firmware does not leave the machine")
    }

    /// Reads the memory map, of which only the key is used.
    ///
    /// # Safety
    /// There must be room for `size` bytes.
    unsafe fn memory_map(&self, size: &mut usize, room: *mut MemoryDescriptor) -> usize {
        let (mut key, mut entry, mut version) = (0, 0, 0);
        // If this fails, the key is wrong, and firmware refuses it.
        // SAFETY: As the caller says.
        let _ = unsafe { (self.services.get_memory_map)(size, room, &raw mut key, &raw mut entry, &raw mut version) };
        key
    }
}
