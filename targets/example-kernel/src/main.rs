//! The kernel of the example: finds the device that its agent is reached by, serves it, and switches the machine off.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod kernel {
    use example_kernel::agent::serve_agent;
    use machine::heap::IdentityMapped;
    use machine::{Handover, Machine, console, halt, log};
    use virtio_drivers::transport::DeviceType;

    machine::entry_point!(main);

    fn main(handover: Handover) -> ! {
        let mut machine = Machine::start(handover, |_| false);
        console::begin(machine.options());
        let mut found = None;
        machine.devices(DeviceType::Console, &mut |device| found = found.take().or(Some(device.transport)));
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
}

#[cfg(not(target_os = "none"))]
fn main() {
    eprintln!("this kernel runs without an operating system: build it for a bare target");
}
