//! What qemu-ga has none of, and what surrounds a command line. The rest is compared with qemu-ga itself, in tests/linux.

use std::string::ToString;

use super::*;

const BARE: Surroundings<'_> = Surroundings { read: |_| None, config: None, activated: None, first_process: false };

fn served(line: &[&str], surroundings: &Surroundings<'_>) -> Options {
    match Task::parse(line, surroundings) {
        Ok(Task::Serve(options)) => *options,
        other => panic!("{line:?} is not served: {other:?}"),
    }
}

#[test]
fn without_options_the_virtio_port_is_served() {
    let options = served(&["agent"], &BARE);
    assert_eq!((&*options.method, &*options.path), ("virtio-serial", "/dev/virtio-ports/org.qemu.guest_agent.0"));
    assert_eq!((&*options.state_dir, options.daemon, options.init), ("/var/run", false, false));
}

#[test]
fn process_1_is_the_first_process_without_being_told() {
    assert!(served(&["init"], &Surroundings { first_process: true, ..BARE }).init);
    assert!(served(&["agent", "--init"], &BARE).init);
}

#[test]
fn a_payload_is_the_words_after_two_dashes_or_those_of_one_option() {
    assert_eq!(served(&["init", "--init", "--", "/bin/sh", "-c", "a b"], &BARE).payload, ["/bin/sh", "-c", "a b"]);
    assert_eq!(served(&["init", "--init", "--payload=/bin/sh  -c a"], &BARE).payload, ["/bin/sh", "-c", "a"]);
}

#[test]
fn a_socket_that_was_passed_takes_the_place_of_a_method() {
    let surroundings = Surroundings { activated: Some(Method::UnixListen), ..BARE };
    let options = served(&["agent", "-m", "isa-serial", "-p", "/dev/ttyS3"], &surroundings);
    assert_eq!((&*options.method, &*options.path), ("unix-listen", ""));
}

#[test]
fn the_command_line_names_another_configuration_than_the_environment() {
    let read = |path: &str| match path {
        "/a" => Some(Ok("[general]\npath=/of/a\n".into())),
        "/b" => Some(Ok("[general]\npath=/of/b\n".into())),
        "/c" => Some(Err("Permission denied".into())),
        _ => None,
    };
    let surroundings = Surroundings { read, config: Some("/a"), ..BARE };
    assert_eq!(served(&["agent"], &surroundings).path, "/of/a");
    assert_eq!(served(&["agent", "-c", "/b"], &surroundings).path, "/of/b");
    assert_eq!(served(&["agent", "-c/b", "-p", "/typed"], &surroundings).path, "/typed");
    for file in ["/c", "/nothing"] {
        let refusal = Task::parse(&["agent", "-c", file], &surroundings).unwrap_err();
        assert!(refusal.complaint.contains(file), "{refusal:?}");
    }
    // Without a file of its own the agent has its defaults.
    assert_eq!(
        served(&["agent"], &Surroundings { read, config: Some("/nothing"), ..BARE }).pid_file.to_string(),
        PID_FILE
    );
}

#[test]
fn the_version_that_is_told_can_be_another() {
    assert_eq!(served(&["agent"], &BARE).version(), VERSION);
    assert_eq!(served(&["agent", "--report-version", "10.2.0"], &BARE).version(), "10.2.0");
}
