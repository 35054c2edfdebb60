//! The routes in procfs.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::{Ipv4Addr, Ipv6Addr};

use nanoqga::Failure;
use nanoqga::commands::network::{Destination, Route};
use rustix::io::Errno;

use super::errno::failed;
use super::files::KeptFile;

/// A route and the name of its interface.
pub type Listed = (String, Route<'static>);

/// The kernel's tables, of which it may have one only.
#[derive(Debug)]
pub struct Tables {
    v4: KeptFile,
    v6: KeptFile,
}

impl Default for Tables {
    fn default() -> Self {
        Self { v4: KeptFile::new("/proc/net/route"), v6: KeptFile::new("/proc/net/ipv6_route") }
    }
}

impl Tables {
    /// The routes of both protocols.
    pub fn all(&mut self) -> Result<Vec<Listed>, Failure> {
        let mut routes = Vec::new();
        let mut add = |table: &mut KeptFile, parse: fn(&str) -> Option<Listed>| match table
            .lines(|line| routes.extend(str::from_utf8(line).ok().and_then(parse)))
        {
            Err(Errno::NOENT) => Ok(()),
            outcome => outcome.map_err(|error| failed("failed to read the routes", error)),
        };
        add(&mut self.v4, v4)?;
        add(&mut self.v6, v6)?;
        Ok(routes)
    }
}

/// A line of `/proc/net/route`: addresses are hexadecimal, in the machine's order of bytes.
pub fn v4(line: &str) -> Option<(String, Route<'static>)> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let [interface, network, gateway, flags, references, uses, metric, mask, mtu, window, rtt] = *words else {
        return None;
    };
    let address = |word| u32::from_str_radix(word, 16).ok().map(|bits| Ipv4Addr::from(bits.to_ne_bytes()));
    let to = Destination::V4 { network: address(network)?, mask: address(mask)?, gateway: Some(address(gateway)?) };
    let number = |word: &str| word.parse::<u32>().ok();
    let route = Route {
        interface: "",
        to,
        metric: number(metric)?,
        flags: Some(u64::from_str_radix(flags, 16).ok()?),
        references: Some(number(references)?),
        uses: Some(number(uses)?),
        mtu: Some(number(mtu)?),
        window: Some(number(window)?),
        initial_rtt: Some(number(rtt)?),
    };
    Some((interface.to_string(), route))
}

/// A line of `/proc/net/ipv6_route`: all numbers are hexadecimal.
pub fn v6(line: &str) -> Option<(String, Route<'static>)> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let [network, prefix, source, source_prefix, next_hop, metric, references, uses, flags, interface] = *words else {
        return None;
    };
    let address = |word: &str| {
        let whole = (word.len() == 32).then_some(word)?;
        u128::from_str_radix(whole, 16).ok().map(Ipv6Addr::from_bits)
    };
    let bits = |word| u8::from_str_radix(word, 16).ok().filter(|bits| *bits <= 128);
    let number = |word| u32::from_str_radix(word, 16).ok();
    let to = Destination::V6 {
        network: address(network)?,
        prefix: bits(prefix)?,
        source: Some((address(source)?, bits(source_prefix)?)),
        next_hop: Some(address(next_hop)?),
    };
    let route = Route {
        interface: "",
        to,
        metric: number(metric)?,
        flags: Some(number(flags)?.into()),
        references: Some(number(references)?),
        uses: Some(number(uses)?),
        mtu: None,
        window: None,
        initial_rtt: None,
    };
    Some((interface.to_string(), route))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_of_both_protocols_are_read() {
        let (interface, route) = v4("eth0\t00000000\t010200C0\t0003\t0\t0\t100\t00000000\t0\t0\t0  ").unwrap();
        let gateway = Some(Ipv4Addr::new(192, 0, 2, 1));
        let zero = Ipv4Addr::UNSPECIFIED;
        assert_eq!((interface.as_str(), route.metric, route.flags), ("eth0", 100, Some(3)));
        assert_eq!(route.to, Destination::V4 { network: zero, mask: zero, gateway });
        let line = "fd000000000000000000000000000000 40 00000000000000000000000000000000 00 \
            fe800000000000000000000000000001 ffffffff 00000001 00000010 80200001     eth0";
        let (interface, route) = v6(line).unwrap();
        assert_eq!((interface.as_str(), route.metric, route.uses), ("eth0", u32::MAX, Some(16)));
        let Destination::V6 { network, prefix: 64, source: Some((_, 0)), next_hop: Some(next_hop) } = route.to else {
            panic!("{route:?}")
        };
        assert_eq!((network.to_string().as_str(), next_hop.to_string().as_str()), ("fd00::", "fe80::1"));
    }

    #[test]
    fn what_is_no_route_is_left_out() {
        let header = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT";
        for line in
            [header, "", "eth0 0 0 3 0 0 0 0 0 0", "eth0 100000000 0 3 0 0 0 0 0 0 0", "eth0 0 0 3 -1 0 0 0 0 0 0"]
        {
            assert_eq!(v4(line), None, "{line}");
        }
        let zero = "0".repeat(32);
        for line in [
            std::format!("{zero} 81 {zero} 00 {zero} 0 0 0 0 eth0"),
            std::format!("0 40 {zero} 00 {zero} 0 0 0 0 eth0"),
            std::format!("{zero}0 40 {zero} 00 {zero} 0 0 0 0 eth0"),
            std::format!("{zero} 40 {zero} 00 {zero} 0 0 0 0"),
        ] {
            assert_eq!(v6(&line), None, "{line}");
        }
    }
}
