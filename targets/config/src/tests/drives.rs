//! The files of drives.

use std::string::String;
use std::vec::Vec;
use std::{format, vec};

use proptest::prelude::*;

use super::Said;
use crate::drive::{Files, Kind, read};

struct Folder<'f>(&'f [(&'f str, &'f str)]);

impl Files for Folder<'_> {
    fn read(&mut self, path: &str, into: &mut [u8]) -> Result<usize, &'static str> {
        let (_, content) = self.0.iter().find(|(name, _)| *name == path).ok_or("there is none")?;
        into.get_mut(..content.len()).ok_or("it is too large")?.copy_from_slice(content.as_bytes());
        Ok(content.len())
    }
}

/// What the files say, but for those that are not there.
fn said(kind: Kind, files: &[(&str, &str)]) -> Vec<String> {
    let mut said = Said::default();
    read(kind, &mut Folder(files), &mut vec![0; 8192], &mut said);
    said.0.retain(|line| !line.ends_with("there is none"));
    said.0
}

#[test]
fn proxmox_names_and_addresses_a_guest() {
    let meta = "instance-id: 0d6f3c\n";
    let user = "#cloud-config\nhostname: web-1\nmanage_etc_hosts: true\nfqdn: web-1.example.com\nuser: admin\n\
                ssh_authorized_keys:\n  - ssh-ed25519 AAAA a@b\n  - ssh-rsa BBBB c@d\nchpasswd:\n  expire: False\nusers:\n  - default\n";
    let network = "version: 1\nconfig:\n    - type: physical\n      name: eth0\n      mac_address: '52:54:00:12:34:56'\n      subnets:\n\
                   \x20     - type: static\n        address: '192.0.2.5'\n        netmask: '255.255.255.0'\n        gateway: '192.0.2.1'\n\
                   \x20     - type: static6\n        address: '2001:db8::5/64'\n        gateway: '2001:db8::1'\n\
                   \x20   - type: physical\n      name: eth1\n      mtu: 1400\n      subnets:\n      - type: dhcp4\n      - type: dhcp6\n\
                   \x20   - type: nameserver\n      address:\n      - '192.0.2.53'\n      - '2001:db8::53'\n      search:\n      - 'example.com'\n";
    let files = [("meta-data", meta), ("user-data", user), ("network-config", network)];
    let expected = [
        "unused meta-data:1 instance-id",
        "hostname=web-1",
        "unused user-data:3 manage_etc_hosts",
        "unused user-data:4 fqdn",
        "unused user-data:5 user",
        "unused user-data:7 ssh_authorized_keys",
        "unused user-data:10 chpasswd.expire",
        "unused user-data:12 users",
        "ip=52:54:00:12:34:56,slaac",
        "ip=52:54:00:12:34:56,192.0.2.5/255.255.255.0,192.0.2.1",
        "ip=52:54:00:12:34:56,2001:db8::5/64,2001:db8::1",
        "unused network-config:19 config.subnets.type",
        "ip=eth1,dhcp",
        "mtu=eth1,1400",
        "nameserver=192.0.2.53",
        "nameserver=2001:db8::53",
        "unused network-config:25 config.search",
    ];
    assert_eq!(said(Kind::NoCloud, &files), expected);
}

#[test]
fn netplan_is_read_with_and_without_its_outer_key() {
    let inner = "version: 2\nethernets:\n  eth0:\n    addresses: [192.0.2.5/24, \"2001:db8::5/64\"]\n    gateway4: 192.0.2.1\n    \
                 mtu: 1450\n    routes:\n      - to: 10.0.0.0/8\n        via: 192.0.2.254\n      - to: default\n        via: fe80::1\n    \
                 nameservers:\n      search: [lab]\n      addresses: [192.0.2.53]\n  second:\n    match:\n      macaddress: 52:54:00:00:00:02\n    \
                 set-name: lan\n    dhcp4: true\n    dhcp6: false\n    optional: true\n";
    let outer: String = inner.lines().map(|line| format!("  {line}\n")).collect();
    let expected = |line: u32| {
        [
            format!("unused network-config:{} ethernets.nameservers.search", line + 13),
            "nameserver=192.0.2.53".into(),
            "ip=eth0,slaac".into(),
            "mtu=eth0,1450".into(),
            "route=eth0,10.0.0.0/8,192.0.2.254".into(),
            "ip=eth0,192.0.2.5/24,192.0.2.1".into(),
            "ip=eth0,2001:db8::5/64,fe80::1".into(),
            format!("unused network-config:{} ethernets.dhcp6", line + 20),
            format!("unused network-config:{} ethernets.optional", line + 21),
            "ip=52:54:00:00:00:02,dhcp".into(),
        ]
    };
    assert_eq!(said(Kind::NoCloud, &[("network-config", inner)]), expected(0));
    assert_eq!(said(Kind::NoCloud, &[("network-config", &format!("network:\n{outer}"))]), expected(1));
}

