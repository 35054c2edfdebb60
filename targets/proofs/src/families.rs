//! The guest's answers to QEMU's commands.

use core::hint::black_box;

use nanoqga::commands::{
    cpu, device, disk, exec, file, filesystem, fsfreeze, info, memory, network, os, power, ssh, suspend, time, user,
};
use nanoqga::{Cause, Failure, List, Text};

use crate::guest::{Guest, Source};

/// A guest that looks at all of a text.
fn look_at(text: Text<'_>) {
    let mut buffer = [0; 32];
    black_box((text.copy_to(&mut buffer), text.chars().count()));
}

fn look_at_all(list: List<'_, Text<'_>>) {
    black_box(list.len());
    list.iter().for_each(look_at);
}

impl<S: Source> info::Identity for Guest<S> {
    fn version(&self) -> &str {
        self.script().text
    }
}

impl<S: Source> os::Os for Guest<S> {
    fn os_info(&mut self) -> os::OsInfo<'_> {
        let text = self.option(self.script().text);
        os::OsInfo {
            kernel_release: text,
            kernel_version: text,
            machine: text,
            id: text,
            name: text,
            pretty_name: text,
            version: text,
            version_id: text,
            variant: text,
            variant_id: text,
        }
    }
}

impl<S: Source> os::HostName for Guest<S> {
    fn host_name(&mut self) -> Result<&str, Failure> {
        self.outcome(self.script().text)
    }
}

impl<S: Source> os::LocalTime for Guest<S> {
    fn timezone(&mut self) -> os::Timezone<'_> {
        os::Timezone { zone: self.option(self.script().text), offset: self.script().signed as i32 }
    }
}

impl<S: Source> time::Clock for Guest<S> {
    fn time(&mut self) -> Result<i64, Failure> {
        self.outcome(self.script().signed)
    }
}

impl<S: Source> time::SetClock for Guest<S> {
    fn set_time(&mut self, _: i64) -> Result<(), Failure> {
        self.outcome(())
    }

    fn set_time_from_machine(&mut self) -> Result<(), Failure> {
        self.outcome(())
    }
}

impl<S: Source> power::Power for Guest<S> {
    fn shutdown(&mut self, _: power::Shutdown) -> Result<(), Failure> {
        self.outcome(())
    }
}

impl<S: Source> suspend::Suspend for Guest<S> {
    fn suspend(&mut self, _: suspend::Sleep) -> Result<(), Failure> {
        self.outcome(())
    }
}

impl<S: Source> file::Files for Guest<S> {
    fn open(&mut self, path: Text<'_>, _: file::OpenMode, cause: &mut Cause) -> Result<i64, Failure> {
        look_at(path);
        self.outcome_with(self.script().signed, cause)
    }

    fn is_open(&mut self, _: i64) -> bool {
        self.script().flag
    }

    fn close(&mut self, _: i64) -> Result<(), Failure> {
        self.outcome(())
    }

    fn read(&mut self, _: i64, into: &mut [u8]) -> Result<usize, Failure> {
        into.fill(0xA5);
        self.outcome(self.script().length)
    }

    fn write(&mut self, _: i64, _: &[u8]) -> Result<usize, Failure> {
        self.outcome(self.script().length)
    }

    fn seek(&mut self, _: i64, to: file::SeekFrom) -> Result<u64, Failure> {
        black_box(to);
        self.outcome(self.script().unsigned)
    }

    fn flush(&mut self, _: i64) -> Result<(), Failure> {
        self.outcome(())
    }
}

impl<S: Source> fsfreeze::Freeze for Guest<S> {
    fn freeze(&mut self, mountpoints: Option<List<'_, Text<'_>>>, cause: &mut Cause) -> Result<usize, Failure> {
        mountpoints.into_iter().for_each(look_at_all);
        self.outcome_with(self.script().inner, cause)
    }

    fn thaw(&mut self, cause: &mut Cause) -> Result<usize, Failure> {
        self.outcome_with(self.script().inner, cause)
    }
}

impl<S: Source> Guest<S> {
    fn disk_address(&self) -> disk::DiskAddress<'_> {
        let script = self.script();
        let number = script.unsigned as u32;
        let small = number as u8;
        disk::DiskAddress {
            pci_controller: disk::PciAddress { domain: number, bus: small, slot: small, function: small },
            bus_type: script.bus_type,
            bus: number,
            target: number,
            unit: number,
            serial: self.option(script.text),
            dev: self.option(script.text),
            ccw_address: self.option(disk::CcwAddress { cssid: number, ssid: number, subchno: number, devno: number }),
        }
    }
}

