//! Guests that go down, or say that they do.

use nanoqga_testkit::agent::{Down, Mode};
use nanoqga_testkit::error::Kind;

use crate::guest::{agent, brief_agent, failure};

#[test]
fn a_refusal_is_an_error() {
    let mut agent = agent(|guest| {
        guest.serve(|command, _| match command {
            "guest-shutdown" => r#"{"error": {"class": "GenericError", "desc": "not now"}}"#.into(),
            _ => r#"{"return": {}}"#.into(),
        });
    });
    let (kind, message) = failure(agent.shut_down(Mode::Powerdown));
    assert_eq!((kind, message.as_str()), (Some(Kind::Refused), "guest-shutdown: not now (GenericError)"));
    agent.ping().unwrap();
}

#[test]
fn a_guest_that_still_answers_has_accepted_it() {
    let mut agent = agent(|mut guest| {
        guest.synchronise();
        let request = guest.request().unwrap();
        assert_eq!(request["arguments"]["mode"], "reboot");
        guest.serve(|_, _| r#"{"return": {}}"#.into());
    });
    assert_eq!(agent.shut_down(Mode::Reboot).unwrap(), Down::Accepted);
}

#[test]
fn a_guest_whose_channel_closes_is_gone() {
    let mut agent = agent(|mut guest| {
        guest.synchronise();
        guest.request();
    });
    assert_eq!(agent.shut_down(Mode::Halt).unwrap(), Down::Gone);
}

#[test]
fn a_guest_that_says_nothing_more_is_silent() {
    let mut agent = brief_agent(|mut guest| {
        guest.synchronise();
        guest.keep_silent();
    });
    assert_eq!(agent.shut_down(Mode::Powerdown).unwrap(), Down::Silent);
}
