//! Sleeps until there may be something to do.

use core::slice;
use core::time::Duration;

use uefi::boot::{self, EventType, OpenProtocolAttributes, OpenProtocolParams, TimerTrigger, Tpl};
use uefi::proto::unsafe_protocol;
use uefi::{Event, Status};

/// How long a sleep lasts at most: an application gets no interrupts from devices, only the timer's. The Programmable Interval
/// Timer, which is OVMF's, has no longer ones than 54 ms.
const SLEEP: Duration = Duration::from_millis(50);

/// How often to look for bytes before a sleep, and how long after each time: a sleep is long, and bytes seldom come alone.
const LOOKS: u32 = 400;
const BETWEEN_LOOKS: Duration = Duration::from_micros(50);

/// The beginning of `EFI_TIMER_ARCH_PROTOCOL`, the interrupt of the firmware's timer (UEFI PI specification 1.8, volume 2, section
/// 12.11).
#[repr(C)]
#[unsafe_protocol("26baccb3-6f42-11d4-bce7-0080c73c8881")]
struct TimerInterrupt {
    _register_handler: usize,
    /// Takes a multiple of 100 ns.
    set_period: unsafe extern "efiapi" fn(*const Self, period: u64) -> Status,
}

/// When to sleep, and the timer that ends each sleep.
pub struct Sleep {
    timer: Event,
    looks: u32,
}

impl Sleep {
    /// Starts the timer, and slows down the firmware's own, which interrupts a hundred times a second otherwise.
    pub fn start() -> uefi::Result<Self> {
        // Firmware may have another timer. It takes more of the processor then.
        let _ = slow_down();
        // SAFETY: the event has no function that firmware could call when the application has ended.
        let timer = unsafe { boot::create_event(EventType::TIMER, Tpl::APPLICATION, None, None) }?;
        boot::set_timer(&timer, TimerTrigger::Periodic(SLEEP))?;
        Ok(Self { timer, looks: 0 })
    }

    /// Returns when to look for bytes again. `busy` says whether there were any.
    pub fn rest(&mut self, busy: bool) {
        self.looks = if busy { 0 } else { self.looks.saturating_add(1) };
        match self.looks {
            0 => {}
            1..LOOKS => boot::stall(BETWEEN_LOOKS),
            // It fails for no reason that an application could do something about.
            _ => drop(boot::wait_for_event(slice::from_ref(&self.timer))),
        }
    }
}

fn slow_down() -> uefi::Result {
    let handle = boot::get_handle_for_protocol::<TimerInterrupt>()?;
    let parameters = OpenProtocolParams { handle, agent: boot::image_handle(), controller: None };
    // SAFETY: firmware, which uses the timer meanwhile, reads how much time each interrupt stands for.
    let timer = unsafe { boot::open_protocol::<TimerInterrupt>(parameters, OpenProtocolAttributes::GetProtocol) }?;
    // SAFETY: this function is there for callers from outside, and takes any period.
    let status = unsafe { (timer.set_period)(&*timer, SLEEP.as_nanos() as u64 / 100) };
    if status.is_success() { Ok(()) } else { Err(status.into()) }
}
