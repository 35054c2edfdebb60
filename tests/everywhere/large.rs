//! A guest with more of everything than one read or one message of the kernel tells.

use std::fmt::Write as _;
use std::fs;

use anyhow::{Context, Result, ensure};
use debian::linux::Kernel;
use debian::packages::root;
use serde_json::{Value, json};
use tests::images::linux_agent;
use tests::soon;

use crate::disk::Tree;
use crate::distributions::{SUITES, freezes, run};

const LINKS: usize = 400;
const ROUTES: usize = 33_000;
const MOUNTS: usize = 5_000;

#[test]
fn routes_links_and_mounts_are_all_told_and_freezing_works_among_them() -> Result<()> {
    let packages = ["iproute2", "mount", "kmod", "dash", "coreutils", "base-files", "grep"];
    let tree = Tree::copy(&root("large-guest", &SUITES, &packages)?)?;
    fs::copy(linux_agent()?, tree.path("usr/sbin/init"))?;
    fs::write(tree.path("root/dummy.ko"), Kernel::find()?.module("drivers/net/dummy.ko")?)?;
    let (mut links, mut routes) = (String::new(), String::new());
    for link in 0..LINKS {
        writeln!(links, "link set dummy{link} up")?;
    }
    for route in 0..ROUTES {
        writeln!(routes, "route add 10.{}.{}.0/24 dev dummy{}", route / 256, route % 256, route % LINKS)?;
    }
    tree.write("root/links", &links)?;
    tree.write("root/routes", &routes)?;
    let mut installed = tree.boot("")?;
    let agent = &mut installed.agent;
    run(
        agent,
        &format!("insmod /root/dummy.ko numdummies={LINKS} && ip -batch /root/links && ip -batch /root/routes"),
    )?;
    // Each binds all that there are so far once more.
    run(
        agent,
        "mkdir /tmp/all && mount -t tmpfs none /tmp/all && mount --make-private /tmp/all && cd /tmp/all && \
         for number in 1 2 3 4 5 6 7 8 9 10 11 12 13; do mkdir $number && mount --rbind . $number; done",
    )?;
    let mounts: usize = run(agent, "grep -c '' /proc/self/mountinfo")?.trim().parse()?;
    ensure!(mounts > MOUNTS, "{mounts} mounts");
    let mut list = |command: &str| -> Result<Vec<Value>> {
        let returned = agent.execute(command, json!({}), soon())?;
        returned.as_array().cloned().with_context(|| format!("{command} returned {returned}"))
    };
    let interfaces = list("guest-network-get-interfaces")?;
    let named = |name: &str| interfaces.iter().any(|interface| interface["name"] == name);
    ensure!(interfaces.len() == LINKS + 1 && named("dummy0") && named("dummy399"), "{} interfaces", interfaces.len());
    let routes = list("guest-network-get-route")?;
    let told = routes.iter().filter(|route| route["destination"].as_str().is_some_and(|to| to.starts_with("10.")));
    ensure!(told.count() == ROUTES, "{} routes", routes.len());
    let last = format!("10.{}.{}.0", (ROUTES - 1) / 256, (ROUTES - 1) % 256);
    ensure!(routes.iter().any(|route| route["destination"] == last.as_str()), "{last} is missing");
    let file_systems = list("guest-get-fsinfo")?;
    ensure!(file_systems.iter().any(|one| one["mountpoint"] == "/"), "{file_systems:?}");
    freezes(agent)?;
    installed.shut_down()
}