impl<S: Source> filesystem::FileSystems for Guest<S> {
    fn file_system(&mut self, index: usize) -> Result<Option<filesystem::FileSystem<'_>>, Failure> {
        let text = self.script().text;
        let bytes = self.option(self.script().unsigned);
        let file_system = filesystem::FileSystem {
            name: text,
            mountpoint: text,
            kind: text,
            used_bytes: bytes,
            total_bytes: bytes,
            total_bytes_privileged: bytes,
        };
        self.element(index, file_system)
    }

    fn disk_of(&mut self, _: usize, index: usize) -> Option<disk::DiskAddress<'_>> {
        self.inner(index, self.disk_address())
    }
}

impl<S: Source> filesystem::Trimming for Guest<S> {
    fn trim(&mut self, index: usize, minimum: u64) -> Result<Option<filesystem::Trimmed<'_>>, Failure> {
        let trimmed = self.option(filesystem::Trim { trimmed: self.script().unsigned, minimum });
        let outcome = trimmed.ok_or(Failure("this file system cannot be trimmed"));
        self.element(index, filesystem::Trimmed { path: self.script().text, outcome })
    }
}

impl<S: Source> disk::Disks for Guest<S> {
    fn disk(&mut self, index: usize) -> Result<Option<disk::Disk<'_>>, Failure> {
        let script = self.script();
        let alias = self.option(script.text);
        self.element(index, disk::Disk { name: script.text, partition: script.flag, alias })
    }

    fn address(&mut self, _: usize) -> Option<disk::DiskAddress<'_>> {
        self.option(self.disk_address())
    }

    fn dependency(&mut self, _: usize, index: usize) -> Option<&str> {
        self.inner(index, self.script().text)
    }

    fn smart(&mut self, _: usize) -> Option<disk::NvmeSmart> {
        let number = self.script().unsigned;
        let (small, large) = (number as u8, u128::from(number) << 32);
        self.option(disk::NvmeSmart {
            critical_warning: small,
            temperature: number as u16,
            available_spare: small,
            available_spare_threshold: small,
            percentage_used: small,
            counters: disk::NvmeCounters {
                data_units_read: large,
                data_units_written: large,
                host_read_commands: large,
                host_write_commands: large,
                controller_busy_time: large,
                power_cycles: large,
                power_on_hours: large,
                unsafe_shutdowns: large,
                media_errors: large,
                number_of_error_log_entries: large,
            },
        })
    }
}

impl<S: Source> disk::DisksStatistics for Guest<S> {
    fn disk_statistics(&mut self, index: usize) -> Result<Option<disk::DiskStatistics<'_>>, Failure> {
        let number = self.script().unsigned;
        let counter = self.option(number);
        let stats = disk::DiskCounters {
            read_sectors: counter,
            read_ios: counter,
            read_merges: counter,
            write_sectors: counter,
            write_ios: counter,
            write_merges: counter,
            discard_sectors: counter,
            discard_ios: counter,
            discard_merges: counter,
            flush_ios: counter,
            read_ticks: counter,
            write_ticks: counter,
            discard_ticks: counter,
            flush_ticks: counter,
            ios_pgr: counter,
            total_ticks: counter,
            weight_ticks: counter,
        };
        self.element(index, disk::DiskStatistics { name: self.script().text, major: number, minor: number, stats })
    }
}

impl<S: Source> network::Interfaces for Guest<S> {
    fn interface(&mut self, index: usize) -> Result<Option<network::Interface<'_>>, Failure> {
        let [a, b, c, d, e, f, ..] = self.script().unsigned.to_be_bytes();
        let hardware_address = self.option(network::MacAddress([a, b, c, d, e, f]));
        self.element(index, network::Interface { name: self.script().text, hardware_address })
    }

    fn address(&mut self, _: usize, index: usize) -> Option<network::Address> {
        let script = self.script();
        self.inner(index, network::Address { address: script.address, prefix: script.unsigned as u8 })
    }

    fn interface_statistics(&mut self, _: usize) -> Option<network::InterfaceStatistics> {
        let number = self.script().unsigned;
        self.option(network::InterfaceStatistics {
            rx_bytes: number,
            rx_packets: number,
            rx_errs: number,
            rx_dropped: number,
            tx_bytes: number,
            tx_packets: number,
            tx_errs: number,
            tx_dropped: number,
        })
    }
}

impl<S: Source> network::Routes for Guest<S> {
    fn route(&mut self, index: usize) -> Result<Option<network::Route<'_>>, Failure> {
        let script = self.script();
        let number = script.unsigned as u32;
        let some = self.option(number);
        let (network, v6) = (script.v4, script.v6);
        let prefix = number as u8;
        let to = if script.flag {
            network::Destination::V4 { network, mask: network, gateway: self.option(network) }
        } else {
            network::Destination::V6 {
                network: v6,
                prefix,
                source: self.option((v6, prefix)),
                next_hop: self.option(v6),
            }
        };
        let route = network::Route {
            interface: script.text,
            to,
            metric: number,
            flags: self.option(script.unsigned),
            references: some,
            uses: some,
            mtu: some,
            window: some,
            initial_rtt: some,
        };
        self.element(index, route)
    }
}

