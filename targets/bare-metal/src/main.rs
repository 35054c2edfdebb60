//! The nanoqga image: echoes what its serial channel receives.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod image {
    use core::panic::PanicInfo;

    use bare_metal::arch::{self, Machine, SerialPort};
    use bare_metal::command_line::AgentChannel;
    use bare_metal::console;
    use log::info;

    /// Entered by the boot code, with the address of the loader's start information.
    #[unsafe(no_mangle)]
    extern "C" fn kernel_main(start_info: u64) -> ! {
        let mut machine = Machine::start(start_info);
        let transports = machine.serial_transports();
        let mut channel = match machine.options().agent {
            Some(AgentChannel::Com1) => SerialPort::first(),
            _ => SerialPort::second(),
        };
        if channel.is_none() && transports.is_empty() {
            channel = SerialPort::first();
        }
        match SerialPort::first() {
            Some(port) if !machine.options().silent => console::open(port),
            _ => console::silence(),
        }
        info!("{} virtio consoles, serial channel: {}", transports.len(), channel.is_some());
        let mut buffer = [0; 256];
        loop {
            if let Some(channel) = &mut channel {
                let mut received = channel.receive(&mut buffer);
                let mut bytes = &buffer[..received];
                while !bytes.is_empty() {
                    while !channel.is_drained() {
                        machine.sleep();
                    }
                    received = channel.send(bytes);
                    bytes = &bytes[received..];
                }
            }
            machine.sleep();
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
