//! What stands in the channel before the host is in step.

use std::os::unix::net::{UnixListener, UnixStream};

use nanoqga_testkit::agent::Agent;
use nanoqga_testkit::error::{Error, Kind};
use nanoqga_testkit::folder::PrivateFolder;
use nanoqga_testkit::transport::Address;

use crate::guest::{BRIEF, agent, brief_agent, failure};

const PONG: &str = r#"{"return": {}}"#;

#[test]
fn replies_to_another_host_are_dropped() {
    let mut agent = agent(|mut guest| {
        guest.say("{\"return\": {\"pid\": 7}}\n{\"error\": {\"class\": \"GenericError\", \"desc\": \"stale\"}}\n");
        guest.serve(|_, _| PONG.into());
    });
    agent.ping().unwrap();
}

#[test]
fn half_a_line_before_the_delimiter_is_dropped() {
    let mut agent = agent(|mut guest| {
        guest.say(b"[    0.1] booting\xff\xfe{\"return\": ");
        guest.serve(|_, _| PONG.into());
    });
    agent.ping().unwrap();
}

#[test]
fn a_sync_of_another_number_is_not_ours() {
    let mut agent = brief_agent(|mut guest| {
        while guest.request().is_some() {
            guest.say(b"\xff{\"return\": -1}\n\xff{\"return\": \"1\"}\n\xff{}\n\xff\n\n");
        }
    });
    let (kind, message) = failure(agent.ping());
    assert_eq!(kind, Some(Kind::TimedOut), "{message}");
    assert!(
        message.starts_with("the agent does not reply to guest-sync-delimited (limit 0.1 s); is an agent"),
        "{message}"
    );
}

#[test]
fn a_sync_that_firmware_took_is_sent_again() {
    let mut agent = agent(|mut guest| {
        let taken = guest.request().unwrap();
        assert_eq!(taken["execute"], "guest-sync-delimited");
        guest.serve(|_, _| PONG.into());
    });
    agent.ping().unwrap();
}

#[test]
fn lines_without_end_do_not_keep_a_host_beyond_its_limit() {
    let mut agent = brief_agent(|mut guest| while guest.say("\n".repeat(1000)) {});
    assert_eq!(failure(agent.ping()).0, Some(Kind::TimedOut));
}

#[test]
fn bytes_that_come_one_by_one_do_not_lengthen_the_limit() {
    let mut agent = brief_agent(|mut guest| {
        while guest.say("x") {
            std::thread::sleep(BRIEF / 20); // no wait: the slowness is the lie
        }
    });
    assert_eq!(failure(agent.ping()).0, Some(Kind::TimedOut));
}

#[test]
fn a_guest_that_reads_nothing_does_not_keep_a_host_beyond_its_limit() {
    let (ours, _theirs) = UnixStream::pair().unwrap();
    let client = nanoqga_testkit::client::Client::over(ours);
    let mut agent = Agent::over(client).until(nanoqga_testkit::deadline::Deadline::after(BRIEF));
    let request = format!("{{\"execute\":\"guest-ping\",\"id\":\"{}\"}}", "x".repeat(10 << 20));
    assert_eq!(failure(agent.raw(&request)).0, Some(Kind::TimedOut));
}

#[test]
fn a_guest_that_leaves_is_lost() {
    let mut agent = agent(|mut guest| {
        guest.request();
        guest.say("{\"retu");
    });
    assert_eq!(failure(agent.ping()).0, Some(Kind::Lost));
}

#[test]
fn a_socket_that_accepts_nobody_does_not_keep_a_host_beyond_its_limit() {
    let folder = PrivateFolder::new().unwrap();
    let path = folder.path().join("agent.sock");
    let _listener = UnixListener::bind(&path).unwrap();
    let address = Address::Socket(path);
    // Its queue takes some connections that it never accepts; from then on, the system makes each new one wait.
    let mut held = Vec::new();
    let error = loop {
        match Agent::at(&address, BRIEF) {
            Ok(agent) => held.push(agent),
            Err(error) => break error,
        }
    };
    assert_eq!(Error::kind_of(&error), Some(Kind::TimedOut), "{error:#}");
}

#[test]
fn a_socket_that_is_not_there_is_named() {
    let error = Agent::at(&Address::Socket("/nowhere/agent.sock".into()), BRIEF).unwrap_err();
    let message = format!("{error:#}");
    assert!(message.starts_with("cannot connect to /nowhere/agent.sock: No such file"), "{message}");
    assert_eq!(Error::kind_of(&error), None);
}