impl<S: Source> cpu::Processors for Guest<S> {
    fn processor(&mut self, index: usize) -> Result<Option<cpu::Processor>, Failure> {
        let script = self.script();
        let can_offline = self.option(script.flag);
        self.element(index, cpu::Processor { logical_id: script.signed, online: script.flag, can_offline })
    }
}

impl<S: Source> cpu::SetProcessors for Guest<S> {
    fn set_processor(&mut self, _: i64, _: bool, cause: &mut Cause) -> Result<(), Failure> {
        self.outcome_with((), cause)
    }
}

impl<S: Source> cpu::ProcessorStatistics for Guest<S> {
    fn processor_times(&mut self, index: usize) -> Result<Option<cpu::ProcessorTimes>, Failure> {
        let number = self.script().unsigned;
        let more = self.option(number);
        let times = cpu::ProcessorTimes {
            cpu: number as u32,
            user: number,
            nice: number,
            system: number,
            idle: number,
            iowait: more,
            irq: more,
            softirq: more,
            steal: more,
            guest: more,
            guestnice: more,
        };
        self.element(index, times)
    }
}

impl<S: Source> cpu::LoadAverage for Guest<S> {
    fn load(&mut self) -> Result<cpu::Load, Failure> {
        let load = self.script().float;
        self.outcome(cpu::Load { load1m: load, load5m: load, load15m: load })
    }
}

impl<S: Source> memory::MemoryBlocks for Guest<S> {
    fn memory_block(&mut self, index: usize) -> Result<Option<memory::MemoryBlock>, Failure> {
        let script = self.script();
        let can_offline = self.option(script.flag);
        self.element(index, memory::MemoryBlock { phys_index: script.unsigned, online: script.flag, can_offline })
    }

    fn memory_block_size(&mut self) -> Result<u64, Failure> {
        self.outcome(self.script().unsigned)
    }
}

impl<S: Source> memory::SetMemoryBlocks for Guest<S> {
    fn set_memory_block(&mut self, _: u64, _: bool) -> Result<(), memory::MemoryBlockError> {
        self.script().memory_block_error.map_or(Ok(()), Err)
    }
}

impl<S: Source> exec::Exec for Guest<S> {
    fn spawn(&mut self, program: exec::Program<'_>, cause: &mut Cause) -> Result<i64, Failure> {
        look_at(program.path);
        program.arguments.into_iter().chain(program.environment).for_each(look_at_all);
        black_box((program.input, program.capture));
        self.outcome_with(self.script().signed, cause)
    }

    fn status(&mut self, _: i64) -> Result<Option<exec::Status>, Failure> {
        self.outcome(self.script().status)
    }

    fn output(&mut self, _: i64, _: exec::Stream, offset: usize, into: &mut [u8]) -> usize {
        into.fill(0xA5);
        self.script().length.saturating_sub(offset)
    }

    fn forget(&mut self, _: i64) {}
}

impl<S: Source> user::Users for Guest<S> {
    fn user(&mut self, index: usize) -> Result<Option<user::User<'_>>, Failure> {
        let script = self.script();
        let domain = self.option(script.text);
        self.element(index, user::User { user: script.text, login_time: script.float, domain })
    }
}

impl<S: Source> user::Passwords for Guest<S> {
    fn set_password(&mut self, user: Text<'_>, password: &[u8], _: bool, cause: &mut Cause) -> Result<(), Failure> {
        look_at(user);
        black_box(password);
        self.outcome_with((), cause)
    }
}

impl<S: Source> ssh::AuthorizedKeys for Guest<S> {
    fn authorized_key(&mut self, user: Text<'_>, index: usize, cause: &mut Cause) -> Result<Option<&str>, Failure> {
        look_at(user);
        let key = self.outcome_with(self.script().text, cause)?;
        self.element(index, key)
    }

    fn add_authorized_keys(
        &mut self,
        user: Text<'_>,
        keys: List<'_, Text<'_>>,
        _: bool,
        cause: &mut Cause,
    ) -> Result<(), Failure> {
        look_at(user);
        look_at_all(keys);
        self.outcome_with((), cause)
    }

    fn remove_authorized_keys(
        &mut self,
        user: Text<'_>,
        keys: List<'_, Text<'_>>,
        cause: &mut Cause,
    ) -> Result<(), Failure> {
        look_at(user);
        look_at_all(keys);
        self.outcome_with((), cause)
    }
}

impl<S: Source> device::Devices for Guest<S> {
    fn device(&mut self, index: usize) -> Result<Option<device::Device<'_>>, Failure> {
        let script = self.script();
        let number = script.unsigned as u16;
        let device = device::Device {
            driver_name: script.text,
            driver_date: self.option(script.signed),
            driver_version: self.option(script.text),
            id: self.option(device::PciId { vendor_id: number, device_id: number }),
        };
        self.element(index, device)
    }
}
