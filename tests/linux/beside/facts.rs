//! Commands that only tell something.

use std::path::Path;

use anyhow::{Result, ensure};
use debian::reference::Version;
use nanoqga_testkit::client::Client;
use serde_json::{Value, json};
use tests::conformance::vectors;
use tests::soon;

use super::Pair;
use super::pair::{Agent, shape, sorted};

/// What a qemu-ga before QEMU 10 does not have.
const NEWER: [&str; 2] = ["guest-get-load", "guest-network-get-route"];

/// What only a build for Windows has, though those before QEMU 9.1 list it.
const NOT_LINUX: &str = "guest-get-devices";

#[test]
fn every_command_is_there_and_says_whether_it_replies() -> Result<()> {
    let mut pair = Pair::start()?;
    let entries = |info: &Value| info["supported_commands"].as_array().cloned().unwrap_or_default();
    let [ours, theirs] = pair.get("guest-info", &json!({}))?;
    let (mut ours, mut theirs) = (entries(&ours), entries(&theirs));
    ensure!(ours.len() == 43, "{} commands", ours.len());
    if pair.version < Version(10, 0, 0) {
        ours.retain(|entry| !NEWER.iter().any(|name| entry["name"] == *name));
        theirs.retain(|entry| entry["name"] != NOT_LINUX);
    }
    ensure!(sorted(json!(ours)) == sorted(json!(theirs)), "     ours: {ours:?}\nreference: {theirs:?}");
    Ok(())
}

#[test]
fn what_does_not_change_by_itself_is_told_alike() -> Result<()> {
    let mut pair = Pair::start()?;
    for command in [
        "guest-get-osinfo",
        "guest-get-host-name",
        "guest-get-timezone",
        "guest-get-users",
        "guest-get-vcpus",
        "guest-get-memory-blocks",
        "guest-get-memory-block-info",
        "guest-fsfreeze-status",
        "guest-ping",
    ] {
        pair.same(command, json!({}))?;
    }
    Ok(())
}

#[test]
fn other_time_zones_and_releases_are_told_alike() -> Result<()> {
    for zone in ["Asia/Kolkata", "America/St_Johns", "EST5EDT,M3.2.0,M11.1.0", "<+0330>-3:30", "Nowhere/City", ""] {
        let mut pair = Pair::start_with(&[("TZ", zone)])?;
        pair.same("guest-get-timezone", json!({}))?;
    }
    let folder = nanoqga_testkit::folder::PrivateFolder::new()?;
    let release = folder.path().join("os-release");
    let text = "ID=tiny\nNAME=\"Tiny \\\"OS\\\" \\$5\"\nPRETTY_NAME='Tiny OS'\nVERSION_ID=1.0\nVARIANT=\"\"\n";
    std::fs::write(&release, text)?;
    let mut pair = Pair::start_with(&[("QGA_OS_RELEASE", &release.to_string_lossy())])?;
    let [mut ours, mut theirs] = pair.get("guest-get-osinfo", &json!({}))?;
    // qemu-ga takes single quotes for a part of the value; a shell does not.
    ensure!(ours["pretty-name"] == "Tiny OS", "{ours}");
    ours["pretty-name"].take();
    theirs["pretty-name"].take();
    ensure!(ours == theirs, "     ours: {ours}\nreference: {theirs}");
    Ok(())
}

#[test]
fn interfaces_are_told_alike_and_their_counters_only_grow() -> Result<()> {
    let mut pair = Pair::start()?;
    let command = "guest-network-get-interfaces";
    let before = pair.reference.get(command, &json!({}))?;
    let ours = pair.ours.get(command, &json!({}))?;
    let after = pair.reference.get(command, &json!({}))?;
    for ((before, ours), after) in members(&before).zip(members(&ours)).zip(members(&after)) {
        for member in ["name", "hardware-address", "ip-addresses"] {
            ensure!(ours[member] == before[member], "     ours: {ours}\nreference: {before}");
        }
        between(&before["statistics"], &ours["statistics"], &after["statistics"])?;
    }
    ensure!(members(&ours).count() == members(&before).count());
    Ok(())
}

#[test]
fn file_systems_and_disks_are_told_alike() -> Result<()> {
    let mut pair = Pair::start()?;
    let [mut ours, mut theirs] = pair.get("guest-get-fsinfo", &json!({}))?;
    let has_privileged = pair.version >= Version(9, 1, 0);
    for file_system in list(&mut ours).filter(|_| !has_privileged) {
        let all = file_system.as_object_mut().and_then(|members| members.remove("total-bytes-privileged"));
        ensure!(all.and_then(|all| all.as_u64()) >= file_system["total-bytes"].as_u64(), "{file_system}");
    }
    for file_system in list(&mut ours).chain(list(&mut theirs)) {
        // Others write to the disks.
        file_system["used-bytes"] = shape(file_system["used-bytes"].take());
        list(&mut file_system["disk"]).for_each(known_to_both);
    }
    ensure!(ours == theirs, "     ours: {ours}\nreference: {theirs}");

    let [mut ours, mut theirs] = pair.get("guest-get-disks", &json!({}))?;
    for disk in list(&mut ours).chain(list(&mut theirs)) {
        if disk["address"].is_object() {
            known_to_both(&mut disk["address"]);
        } else {
            disk.as_object_mut().and_then(|members| members.remove("address"));
        }
    }
    ensure!(sorted(ours.clone()) == sorted(theirs.clone()), "     ours: {ours}\nreference: {theirs}");
    Ok(())
}

