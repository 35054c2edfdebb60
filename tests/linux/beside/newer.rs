//! Commands that are newer than the reference, held against the kernel's own words.

use std::fs;

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::pair::Agent;

#[test]
fn the_load_is_the_kernels() -> Result<()> {
    let mut agent = Agent::ours()?;
    let kernels = || -> Result<Vec<f64>> {
        Ok(fs::read_to_string("/proc/loadavg")?.split(' ').take(3).filter_map(|word| word.parse().ok()).collect())
    };
    // The kernel counts anew every five seconds.
    for _ in 0..5 {
        let before = kernels()?;
        let load = agent.get("guest-get-load", &json!({}))?;
        let told: Vec<f64> =
            ["load1m", "load5m", "load15m"].iter().filter_map(|member| load[member].as_f64()).collect();
        if kernels()? == before {
            ensure!(told == before, "{load} is not {before:?}");
            ensure!(load.as_object().is_some_and(|members| members.len() == 3), "{load}");
            return Ok(());
        }
    }
    panic!("the load changes all the time");
}

#[test]
fn every_route_of_the_kernel_is_told() -> Result<()> {
    let mut agent = Agent::ours()?;
    let routes = agent.get("guest-network-get-route", &json!({}))?;
    let table = |path| fs::read_to_string(path).unwrap_or_default();
    let (v4, v6) = (table("/proc/net/route"), table("/proc/net/ipv6_route"));
    let of = |version: u64| routes.as_array().into_iter().flatten().filter(move |route| route["version"] == version);
    let names = |lines: &mut dyn Iterator<Item = &str>, field: usize| -> Vec<String> {
        lines.filter_map(|line| line.split_whitespace().nth(field).map(String::from)).collect()
    };
    let interfaces = |version| -> Vec<String> {
        of(version).filter_map(|route| route["iface"].as_str().map(String::from)).collect()
    };
    ensure!(interfaces(4) == names(&mut v4.lines().skip(1), 0), "{routes}");
    ensure!(interfaces(6) == names(&mut v6.lines(), 9), "{routes}");
    let required = |route: &Value, texts: &[&str], numbers: &[&str]| {
        texts.iter().all(|member| route[member].is_string()) && numbers.iter().all(|member| route[member].is_u64())
    };
    for route in of(4) {
        let numbers = ["metric", "irtt", "flags", "refcnt", "use", "window", "mtu"];
        ensure!(required(route, &["iface", "destination", "gateway", "mask"], &numbers), "{route}");
    }
    for route in of(6) {
        let texts = ["iface", "destination", "desprefixlen", "source", "srcprefixlen", "nexthop"];
        ensure!(required(route, &texts, &["metric", "flags", "refcnt", "use"]), "{route}");
    }
    Ok(())
}
