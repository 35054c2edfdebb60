//! The nanoqga image: a guest that is nothing but its agent.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod image {
    use core::panic::PanicInfo;

    use bare_metal::arch::{self, Machine, SerialPort};
    use bare_metal::channel::{Channel, Io, PORT_NAME};
    use bare_metal::command_line::AgentChannel;
    use bare_metal::console;
    use bare_metal::guest::Guest;
    use bare_metal::log;
    use heapless::Vec;
    use virtio_serial::VirtioSerial;

    /// How many channels are served: up to four virtio consoles, of which a host needs one, and a serial port.
    const MAX_CHANNELS: usize = 5;
    /// How often a virtio console is asked for the agent's port before a serial port is used instead.
    const PATIENCE: u32 = 20_000;

    /// Entered by the boot code, with the address of the loader's start information.
    #[unsafe(no_mangle)]
    extern "C" fn kernel_main(start_info: u64) -> ! {
        let mut guest = Guest { machine: Machine::start(start_info) };
        let chosen = guest.machine.options().agent;

        let mut channels = Vec::<_, MAX_CHANNELS>::new();
        if matches!(chosen, None | Some(AgentChannel::Virtio)) {
            guest.machine.consoles(|transport| match VirtioSerial::new(transport, PORT_NAME) {
                // The last place is the serial port's. More than there is room for are left alone.
                Ok(console) if channels.len() < MAX_CHANNELS - 1 => {
                    _ = channels.push(Channel::new(Io::Virtio(console)));
                }
                Ok(_) => {}
                Err(error) => log!("virtio console: {error}"),
            });
        }
        let port = match chosen {
            Some(AgentChannel::Virtio) => None,
            Some(AgentChannel::Com1) => SerialPort::first(),
            Some(AgentChannel::Com2) => SerialPort::second(),
            // The first serial port is the log's, unless the agent has no other way to be reached.
            None => SerialPort::second().or_else(|| {
                let reachable = channels.iter_mut().any(|channel| channel.has_port(PATIENCE));
                if reachable { None } else { SerialPort::first() }
            }),
        };
        match SerialPort::first() {
            Some(port) if !guest.machine.options().silent => console::open(port),
            _ => console::silence(),
        }
        if channels.is_empty() && port.is_none() {
            log!("no channel for the agent: no virtio console, no free serial port");
        }
        log!("ready: {} virtio console(s), {} serial port(s)", channels.len(), u8::from(port.is_some()));
        if let Some(port) = port {
            // There is room: see above.
            let _ = channels.push(Channel::new(Io::Serial(port)));
        }

        loop {
            let mut busy = false;
            // A console that has failed has nothing to do any more; what it was is in the log.
            channels.retain_mut(|channel| channel.serve(&mut guest).map(|did| busy |= did).is_ok());
            if !busy {
                guest.machine.sleep();
            }
        }
    }

    #[panic_handler]
    fn panic(info: &PanicInfo<'_>) -> ! {
        arch::die(info)
    }
}

#[cfg(not(target_os = "none"))]
fn main() {
    eprintln!("nanoqga runs without an operating system: build it for a bare target");
}
