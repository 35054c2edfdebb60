//! The IDT and the two 8259s.

use pic8259::ChainedPics;
use spin::{Mutex, Once};
use x86_64::instructions::interrupts;
use x86_64::structures::idt::{InterruptDescriptorTable, InterruptStackFrame};

const FIRST: u8 = 32;

static IDT: Once<InterruptDescriptorTable> = Once::new();
// SAFETY: the exceptions of the processor have the numbers below 32.
static PICS: Mutex<ChainedPics> = Mutex::new(unsafe { ChainedPics::new_contiguous(FIRST) });
/// What is called when a line interrupts.
static HANDLERS: [Once<fn()>; 16] = [const { Once::new() }; 16];

/// Enables interrupts. All lines are masked.
pub fn init() {
    let idt = IDT.call_once(|| {
        let mut idt = InterruptDescriptorTable::new();
        macro_rules! lines {
            ($($line:literal)*) => { $(idt[FIRST + $line].set_handler_fn(interrupt::<$line>);)* };
        }
        lines!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
        idt
    });
    idt.load();
    // SAFETY: the IDT has a handler for each line. The second 8259 is at line 2 of the first.
    unsafe {
        let mut pics = PICS.lock();
        pics.initialize();
        pics.write_masks(!(1 << 2), !0);
    }
    interrupts::enable();
}

/// Lets line 0 to 15 interrupt. `handler` is called each time, with interrupts off.
pub fn handle(line: u8, handler: fn()) {
    let Some(slot) = HANDLERS.get(usize::from(line)) else { return };
    slot.call_once(|| handler);
    // A handler takes the lock, too.
    interrupts::without_interrupts(|| {
        let mut pics = PICS.lock();
        // SAFETY: the IDT has a handler for each line.
        unsafe {
            let [first, second] = (u16::from_le_bytes(pics.read_masks()) & !(1 << line)).to_le_bytes();
            pics.write_masks(first, second);
        }
    });
}

extern "x86-interrupt" fn interrupt<const LINE: u8>(_: InterruptStackFrame) {
    if let Some(handler) = HANDLERS[usize::from(LINE)].get() {
        handler();
    }
    // SAFETY: this is the number of the interrupt that ends.
    unsafe { PICS.lock().notify_end_of_interrupt(FIRST + LINE) };
}
