//! The scripted guest's answers to the families of lists, files and programs.

use embedded_io::SeekFrom;
use nanoqga::commands::exec::{Exit, Program, Status, Stream};
use nanoqga::commands::file::{Access, Files, OpenMode};
use nanoqga::commands::{cpu, device, disk, exec, filesystem, fsfreeze, memory, network, ssh, suspend, user};
use nanoqga::{Cause, Failure, List, Text};

use super::Guest;

/// Beyond this position a file cannot be written.
const MAX_FILE: usize = 16 << 20;

/// An open file.
pub struct File {
    pub path: String,
    pub position: u64,
    pub appends: bool,
}

/// A program that has ended.
pub struct Finished {
    pub exit: Exit,
    pub out: Vec<u8>,
    pub err: Vec<u8>,
}

impl Guest {
    fn list<T>(&self, index: usize, element: T) -> Result<Option<T>, Failure> {
        if self.fails_at == Some(index) {
            return Err(Failure("the guest cannot tell"));
        }
        Ok((index < self.count).then_some(element))
    }

    fn inner<T>(&self, index: usize, element: T) -> Option<T> {
        (index < self.inner).then_some(element)
    }

    fn option<T>(&self, value: T) -> Option<T> {
        self.full.then_some(value)
    }

    fn note(&mut self, what: String) -> Result<(), Failure> {
        match self.refuses {
            Some(failure) => Err(failure),
            None => {
                self.asked.push(what);
                Ok(())
            }
        }
    }

    fn disk_address(&self) -> disk::DiskAddress<'_> {
        disk::DiskAddress {
            pci_controller: disk::PciAddress { domain: 0, bus: 1, slot: 31, function: 7 },
            bus_type: disk::BusType::FileBackedVirtual,
            bus: 1,
            target: 2,
            unit: u32::MAX,
            serial: self.option("S-\u{e9}"),
            dev: self.option("/dev/vda"),
            ccw_address: self.option(disk::CcwAddress { cssid: 1, ssid: 2, subchno: 3, devno: 4 }),
        }
    }
}

impl Files for Guest {
    fn open(&mut self, path: Text<'_>, mode: OpenMode, _: &mut Cause) -> Result<i64, Failure> {
        let path = path.to_string();
        if mode.access == Access::Read && !self.files.contains_key(&path) {
            return Err(Failure("No such file or directory"));
        }
        self.note(format!("open {path} {mode:?}"))?;
        let file = self.files.entry(path.clone()).or_default();
        if mode.access == Access::Write {
            file.clear();
        }
        let handle = 1000 + self.asked.len() as i64;
        self.handles.insert(handle, File { path, position: 0, appends: mode.access == Access::Append });
        Ok(handle)
    }

    fn is_open(&mut self, handle: i64) -> bool {
        self.handles.contains_key(&handle)
    }

    fn close(&mut self, handle: i64) -> Result<(), Failure> {
        self.handles.remove(&handle).unwrap();
        self.note("close".into())
    }

    fn read(&mut self, handle: i64, into: &mut [u8]) -> Result<usize, Failure> {
        self.reads += 1;
        let file = self.handles.get_mut(&handle).unwrap();
        if self.readable.is_some_and(|readable| file.position >= readable) {
            return Err(Failure("failed to read file: Input/output error"));
        }
        let rest = self.files[&file.path].get(file.position as usize..).unwrap_or_default();
        let count = rest.len().min(into.len());
        into[..count].copy_from_slice(&rest[..count]);
        file.position += count as u64;
        Ok(count)
    }

    fn write(&mut self, handle: i64, bytes: &[u8]) -> Result<usize, Failure> {
        self.note(format!("write {} bytes", bytes.len()))?;
        let file = self.handles.get_mut(&handle).unwrap();
        let content = self.files.get_mut(&file.path).unwrap();
        let at = if file.appends { content.len() } else { file.position as usize };
        if at > MAX_FILE {
            return Err(Failure("failed to write to file: File too large"));
        }
        content.resize(content.len().max(at + bytes.len()), 0);
        content[at..at + bytes.len()].copy_from_slice(bytes);
        file.position = (at + bytes.len()) as u64;
        Ok(bytes.len())
    }