/// Takes from a disk's address what the two tell differently.
fn known_to_both(address: &mut Value) {
    // Without udev the reference knows of no serial number.
    if !Path::new("/run/udev/data").exists() {
        address.as_object_mut().and_then(|members| members.remove("serial"));
    }
    // Of a disk on no PCI bus it says -1, which libvirt does not take.
    if address["pci-controller"]["domain"] == -1 {
        address["pci-controller"] = json!({"domain": 0, "bus": 0, "slot": 0, "function": 0});
    }
}

#[test]
fn counters_have_the_same_members_and_only_grow() -> Result<()> {
    let mut pair = Pair::start()?;
    for (command, may_fall) in
        [("guest-get-cpustats", ["idle", "iowait", "steal"].as_slice()), ("guest-get-diskstats", &["ios-pgr"])]
    {
        let mut before = pair.reference.get(command, &json!({}))?;
        let mut ours = pair.ours.get(command, &json!({}))?;
        let mut after = pair.reference.get(command, &json!({}))?;
        ensure!(shape(ours.clone()) == shape(before.clone()), "     ours: {ours}\nreference: {before}");
        for value in [&mut before, &mut ours, &mut after] {
            list(value).for_each(|element| forget(element, may_fall));
        }
        between(&before, &ours, &after)?;
    }
    let before = pair.reference.get("guest-get-time", &json!({}))?;
    let ours = pair.ours.get("guest-get-time", &json!({}))?;
    between(&before, &ours, &pair.reference.get("guest-get-time", &json!({}))?)
}

fn forget(element: &mut Value, names: &[&str]) {
    let counters = if element["stats"].is_object() { &mut element["stats"] } else { element };
    if let Some(members) = counters.as_object_mut() {
        members.retain(|name, _| !names.contains(&name.as_str()));
    }
}

/// Every number of `value` lies between the others', and all else is equal.
fn between(before: &Value, value: &Value, after: &Value) -> Result<()> {
    match value {
        Value::Number(number) => {
            let in_order = before.as_u64() <= number.as_u64() && number.as_u64() <= after.as_u64();
            ensure!(in_order, "{before} <= {value} <= {after}");
        }
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                between(&before[index], value, &after[index])?;
            }
        }
        Value::Object(members) => {
            for (name, value) in members {
                between(&before[name], value, &after[name])?;
            }
        }
        other => ensure!(other == before, "{other} is not {before}"),
    }
    Ok(())
}

fn members(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn list(value: &mut Value) -> impl Iterator<Item = &mut Value> {
    value.as_array_mut().into_iter().flatten()
}

#[test]
fn requests_that_make_no_sense_are_refused_alike() -> Result<()> {
    let mut pair = Pair::start()?;
    for (command, arguments) in [
        ("guest-get-osinfo", json!({"x": 1})),
        ("guest-get-vcpus", json!({"x": 1})),
        ("guest-get-disks", json!({"x": 1})),
        ("guest-get-fsinfo", json!({"x": 1})),
        ("guest-network-get-interfaces", json!({"x": 1})),
        ("guest-shutdown", json!({"mode": "sideways"})),
        ("guest-set-vcpus", json!({})),
        ("guest-set-vcpus", json!({"vcpus": [{"logical-id": "0", "online": true}]})),
        ("guest-set-memory-blocks", json!({"mem-blks": [{"phys-index": 0}]})),
        ("guest-set-memory-blocks", json!({"mem-blks": []})),
        ("guest-set-user-password", json!({"username": "a:b", "password": "eA==", "crypted": false})),
        ("guest-set-user-password", json!({"username": "root", "password": "YQpi", "crypted": false})),
        ("guest-set-user-password", json!({"username": "root", "password": "eA=*", "crypted": false})),
        ("guest-ssh-get-authorized-keys", json!({})),
        ("guest-ssh-add-authorized-keys", json!({"username": "nobody", "keys": ["# no key"]})),
        ("guest-fstrim", json!({"minimum": "a"})),
        ("guest-bogus", json!({})),
    ] {
        pair.same(command, arguments)?;
    }
    // There is no such user, and no such processor: in other words, but an error for both.
    for (command, arguments) in [
        ("guest-ssh-get-authorized-keys", json!({"username": "no such user"})),
        ("guest-ssh-remove-authorized-keys", json!({"username": "no such user", "keys": ["ssh-ed25519 AAAA"]})),
        ("guest-set-vcpus", json!({"vcpus": [{"logical-id": 9999, "online": true}]})),
        ("guest-exec-status", json!({"pid": -1})),
    ] {
        let [ours, theirs] = [pair.ours.ask(command, &arguments)?, pair.reference.ask(command, &arguments)?];
        ensure!(ours["error"]["class"].is_string(), "{command}: {ours}");
        ensure!(ours["error"]["class"] == theirs["error"]["class"], "{ours} is not {theirs}");
    }
    Ok(())
}

#[test]
fn recorded_conversations_are_held_as_recorded() -> Result<()> {
    let Agent { mut client, program: _program } = Agent::ours()?;
    let mut differences = Vec::new();
    for (id, vector) in (1..).zip(vectors()) {
        client.send(&vector.request, soon())?;
        differences.extend(vector.check(&answered(&mut client, id)?).err());
    }
    ensure!(differences.is_empty(), "{} differ:\n{}", differences.len(), differences.join("\n"));
    Ok(())
}

/// All lines until the agent is in step again.
fn answered(client: &mut Client, id: i64) -> Result<Vec<u8>> {
    let lines = tests::booted::resynchronise(client, id)?;
    Ok(lines.into_iter().flat_map(|line| [line, b"\n".to_vec()].concat()).collect())
}
