//! The kernel of the example: finds the device that its agent is reached by, serves it, and switches the machine off.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod kernel {
    use core::panic::PanicInfo;

    use example_kernel::agent::serve_agent;
    use machine::heap::IdentityMapped;
    use machine::last_words::die;
    use machine::{LogPort, Machine, console, halt, log};
    use virtio_drivers::transport::DeviceType;

    /// Entered by the boot code, with the address of the loader's start information.
    #[unsafe(no_mangle)]
    extern "C" fn kernel_main(start_info: u64) -> ! {
        let mut machine = Machine::start(start_info, |_| false);
        match LogPort::first() {
            Some(port) => console::open(port),
            None => console::silence(),
        }
        let mut found = None;
        machine.devices(DeviceType::Console, |device| found = found.take().or(Some(device.transport)));
        match found.map(|transport| serve_agent::<IdentityMapped, _>(transport, || machine.sleep())) {
            Some(Ok(())) => {
                log!("powering off");
                if let Err(error) = machine.power_off() {
                    log!("{}", error.reason());
                }
            }
            Some(Err(error)) => log!("the agent's device: {}", error.reason()),
            None => log!("no virtio console"),
        }
        halt()
    }

    #[panic_handler]
    fn panic(info: &PanicInfo<'_>) -> ! {
        die(info)
    }
}

#[cfg(not(target_os = "none"))]
fn main() {
    eprintln!("this kernel runs without an operating system: build it for a bare target");
}