    fn seek(&mut self, handle: i64, to: SeekFrom) -> Result<u64, Failure> {
        let file = self.handles.get_mut(&handle).unwrap();
        let length = self.files[&file.path].len() as u64;
        let position = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::Current(offset) => file.position.checked_add_signed(offset),
            SeekFrom::End(offset) => length.checked_add_signed(offset),
        };
        file.position = position.ok_or(Failure("failed to seek file: Invalid argument"))?;
        Ok(file.position)
    }

    fn flush(&mut self, _: i64) -> Result<(), Failure> {
        self.note("flush".into())
    }
}

impl fsfreeze::Freeze for Guest {
    fn freeze(&mut self, mountpoints: Option<List<'_, Text<'_>>>, _: &mut Cause) -> Result<usize, Failure> {
        let mountpoints = mountpoints.map(|list| list.iter().map(|text| text.to_string()).collect::<Vec<_>>());
        self.note(format!("freeze {mountpoints:?}"))?;
        self.held = mountpoints.map_or(self.count, |list| list.len().min(self.count));
        Ok(self.held)
    }

    fn thaw(&mut self, _: &mut Cause) -> Result<usize, Failure> {
        self.note("thaw".into())?;
        Ok(std::mem::take(&mut self.held))
    }
}

impl filesystem::FileSystems for Guest {
    fn file_system(&mut self, index: usize) -> Result<Option<filesystem::FileSystem<'_>>, Failure> {
        let file_system = filesystem::FileSystem {
            name: "vda1",
            mountpoint: "/mnt/\u{e9}",
            kind: "vfat",
            used_bytes: self.option(1),
            total_bytes: self.option(u64::MAX),
            total_bytes_privileged: self.option(3),
        };
        self.list(index, file_system)
    }

    fn disk_of(&mut self, _: usize, index: usize) -> Option<disk::DiskAddress<'_>> {
        self.inner(index, self.disk_address())
    }
}

impl filesystem::Trimming for Guest {
    fn trim(&mut self, index: usize, minimum: u64) -> Result<Option<filesystem::Trimmed<'_>>, Failure> {
        if index < self.count {
            self.trimmed += 1;
        }
        let outcome = match self.full {
            true => Ok(filesystem::Trim { trimmed: 4096, minimum }),
            false => Err(Failure("trim not supported")),
        };
        self.list(index, filesystem::Trimmed { path: "/mnt", outcome })
    }
}

impl disk::Disks for Guest {
    fn disk(&mut self, index: usize) -> Result<Option<disk::Disk<'_>>, Failure> {
        self.list(index, disk::Disk { name: "/dev/vda1", partition: true, alias: self.option("volume") })
    }

    fn address(&mut self, _: usize) -> Option<disk::DiskAddress<'_>> {
        self.option(self.disk_address())
    }

    fn dependency(&mut self, _: usize, index: usize) -> Option<&str> {
        self.inner(index, "/dev/vda")
    }

    fn smart(&mut self, disk: usize) -> Option<disk::NvmeSmart> {
        let counters = disk::NvmeCounters {
            data_units_read: u128::MAX,
            data_units_written: 1 << 64,
            host_read_commands: u128::MAX,
            host_write_commands: u128::MAX,
            controller_busy_time: u128::MAX,
            power_cycles: u128::MAX,
            power_on_hours: u128::MAX,
            unsafe_shutdowns: u128::MAX,
            media_errors: u128::MAX,
            number_of_error_log_entries: 7,
        };
        // Every other disk has some.
        (self.full && disk.is_multiple_of(2)).then_some(disk::NvmeSmart {
            critical_warning: u8::MAX,
            temperature: u16::MAX,
            available_spare: u8::MAX,
            available_spare_threshold: u8::MAX,
            percentage_used: u8::MAX,
            counters,
        })
    }
}

impl disk::DisksStatistics for Guest {
    fn disk_statistics(&mut self, index: usize) -> Result<Option<disk::DiskStatistics<'_>>, Failure> {
        let value = self.option(u64::MAX);
        let stats = disk::DiskCounters {
            read_sectors: value,
            read_ios: value,
            read_merges: value,
            write_sectors: value,
            write_ios: value,
            write_merges: value,
            discard_sectors: value,
            discard_ios: value,
            discard_merges: value,
            flush_ios: value,
            read_ticks: value,
            write_ticks: value,
            discard_ticks: value,
            flush_ticks: value,
            ios_pgr: value,
            total_ticks: value,
            weight_ticks: value,
        };
        self.list(index, disk::DiskStatistics { name: "vda", major: 254, minor: u64::MAX, stats })
    }
}

