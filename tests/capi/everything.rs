//! Every family, by a C program that has all callbacks but one.

use anyhow::{Result, ensure};
use nanoqga_testkit::client::Client;
use tests::booted::{soon, transcript};
use tests::recorded::{commands, hold_all};

use crate::built;
use crate::program::Serving;

#[test]
fn every_family_answers_what_its_callbacks_say() -> Result<()> {
    let (program, mut agent) = Serving::start(&built::program("everything.c")?)?;
    transcript(&mut agent, EVERYTHING)?;
    transcript(&mut agent, TESTING)?;
    transcript(&mut agent, BACKGROUND)?;
    panics(&mut agent)?;
    let commands = commands(&mut agent)?;
    ensure!(commands.len() == 41, "{commands:?}");
    hold_all(&mut agent)?;
    drop(agent);
    program.end()
}

/// A test whose panic handler finishes the reply. This one returns, so that the agent's own reply follows.
fn panics(agent: &mut Client) -> Result<()> {
    let ask = r#"{"execute":"nanoqga-test-run","arguments":{"name":"heap::dies"},"id":["p"]}"#;
    let handlers = agent.request(ask, soon())?.text();
    ensure!(
        handlers
            == r#"{"return": {"output":"","measurements":[],"output-truncated":true,"outcome":"panicked","elapsed-ns":1000,"file":"heap.c","line":12,"message":"out of memory"}, "id": ["p"]}"#,
        "{handlers}"
    );
    let agents = String::from_utf8(agent.line(soon())?)?;
    ensure!(agents.contains(r#""output-truncated":false,"outcome":"panicked""#), "{agents}");
    Ok(())
}

const TESTING: &[(&str, &str)] = &[
    (
        r#"{"execute":"nanoqga-test-info"}"#,
        r#"{"return": {"protocol":1,"tests":4,"digest":"cd8914014cf0225e","boot":"0000000000000abc","last-words":{"message":"page fault"}}}"#,
    ),
    (
        r#"{"execute":"nanoqga-test-list"}"#,
        r#"{"return": [{"index":0,"name":"heap::allocates"},{"index":1,"name":"heap::dies","should-panic":"out of memory","timeout-ms":500,"alone":true},{"index":2,"name":"disk::reads","ignored":"slow","cases":2},{"index":3,"name":"says nothing"}]}"#,
    ),
    (
        r#"{"execute":"nanoqga-test-run","arguments":{"name":"heap::allocates","mark":"a"}}"#,
        r#"{"return": {"output":"a page\n","measurements":[{"name":"latency","value":-5.0,"unit":"ns"}],"output-truncated":false,"outcome":"passed","elapsed-ns":1000}}"#,
    ),
    (
        r#"{"execute":"nanoqga-test-run","arguments":{"name":"disk::reads","case":1,"seed":99}}"#,
        r#"{"return": {"output":"","measurements":[],"output-truncated":false,"outcome":"skipped","elapsed-ns":1000,"message":"there is no disk"}}"#,
    ),
    (
        r#"{"execute":"nanoqga-test-run","arguments":{"name":"says nothing"}}"#,
        r#"{"return": {"output":"","measurements":[],"output-truncated":false,"outcome":"failed","elapsed-ns":1000,"message":"the kernel does not say how the test has ended"}}"#,
    ),
    (
        r#"{"execute":"nanoqga-test-misbehave","arguments":{"how":"fault"}}"#,
        r#"{"error": {"class": "GenericError", "desc": "every address is mapped"}}"#,
    ),
    (r#"{"execute":"nanoqga-test-misbehave","arguments":{"how":"hang"}}"#, r#"{"return": {}}"#),
];

const BACKGROUND: &[(&str, &str)] = &[
    (
        r#"{"execute":"nanoqga-test-start","arguments":{"name":"heap::dies","seed":5}}"#,
        r#"{"error": {"class": "GenericError", "desc": "no thread is left"}}"#,
    ),
    (
        r#"{"execute":"nanoqga-test-start","arguments":{"name":"heap::allocates","seed":5,"mark":"m"}}"#,
        r#"{"return": {"run":41}}"#,
    ),
    (
        r#"{"execute":"nanoqga-test-status","arguments":{"run":41}}"#,
        r#"{"return": {"output":"one\ntwo\n","next":8,"running":false,"measurements":[{"name":"rounds","value":3.0,"unit":""}],"output-truncated":true,"outcome":"failed","elapsed-ns":12,"file":"run.c","line":7,"message":"too slow"}}"#,
    ),
    (
        r#"{"execute":"nanoqga-test-start","arguments":{"name":"disk::reads","case":1,"seed":5}}"#,
        r#"{"return": {"run":43}}"#,
    ),
    (
        r#"{"execute":"nanoqga-test-status","arguments":{"run":43,"from":4}}"#,
        r#"{"return": {"output":"two\n","next":8,"running":true}}"#,
    ),
    (
        r#"{"execute":"nanoqga-test-status","arguments":{"run":41}}"#,
        r#"{"error": {"class": "GenericError", "desc": "there is no run 41"}}"#,
    ),
];

const EVERYTHING: &[(&str, &str)] = &[
    (
        r#"{"execute":"guest-get-osinfo"}"#,
        r#"{"return": {"kernel-release":"1.2","kernel-version":"v3","machine":"vax","id":"every","name":"Every","pretty-name":"Every \"1\"","version":"1 (one)","version-id":"1","variant":"Test","variant-id":"test"}}"#,
    ),
    (r#"{"execute":"guest-get-host-name"}"#, r#"{"return": {"host-name":"h\u00E9-1"}}"#),
    (r#"{"execute":"guest-get-timezone"}"#, r#"{"return": {"zone":"XYZ","offset":-3600}}"#),
    (r#"{"execute":"guest-set-time"}"#, r#"{"return": {}}"#),
    (r#"{"execute":"guest-get-time"}"#, r#"{"return": 77}"#),
    (r#"{"execute":"guest-set-time","arguments":{"time":1234567890123456789}}"#, r#"{"return": {}}"#),
    (r#"{"execute":"guest-get-time"}"#, r#"{"return": 1234567890123456789}"#),
    (
        r#"{"execute":"guest-shutdown","arguments":{"mode":"reboot"}}"#,
        r#"{"error": {"class": "GenericError", "desc": "no reboot"}}"#,
    ),
    (r#"{"execute":"guest-shutdown"}"#, r#"{"error": {"class": "GenericError", "desc": "no powerdown"}}"#),
    (r#"{"execute":"guest-suspend-disk"}"#, r#"{"error": {"class": "GenericError", "desc": "no disk to sleep on"}}"#),
    (
        r#"{"execute":"guest-suspend-hybrid"}"#,
        r#"{"error": {"class": "CommandNotFound", "desc": "The command guest-suspend-hybrid has not been found"}}"#,
    ),
    (
        r#"{"execute":"guest-get-vcpus"}"#,
        r#"{"return": [{"logical-id":0,"online":true,"can-offline":false},{"logical-id":1,"online":false,"can-offline":true},{"logical-id":2,"online":true,"can-offline":true}]}"#,
    ),
    (
        r#"{"execute":"guest-set-vcpus","arguments":{"vcpus":[{"logical-id":0,"online":true},{"logical-id":1,"online":false}]}}"#,
        r#"{"return": 1}"#,
    ),
    (
        r#"{"execute":"guest-set-vcpus","arguments":{"vcpus":[{"logical-id":3,"online":true}]}}"#,
        r#"{"error": {"class": "GenericError", "desc": "there is no such processor"}}"#,
    ),
    (
        r#"{"execute":"guest-get-cpustats"}"#,
        r#"{"return": [{"type":"linux","cpu":0,"user":1,"nice":2,"system":3,"idle":18446744073709551615}]}"#,
    ),
    (r#"{"execute":"guest-get-load"}"#, r#"{"return": {"load1m":0.05,"load5m":1.25,"load15m":42949672.95}}"#),
    (
        r#"{"execute":"guest-get-memory-blocks"}"#,
        r#"{"return": [{"phys-index":0,"online":true,"can-offline":false},{"phys-index":2,"online":true,"can-offline":false}]}"#,
    ),
    (
        r#"{"execute":"guest-set-memory-blocks","arguments":{"mem-blks":[{"phys-index":0,"online":true},{"phys-index":2,"online":false}]}}"#,
        r#"{"return": [{"phys-index":0,"response":"success"},{"phys-index":2,"response":"operation-failed"}]}"#,
    ),
    (r#"{"execute":"guest-get-memory-block-info"}"#, r#"{"return": {"size":1048576}}"#),
    (
        r#"{"execute":"guest-network-get-interfaces"}"#,
        r#"{"return": [{"name":"lo"},{"name":"eth0","hardware-address":"52:54:00:12:34:56","statistics":{"rx-bytes":1,"rx-packets":2,"rx-errs":3,"rx-dropped":4,"tx-bytes":5,"tx-packets":6,"tx-errs":7,"tx-dropped":8},"ip-addresses":[{"ip-address":"192.0.2.5","ip-address-type":"ipv4","prefix":24},{"ip-address":"fe80::1","ip-address-type":"ipv6","prefix":64}]}]}"#,
    ),
    (
        r#"{"execute":"guest-network-get-route"}"#,
        r#"{"return": [{"iface":"eth0","destination":"0.0.0.0","metric":100,"gateway":"192.0.2.1","mask":"0.0.0.0","version":4},{"iface":"eth0","destination":"::","metric":100,"desprefixlen":"0","version":6},{"iface":"eth0","destination":"fd00::","metric":100,"desprefixlen":"64","version":6}]}"#,
    ),
    (
        r#"{"execute":"guest-get-fsinfo"}"#,
        r#"{"return": [{"name":"vda1","mountpoint":"/data","type":"vfat","used-bytes":10,"total-bytes":20,"disk":[]},{"name":"vda1","mountpoint":"/","type":"vfat","disk":[]}]}"#,
    ),
    (
        r#"{"execute":"guest-fstrim","arguments":{"minimum":7}}"#,
        r#"{"return": {"paths":[{"path":"/data","trimmed":4096,"minimum":7},{"path":"/","error":"read-only"}]}}"#,
    ),
    (r#"{"execute":"guest-fsfreeze-freeze"}"#, r#"{"return": 2}"#),
    (r#"{"execute":"guest-fsfreeze-status"}"#, r#"{"return": "frozen"}"#),
    (
        r#"{"execute":"guest-get-fsinfo"}"#,
        r#"{"error": {"class": "CommandNotFound", "desc": "Command guest-get-fsinfo has been disabled: the command is not allowed"}}"#,
    ),
    (r#"{"execute":"guest-fsfreeze-thaw"}"#, r#"{"return": 2}"#),
    (r#"{"execute":"guest-fsfreeze-freeze-list","arguments":{"mountpoints":["/data","/data"]}}"#, r#"{"return": 2}"#),
    (r#"{"execute":"guest-fsfreeze-thaw"}"#, r#"{"return": 2}"#),
    (
        r#"{"execute":"guest-fsfreeze-freeze-list","arguments":{"mountpoints":["/data","/other"]}}"#,
        r#"{"error": {"class": "GenericError", "desc": "no such file system"}}"#,
    ),
    (r#"{"execute":"guest-fsfreeze-status"}"#, r#"{"return": "thawed"}"#),
    (r#"{"execute":"guest-fsfreeze-thaw"}"#, r#"{"return": 0}"#),
    (
        r#"{"execute":"guest-file-open","arguments":{"path":"/other"}}"#,
        r#"{"error": {"class": "GenericError", "desc": "failed to open file '/other' (mode: 'r'): No such file or directory"}}"#,
    ),
    (
        r#"{"execute":"guest-file-open","arguments":{"path":"/the file","mode":"r+"}}"#,
        r#"{"error": {"class": "GenericError", "desc": "failed to open file '/the file' (mode: 'r+'): one direction will do"}}"#,
    ),
    (r#"{"execute":"guest-file-open","arguments":{"path":"/the file","mode":"w"}}"#, r#"{"return": 1}"#),
    (
        r#"{"execute":"guest-file-write","arguments":{"handle":1,"buf-b64":"aGVsbG8gd29ybGQ="}}"#,
        r#"{"return": {"count":11,"eof":false}}"#,
    ),
    (r#"{"execute":"guest-file-flush","arguments":{"handle":1}}"#, r#"{"return": {}}"#),
    (
        r#"{"execute":"guest-file-seek","arguments":{"handle":1,"offset":-5,"whence":"end"}}"#,
        r#"{"return": {"position":6,"eof":false}}"#,
    ),
    (
        r#"{"execute":"guest-file-read","arguments":{"handle":1}}"#,
        r#"{"return": {"buf-b64":"d29ybGQ=","count":5,"eof":true}}"#,
    ),
    (
        r#"{"execute":"guest-file-seek","arguments":{"handle":1,"offset":-50,"whence":1}}"#,
        r#"{"error": {"class": "GenericError", "desc": "failed to seek file: Invalid argument"}}"#,
    ),
    (r#"{"execute":"guest-file-close","arguments":{"handle":1}}"#, r#"{"return": {}}"#),
    (
        r#"{"execute":"guest-file-close","arguments":{"handle":1}}"#,
        r#"{"error": {"class": "GenericError", "desc": "handle '1' has not been found"}}"#,
    ),
    (r#"{"execute":"guest-file-open","arguments":{"path":"/the file","mode":"a"}}"#, r#"{"return": 2}"#),
    (
        r#"{"execute":"guest-file-write","arguments":{"handle":2,"buf-b64":"IQ=="}}"#,
        r#"{"return": {"count":1,"eof":false}}"#,
    ),
    (
        r#"{"execute":"guest-file-seek","arguments":{"handle":2,"offset":6,"whence":0}}"#,
        r#"{"return": {"position":6,"eof":false}}"#,
    ),
    (
        r#"{"execute":"guest-file-read","arguments":{"handle":2,"count":100}}"#,
        r#"{"return": {"buf-b64":"d29ybGQh","count":6,"eof":true}}"#,
    ),
    (r#"{"execute":"guest-file-close","arguments":{"handle":2}}"#, r#"{"return": {}}"#),
    (r#"{"execute":"guest-get-users"}"#, r#"{"return": [{"user":"root","login-time":1000.0}]}"#),
    (
        r#"{"execute":"guest-set-user-password","arguments":{"username":"root","password":"c2VjcmV0","crypted":false}}"#,
        r#"{"return": {}}"#,
    ),
    (
        r#"{"execute":"guest-set-user-password","arguments":{"username":"root","password":"c2VjcmV0","crypted":true}}"#,
        r#"{"error": {"class": "GenericError", "desc": "it cannot be crypted"}}"#,
    ),
    (
        r#"{"execute":"guest-set-user-password","arguments":{"username":"nobody","password":"c2VjcmV0","crypted":true}}"#,
        r#"{"error": {"class": "GenericError", "desc": "there is no such user"}}"#,
    ),
    (
        r#"{"execute":"guest-exec","arguments":{"path":"/bin/true"}}"#,
        r#"{"error": {"class": "CommandNotFound", "desc": "The command guest-exec has not been found"}}"#,
    ),
];