#[test]
fn openstack_describes_links_and_networks() {
    let meta = r#"{"uuid": "83679162", "hostname": "web-1.novalocal", "meta": {"role": "web", "nanoqga": "block=guest-exec agent=com1"},
        "public_keys": {"key": "ssh-rsa AAAA\n"}, "launch_index": 0}"#;
    let network = r#"{"links": [{"id": "tap1", "vif_id": "v1", "type": "ovs", "mtu": 1450, "ethernet_mac_address": "fa:16:3e:00:00:01"},
  {"id": "tap2", "type": "ovs", "mtu": null, "ethernet_mac_address": "fa:16:3e:00:00:02"}],
 "networks": [
  {"id": "network0", "type": "ipv4", "link": "tap1", "ip_address": "192.0.2.5", "netmask": "255.255.255.0", "network_id": "n1",
   "routes": [{"network": "0.0.0.0", "netmask": "0.0.0.0", "gateway": "192.0.2.1"},
              {"network": "10.0.0.0", "netmask": "255.0.0.0", "gateway": "192.0.2.254"}], "services": []},
  {"id": "network1", "type": "ipv6", "link": "tap1", "ip_address": "2001:db8::5/64", "routes": []},
  {"id": "network2", "type": "ipv4_dhcp", "link": "tap2"}],
 "services": [{"type": "dns", "address": "192.0.2.53"}]}"#;
    let files = [("openstack/latest/meta_data.json", meta), ("openstack/latest/network_data.json", network)];
    let (meta, network) = (files[0].0, files[1].0);
    let expected = [
        format!("unused {meta}:1 uuid"),
        "hostname=web-1".into(),
        format!("unused {meta}:1 meta.role"),
        "block=guest-exec".into(),
        "agent=com1".into(),
        format!("unused {meta}:2 public_keys.key"),
        format!("unused {meta}:2 launch_index"),
        format!("unused {network}:1 links.vif_id"),
        format!("unused {network}:1 links.type"),
        "ip=fa:16:3e:00:00:01,slaac".into(),
        "mtu=fa:16:3e:00:00:01,1450".into(),
        format!("unused {network}:4 networks.id"),
        "ip=fa:16:3e:00:00:02,slaac".into(),
        format!("unused {network}:4 networks.network_id"),
        format!("unused {network}:7 networks.id"),
        "route=fa:16:3e:00:00:01,10.0.0.0/255.0.0.0,192.0.2.254".into(),
        "ip=fa:16:3e:00:00:01,192.0.2.5/255.255.255.0,192.0.2.1".into(),
        "ip=fa:16:3e:00:00:01,2001:db8::5/64".into(),
        "ip=fa:16:3e:00:00:02,dhcp".into(),
        "nameserver=192.0.2.53".into(),
    ];
    assert_eq!(said(Kind::ConfigDrive, &files), expected);
}

#[test]
fn nothing_is_taken_from_a_file_that_is_not_understood() {
    let large = "x".repeat(9000);
    for (files, expected) in [
        (("meta-data", "local-hostname: a\n&b"), "refused meta-data:2 this kind of value is not understood"),
        (("network-config", "version: 3\nethernets: {}"), "unused network-config:1 version"),
        (("user-data", "#!/bin/sh\n"), "refused user-data:0 it is no cloud-config"),
        (("user-data", large.as_str()), "refused user-data:0 it is too large"),
    ] {
        assert_eq!(said(Kind::NoCloud, &[files]), [expected]);
    }
}

#[test]
fn a_label_counts_in_either_case_and_padded() {
    assert_eq!(Kind::of(b"CIDATA     "), Some(Kind::NoCloud));
    assert_eq!(Kind::of(b"config-2\0\0"), Some(Kind::ConfigDrive));
    assert_eq!([&b"cidata2"[..], b"", b" cidata", b"config"].map(Kind::of), [None; 4]);
}

proptest! {
    #[test]
    fn any_files_are_survived(text: String, keys in "((network|version|config|ethernets|links|type|mtu|routes)[:\"'] ?[12\\[{\n -]{0,5}){0,20}") {
        for kind in [Kind::NoCloud, Kind::ConfigDrive] {
            for content in [&text, &keys, &format!("#cloud-config\n{text}")] {
                let paths = ["meta-data", "user-data", "network-config", "openstack/latest/meta_data.json", "openstack/latest/network_data.json"];
                let files: Vec<_> = paths.iter().map(|path| (*path, content.as_str())).collect();
                for line in said(kind, &files) {
                    prop_assert!(line.len() < 300);
                }
            }
        }
    }
}
