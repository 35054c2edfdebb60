//! The user and ssh families, as transcripts.

use crate::common::{Guest, assert_refused, call, error, guest_with, returned, returns};
use nanoqga::Failure;

#[test]
fn users_are_listed_with_the_time_they_logged_in() {
    let mut guest = guest_with(1, 0, false);
    assert_eq!(call(&mut guest, "guest-get-users", ""), returns(r#"[{"user":"root","login-time":1700000000.25}]"#));
    guest.full = true;
    assert_eq!(
        call(&mut guest, "guest-get-users", ""),
        returns(r#"[{"user":"root","domain":"WORK","login-time":1700000000.25}]"#)
    );
    assert_eq!(call(&mut Guest::default(), "guest-get-users", ""), returns("[]"));
    guest.fails_at = Some(0);
    assert_eq!(call(&mut guest, "guest-get-users", ""), error("the guest cannot tell"));
    assert_refused(&mut guest, "guest-get-users", &[(r#""x":1"#, "Parameter 'x' is unexpected")]);
}

#[test]
fn a_password_is_any_bytes_but_a_line_break() {
    let mut guest = Guest::default();
    let set = |guest: &mut Guest, password: &str| {
        let arguments = format!(r#""username":"r\u00f6ot","password":"{password}","crypted":false"#);
        call(guest, "guest-set-user-password", &arguments)
    };
    assert_eq!(set(&mut guest, r"c2VjcmV0\nIf8=\n"), returns("{}"));
    assert_eq!(set(&mut guest, ""), returns("{}"));
    assert_eq!(guest.asked, [r"password röot secret!\xff false", "password röot  false"]);
    guest.asked.clear();
    assert_eq!(set(&mut guest, "YQpiOng="), error("forbidden characters in raw password"));
    assert!(guest.asked.is_empty());
    guest.refuses = Some(Failure("no such user"));
    assert_eq!(set(&mut guest, "eA=="), error("no such user"));
}

#[test]
fn a_password_is_checked_before_it_is_set() {
    let forbidden = "forbidden characters in username";
    assert_refused(
        &mut Guest::default(),
        "guest-set-user-password",
        &[
            (r#""username":"root","password":"eA==""#, "Parameter 'crypted' is missing"),
            (r#""username":"root","crypted":true"#, "Parameter 'password' is missing"),
            (r#""password":"eA==","crypted":true"#, "Parameter 'username' is missing"),
            (
                r#""username":"root","password":"!","crypted":"yes""#,
                "Invalid parameter type for 'crypted', expected: boolean",
            ),
            (r#""username":"root","password":"!","crypted":true"#, "Base64 data contains invalid characters"),
            (r#""username":"a\nb","password":"eA==","crypted":true"#, forbidden),
            (r#""username":"a:b","password":"eA==","crypted":true"#, forbidden),
        ],
    );
}

#[test]
fn keys_of_any_length_are_listed_whole() {
    let mut guest = Guest::default();
    let keys = |guest: &mut Guest| call(guest, "guest-ssh-get-authorized-keys", r#""username":"root""#);
    assert_eq!(keys(&mut guest), returns(r#"{"keys":[]}"#));
    guest.keys = vec!["ssh-ed25519 AAAA me".into()];
    assert_eq!(keys(&mut guest), returns(r#"{"keys":["ssh-ed25519 AAAA me"]}"#));
    guest.keys = (980..1040).map(|length| "k".repeat(length)).collect();
    guest.keys.extend(["".into(), "\u{1F600}\"\\".repeat(1000), "x".repeat(100_000), "last".into()]);
    assert_eq!(returned(&keys(&mut guest))["keys"], serde_json::json!(guest.keys));
}

#[test]
fn keys_are_added_and_removed() {
    let mut guest = Guest::default();
    let both = r#""username":"root","keys":["ssh-rsa A\u00e9","ssh-rsa B"]"#;
    assert_eq!(call(&mut guest, "guest-ssh-add-authorized-keys", both), returns("{}"));
    assert_eq!(call(&mut guest, "guest-ssh-add-authorized-keys", &format!(r#"{both},"reset":true"#)), returns("{}"));
    assert_eq!(call(&mut guest, "guest-ssh-remove-authorized-keys", both), returns("{}"));
    assert_eq!(
        guest.asked,
        [
            r#"add ["ssh-rsa Aé", "ssh-rsa B"] to root, reset false"#,
            r#"add ["ssh-rsa Aé", "ssh-rsa B"] to root, reset true"#,
            r#"remove ["ssh-rsa Aé", "ssh-rsa B"] from root"#,
        ]
    );
    guest.refuses = Some(Failure("failed to lookup user"));
    for command in ["guest-ssh-add-authorized-keys", "guest-ssh-remove-authorized-keys"] {
        assert_eq!(call(&mut guest, command, both), error("failed to lookup user"));
    }
}

#[test]
fn what_is_no_key_is_refused() {
    let both = [
        (r#""keys":[]"#, "Parameter 'username' is missing"),
        (r#""username":"root""#, "Parameter 'keys' is missing"),
        (r#""username":"root","keys":"k""#, "Invalid parameter type for 'keys', expected: array"),
        (r#""username":"root","keys":["k",{}]"#, "Invalid parameter type for 'keys[1]', expected: string"),
        (r##""username":"root","keys":["k","# k"]"##, "invalid OpenSSH public key: '# k'"),
        (r#""username":"root","keys":["k\nl"]"#, r"invalid OpenSSH public key: 'k\nl'"),
    ];
    assert_refused(&mut Guest::default(), "guest-ssh-add-authorized-keys", &both);
    assert_refused(&mut Guest::default(), "guest-ssh-remove-authorized-keys", &both);
    assert_refused(
        &mut Guest::default(),
        "guest-ssh-add-authorized-keys",
        &[(r#""username":"root","keys":[],"reset":1"#, "Invalid parameter type for 'reset', expected: boolean")],
    );
    assert_refused(
        &mut Guest::default(),
        "guest-ssh-remove-authorized-keys",
        &[(r#""username":"root","keys":[],"reset":true"#, "Parameter 'reset' is unexpected")],
    );
    assert_refused(
        &mut Guest::default(),
        "guest-ssh-get-authorized-keys",
        &[
            (r#""username":"nobody""#, "failed to lookup user"),
            ("", "Parameter 'username' is missing"),
            (r#""username":"root","keys":[]"#, "Parameter 'keys' is unexpected"),
        ],
    );
}
