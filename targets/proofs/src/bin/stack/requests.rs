//! What a host can send: every command, every recorded exchange, and what is wrong in every place.

use crate::conformance;

/// Every command, with arguments that it takes.
const CALLS: [(&str, &str); 56] = [
    ("guest-sync", r#""id":7"#),
    ("guest-sync-delimited", r#""id":7"#),
    ("guest-ping", ""),
    ("guest-info", ""),
    ("guest-get-osinfo", ""),
    ("guest-get-host-name", ""),
    ("guest-get-timezone", ""),
    ("guest-get-time", ""),
    ("guest-set-time", r#""time":1700000000000000000"#),
    ("guest-shutdown", r#""mode":"reboot""#),
    ("guest-file-open", r#""path":"/tmp/\u00e9","mode":"a+""#),
    ("guest-file-close", r#""handle":1"#),
    ("guest-file-read", r#""handle":1,"count":5000"#),
    ("guest-file-write", r#""handle":1,"buf-b64":"aGVs\nbG8=","count":4"#),
    ("guest-file-seek", r#""handle":1,"offset":-7,"whence":"end""#),
    ("guest-file-flush", r#""handle":1"#),
    ("guest-fsfreeze-status", ""),
    ("guest-fsfreeze-freeze", ""),
    ("guest-fsfreeze-freeze-list", r#""mountpoints":["/","/mnt"]"#),
    ("guest-fsfreeze-thaw", ""),
    ("guest-get-fsinfo", ""),
    ("guest-fstrim", r#""minimum":4096"#),
    ("guest-get-disks", ""),
    ("guest-get-diskstats", ""),
    ("guest-network-get-interfaces", ""),
    ("guest-network-get-route", ""),
    ("guest-get-vcpus", ""),
    (
        "guest-set-vcpus",
        r#""vcpus":[{"logical-id":0,"online":true,"can-offline":false},{"logical-id":1,"online":false}]"#,
    ),
    ("guest-get-cpustats", ""),
    ("guest-get-load", ""),
    ("guest-get-memory-blocks", ""),
    ("guest-set-memory-blocks", r#""mem-blks":[{"phys-index":0,"online":true},{"phys-index":1,"online":false}]"#),
    ("guest-get-memory-block-info", ""),
    (
        "guest-exec",
        r#""path":"/bin/cat","arg":["-n","\ud83d\ude00"],"env":["A=1"],"input-data":"aGVsbG8=","capture-output":"merged""#,
    ),
    ("guest-exec-status", r#""pid":1"#),
    ("guest-get-users", ""),
    ("guest-set-user-password", r#""username":"root","password":"aGVsbG8=","crypted":false"#),
    ("guest-ssh-get-authorized-keys", r#""username":"root""#),
    ("guest-ssh-add-authorized-keys", r#""username":"root","keys":["ssh-rsa A","ssh-rsa B"],"reset":true"#),
    ("guest-ssh-remove-authorized-keys", r#""username":"root","keys":["ssh-rsa A"]"#),
    ("guest-suspend-disk", ""),
    ("guest-suspend-ram", ""),
    ("guest-suspend-hybrid", ""),
    ("guest-get-devices", ""),
    ("nanoqga-test-info", ""),
    ("nanoqga-test-list", r#""from":0,"limit":9"#),
    ("nanoqga-test-run", r#""name":"proof::writes","case":0,"seed":7,"mark":"\u00e9""#),
    ("nanoqga-test-start", r#""name":"proof::writes","case":0"#),
    ("nanoqga-test-status", r#""run":7,"from":0"#),
    ("nanoqga-test-misbehave", r#""how":"panic""#),
    (
        "example-everything",
        r#""string":"\u00e9","nested":[{"name":"a","inner":{"number":1,"flag":true}}],"lists":[[1],[]],"data":"aGVsbG8=""#,
    ),
    (
        "example-parameters",
        r#""i8":-1,"i16":-2,"i32":-3,"i64":-4,"u8":1,"u16":2,"u32":3,"u64":4,"flag":true,"color":"red","any":[0],"rows":[[{"name":""}]]"#,
    ),
    ("example-json", r#""a":[1,{"b":"\u00e9"}]"#),
    ("example-packed", ""),
    ("example-to-the-end", ""),
    ("example-silent", ""),
];

/// The names of all commands that are asked for.
pub fn commands() -> impl Iterator<Item = &'static str> {
    CALLS.iter().map(|(name, _)| *name)
}

/// All requests, in no order that matters.
pub fn all() -> Vec<Vec<u8>> {
    let mut requests: Vec<_> = conformance::vectors().into_iter().map(|vector| vector.request).collect();
    requests.extend(large());
    for (command, arguments) in CALLS {
        let request = format!(r#"{{"execute":"{command}","arguments":{{{arguments}}},"id":[{{"é":null}}]}}"#);
        requests.extend(spoilt(request.as_bytes()));
        requests.push(request.into());
    }
    requests
}

/// A request with something else in every place: other types, unknown names, values out of range, broken JSON.
fn spoilt(request: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let with = move |place: usize, what: &[u8]| [&request[..place], what, &request[place + 1..]].concat();
    let somethings: [&[u8]; 8] = [b"\"", b"7", b"-", b"x", b"{}", b"[]", b"", b"\xC3\xA9"];
    (0..request.len()).flat_map(move |place| somethings.map(|something| with(place, something)))
}

/// What takes the receive buffer to its end and the nesting to its limit.
fn large() -> Vec<Vec<u8>> {
    let call = |command: &str, arguments: String| {
        format!(r#"{{"execute":"{command}","arguments":{{{arguments}}}}}"#).into_bytes()
    };
    let list = |element: &str, count| vec![element; count].join(",");
    let members = |count| (0..count).map(|index| format!(r#""member{index}":0"#)).collect::<Vec<_>>().join(",");
    let mut large = vec![
        call("guest-file-write", format!(r#""handle":1,"buf-b64":"{}""#, r"QUJD\n".repeat(600))),
        call("guest-exec", format!(r#""path":"a","input-data":"{}""#, "QUJD".repeat(900))),
        call("guest-exec", format!(r#""path":"a","arg":[{}]"#, list(r#""é""#, 600))),
        call("guest-set-vcpus", format!(r#""vcpus":[{}]"#, list(r#"{"logical-id":0,"online":true}"#, 100))),
        call("guest-set-memory-blocks", format!(r#""mem-blks":[{}]"#, list(r#"{"phys-index":0,"online":true}"#, 100))),
        call("guest-ssh-add-authorized-keys", format!(r#""username":"root","keys":[{}]"#, list(r#""k""#, 800))),
        call("guest-fsfreeze-freeze-list", format!(r#""mountpoints":[{},7]"#, list(r#""/""#, 800))),
    ];
    large.extend([31, 32, 33, 200].map(|count| call("guest-ping", members(count))));
    for depth in [10, 1000, 1022, 1023, 1024, 1025, 5000] {
        let id = ["[".repeat(depth), "]".repeat(depth)].concat();
        large.push(format!(r#"{{"execute":"guest-ping","id":{id}}}"#).into());
        large.push(r#"{"a":"#.repeat(depth).into());
    }
    large
}
