//! Exceptions and non-maskable interrupts end the guest (Intel SDM vol. 3, chapter 6).

use core::arch::global_asm;
use core::mem::{self, MaybeUninit};

use x86_64::instructions::tables::{lidt, load_tss};
use x86_64::registers::control::Cr2;
use x86_64::structures::DescriptorTablePointer;
use x86_64::structures::gdt::SegmentSelector;
use x86_64::structures::tss::TaskStateSegment;
use x86_64::{PrivilegeLevel, VirtAddr};

use super::interrupts::{SPURIOUS_VECTOR, TIMER_VECTOR, WAKE_VECTOR};
use crate::last_words::die_of;
use crate::log::{Template, Value};

global_asm!(include_str!("exceptions.s"));

const EXCEPTIONS: usize = 32;
/// Each call in the table of exception entries is this long.
const ENTRY_SIZE: usize = 5;
const CODE_SEGMENT: u16 = 0x08;
/// The task state segment's descriptor is the fourth, and takes two places.
const TASK_SEGMENT: u16 = 3;
/// Up to the highest vector.
const GATE_COUNT: usize = TIMER_VECTOR as usize + 1;
const INTERRUPT_GATE: u16 = 0x8e00;

unsafe extern "C" {
    static exception_entries: u8;
    static wake_entry: u8;
    static spurious_entry: u8;
    static __emergency_stack_top: u8;
    static mut gdt: [u64; 5];
}

#[derive(Clone, Copy)]
#[repr(C)]
struct Gate {
    offset_low: u16,
    segment: u16,
    flags: u16,
    offset_middle: u16,
    offset_high: u32,
    reserved: u32,
}

impl Gate {
    const ABSENT: Self = Self { offset_low: 0, segment: 0, flags: 0, offset_middle: 0, offset_high: 0, reserved: 0 };

    /// `stack` 1 is the emergency stack, 0 the one in use.
    fn new(handler: usize, stack: u16) -> Self {
        Self {
            offset_low: handler as u16,
            segment: CODE_SEGMENT,
            flags: INTERRUPT_GATE | stack,
            offset_middle: (handler >> 16) as u16,
            offset_high: (handler >> 32) as u32,
            reserved: 0,
        }
    }
}

/// It only names the emergency stack. All else in it is for code that is less privileged than the kernel.
static mut TASK_STATE: MaybeUninit<TaskStateSegment> = MaybeUninit::zeroed();
static mut GATES: [Gate; GATE_COUNT] = [Gate::ABSENT; GATE_COUNT];

/// Installs the handlers. Called at boot, and when the machine has woken.
pub(crate) fn install() {
    let (task_state, limit) = (address(&raw const TASK_STATE).as_u64(), mem::size_of::<TaskStateSegment>() as u64 - 1);
    let entries = (&raw const exception_entries).addr();
    // SAFETY: This runs before the CPU knows of the tables, so nothing else uses them; the descriptors have the formats
    // of the manual's 7.2.3 and 6.14.1, and all that they point to lives for ever.
    unsafe {
        let stacks = &raw mut (*(&raw mut TASK_STATE).cast::<TaskStateSegment>()).interrupt_stack_table;
        stacks.cast::<VirtAddr>().write_unaligned(address(&raw const __emergency_stack_top));
        gdt[3] = limit | (task_state & 0xff_ffff) << 16 | 0x89 << 40 | (task_state >> 24 & 0xff) << 56;
        gdt[4] = task_state >> 32;
        load_tss(SegmentSelector::new(TASK_SEGMENT, PrivilegeLevel::Ring0));

        let mut gates = [Gate::ABSENT; GATE_COUNT];
        for (vector, gate) in gates.iter_mut().enumerate().take(EXCEPTIONS) {
            *gate = Gate::new(entries + vector * ENTRY_SIZE, 1);
        }
        gates[WAKE_VECTOR as usize] = Gate::new((&raw const wake_entry).addr(), 0);
        gates[TIMER_VECTOR as usize] = Gate::new((&raw const wake_entry).addr(), 0);
        gates[SPURIOUS_VECTOR as usize] = Gate::new((&raw const spurious_entry).addr(), 0);
        GATES = gates;
        let limit = mem::size_of_val(&gates) as u16 - 1;
        lidt(&DescriptorTablePointer { limit, base: address(&raw const GATES) });
    }
}

/// The address of something in the image. It is canonical as it is.
fn address<T>(something: *const T) -> VirtAddr {
    VirtAddr::new_truncate(something.addr() as u64)
}

/// Where every exception arrives: the return address of the entry's call, which tells the vector, and what the CPU pushed.
///
/// # Safety
/// `stack` must point to these words.
#[unsafe(no_mangle)]
unsafe extern "C" fn exception(stack: *const [usize; 4]) -> ! {
    // SAFETY: The caller's promise; an error code is the only thing that may lie before the instruction pointer.
    let [returns_to, first, second, _] = unsafe { *stack };
    let vector = (returns_to - (&raw const exception_entries).addr()) / ENTRY_SIZE - 1;
    let (error, instruction) = match vector {
        8 | 10..=14 | 17 | 21 | 29 | 30 => (first, second),
        _ => (0, first),
    };
    match vector {
        2 => die_of(const { Template::new("NMI at {}") }, [hex(instruction)]),
        14 => die_of(
            const { Template::new("page fault, error {}, at {}, address {}") },
            [hex(error), hex(instruction), Value::Hex(Cr2::read_raw())],
        ),
        _ => die_of(
            const { Template::new("exception {}, error {}, at {}") },
            [vector.into(), hex(error), hex(instruction)],
        ),
    }
}

const fn hex(word: usize) -> Value {
    Value::Hex(word as u64)
}