impl network::Interfaces for Guest {
    fn interface(&mut self, index: usize) -> Result<Option<network::Interface<'_>>, Failure> {
        let hardware_address = self.option(network::MacAddress([0x52, 0x54, 0, 0x0A, 0xBC, 0xFF]));
        self.list(index, network::Interface { name: "eth0", hardware_address })
    }

    fn address(&mut self, _: usize, index: usize) -> Option<network::Address> {
        let address = match index % 2 {
            0 => network::Address { address: [10, 0, 2, 255].into(), prefix: 24 },
            _ => network::Address { address: [0xfe80, 0, 0, 0, 0x5054, 0xff, 0xfe00, 1].into(), prefix: 64 },
        };
        self.inner(index, address)
    }

    fn interface_statistics(&mut self, _: usize) -> Option<network::InterfaceStatistics> {
        self.option(network::InterfaceStatistics {
            rx_bytes: u64::MAX,
            rx_packets: u64::MAX,
            rx_errs: u64::MAX,
            rx_dropped: u64::MAX,
            tx_bytes: u64::MAX,
            tx_packets: u64::MAX,
            tx_errs: u64::MAX,
            tx_dropped: u64::MAX,
        })
    }
}

impl network::Routes for Guest {
    fn route(&mut self, index: usize) -> Result<Option<network::Route<'_>>, Failure> {
        let to = match index % 2 {
            0 => network::Destination::V4 {
                network: [10, 0, 0, 0].into(),
                mask: [255, 0, 0, 0].into(),
                gateway: self.option([10, 0, 2, 2].into()),
            },
            _ => network::Destination::V6 {
                network: [0xfd00, 0, 0, 0, 0, 0, 0, 0].into(),
                prefix: 8,
                source: self.option(([0; 8].into(), 0)),
                next_hop: self.option([0xfe80, 0, 0, 0, 0, 0, 0, 2].into()),
            },
        };
        let route = network::Route {
            interface: "eth0",
            to,
            metric: u32::MAX,
            flags: self.option(3),
            references: self.option(4),
            uses: self.option(5),
            mtu: self.option(1500),
            window: self.option(6),
            initial_rtt: self.option(7),
        };
        self.list(index, route)
    }
}

impl cpu::Processors for Guest {
    fn processor(&mut self, index: usize) -> Result<Option<cpu::Processor>, Failure> {
        let can_offline = self.option(index > 0);
        self.list(index, cpu::Processor { logical_id: index as i64, online: true, can_offline })
    }
}

impl cpu::SetProcessors for Guest {
    fn set_processor(&mut self, logical_id: i64, online: bool, _: &mut Cause) -> Result<(), Failure> {
        if !(0..self.count as i64).contains(&logical_id) {
            return Err(Failure("there is no such processor"));
        }
        self.note(format!("processor {logical_id} {online}"))
    }
}

impl cpu::ProcessorStatistics for Guest {
    fn processor_times(&mut self, index: usize) -> Result<Option<cpu::ProcessorTimes>, Failure> {
        let more = self.option(u64::MAX);
        let times = cpu::ProcessorTimes {
            cpu: index as u32,
            user: u64::MAX,
            nice: 2,
            system: 3,
            idle: 4,
            iowait: more,
            irq: more,
            softirq: more,
            steal: more,
            guest: more,
            guestnice: more,
        };
        self.list(index, times)
    }
}

impl cpu::LoadAverage for Guest {
    fn load(&mut self) -> Result<cpu::Load, Failure> {
        self.refuses.map_or(Ok(cpu::Load { load1m: 0.5, load5m: 1.25, load15m: 0.0 }), Err)
    }
}

impl memory::MemoryBlocks for Guest {
    fn memory_block(&mut self, index: usize) -> Result<Option<memory::MemoryBlock>, Failure> {
        let can_offline = self.option(index > 0);
        self.list(index, memory::MemoryBlock { phys_index: index as u64, online: true, can_offline })
    }

    fn memory_block_size(&mut self) -> Result<u64, Failure> {
        self.refuses.map_or(Ok(128 << 20), Err)
    }
}

impl memory::SetMemoryBlocks for Guest {
    fn set_memory_block(&mut self, phys_index: u64, online: bool) -> Result<(), memory::MemoryBlockError> {
        self.asked.push(format!("block {phys_index} {online}"));
        match phys_index {
            0 => Ok(()),
            1 => Err(memory::MemoryBlockError::NotSupported(None)),
            2 => Err(memory::MemoryBlockError::Failed(Some(16))),
            3 => Err(memory::MemoryBlockError::Failed(None)),
            4 => Err(memory::MemoryBlockError::NotFound(None)),
            _ => Err(memory::MemoryBlockError::NotFound(Some(2))),
        }
    }
}

impl exec::Exec for Guest {
    fn spawn(&mut self, program: Program<'_>, _: &mut Cause) -> Result<i64, Failure> {
        let strings = |list: List<'_, Text<'_>>| list.iter().map(|text| text.to_string()).collect::<Vec<_>>();
        let (arguments, environment) = (program.arguments.map(strings), program.environment.map(strings));
        let input = program.input.map(|input| String::from_utf8_lossy(input).into_owned());
        self.note(format!("spawn {} {arguments:?} {environment:?} {input:?} {:?}", program.path, program.capture))?;
        let pid = 100 + self.programs.len() as i64;
        self.programs.insert(pid, None);
        Ok(pid)
    }

    fn status(&mut self, pid: i64) -> Result<Option<Status>, Failure> {
        let status = |program: &Option<Finished>| {
            program.as_ref().map_or(Status::Running, |finished| Status::Exited(finished.exit))
        };
        self.refuses.map_or(Ok(self.programs.get(&pid).map(status)), Err)
    }

    fn output(&mut self, pid: i64, stream: Stream, offset: usize, into: &mut [u8]) -> usize {
        self.reads += 1;
        let finished = self.programs[&pid].as_ref().unwrap();
        let output = match stream {
            Stream::Out => &finished.out,
            Stream::Err => &finished.err,
        };
        let rest = output.get(offset..).unwrap_or_default();
        let count = rest.len().min(into.len());
        into[..count].copy_from_slice(&rest[..count]);
        count
    }

    fn forget(&mut self, pid: i64) {
        self.programs.remove(&pid).unwrap().unwrap();
    }
}

impl user::Users for Guest {
    fn user(&mut self, index: usize) -> Result<Option<user::User<'_>>, Failure> {
        let domain = self.option("WORK");
        self.list(index, user::User { user: "root", login_time: 1_700_000_000.25, domain })
    }
}

impl user::Passwords for Guest {
    fn set_password(&mut self, user: Text<'_>, password: &[u8], crypted: bool, _: &mut Cause) -> Result<(), Failure> {
        self.note(format!("password {user} {} {crypted}", password.escape_ascii()))
    }
}

impl ssh::AuthorizedKeys for Guest {
    fn authorized_key(&mut self, user: Text<'_>, index: usize, _: &mut Cause) -> Result<Option<&str>, Failure> {
        self.reads += 1;
        if user != *"root" {
            return Err(Failure("failed to lookup user"));
        }
        Ok(self.keys.get(index).map(String::as_str))
    }

    fn add_authorized_keys(
        &mut self,
        user: Text<'_>,
        keys: List<'_, Text<'_>>,
        reset: bool,
        _: &mut Cause,
    ) -> Result<(), Failure> {
        self.note(format!("add {:?} to {user}, reset {reset}", keys.iter().collect::<Vec<_>>()))
    }

    fn remove_authorized_keys(
        &mut self,
        user: Text<'_>,
        keys: List<'_, Text<'_>>,
        _: &mut Cause,
    ) -> Result<(), Failure> {
        self.note(format!("remove {:?} from {user}", keys.iter().collect::<Vec<_>>()))
    }
}

impl suspend::Suspend for Guest {
    fn suspend(&mut self, how: suspend::Sleep) -> Result<(), Failure> {
        self.note(format!("suspend {how:?}"))
    }
}

impl device::Devices for Guest {
    fn device(&mut self, index: usize) -> Result<Option<device::Device<'_>>, Failure> {
        let device = device::Device {
            driver_name: "virtio-net",
            driver_date: self.option(1_700_000_000_000_000_000),
            driver_version: self.option("1.2"),
            id: self.option(device::PciId { vendor_id: 0x1AF4, device_id: 0x1041 }),
        };
        self.list(index, device)
    }
}
