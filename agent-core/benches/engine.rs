//! What the engine costs, beside serde_json doing the same with the same bytes: `cargo xtask bench`.
//!
//! An exchange is a request read and its reply written. A scan is a request of so many bytes told apart: where its command
//! and its arguments are. A write is that request up to the struct its handler wants, the long string in it borrowed; ours
//! is dispatched and answered, too. Base64 is that of such a string; serde_json has the `base64` crate to help it.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "what is measured here is known to work, and its macros are undocumented"
)]

#[path = "../tests/common/mod.rs"]
mod common;

use std::convert::Infallible;
use std::hint::black_box;
use std::time::Duration;

use common::{COMMANDS, Guest, TABLES, agent, agent_of};
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime};
use nanoqga::command::CommandInfo;
use nanoqga::json::base64;
use nanoqga::json::scanner::Scanner;
use nanoqga::{Command, CommandSet, Error, Reply, Request, Step, Text};
use oracle::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

const KIB: usize = 1024;

/// Both sides of one row of the table.
fn compare<A, B>(
    criterion: &mut Criterion,
    row: &str,
    bytes: usize,
    mut ours: impl FnMut() -> A,
    mut theirs: impl FnMut() -> B,
) {
    let mut group: BenchmarkGroup<'_, WallTime> = criterion.benchmark_group(row);
    group.throughput(Throughput::Bytes(bytes as u64));
    group.bench_function("ours", |bencher| bencher.iter(&mut ours));
    group.bench_function("serde_json", |bencher| bencher.iter(&mut theirs));
    group.finish();
}

/// An agent as small as can be made with serde_json: it knows two commands without arguments.
fn serde_json_agent(request: &[u8], reply: &mut Vec<u8>, commands: &[CommandInfo]) {
    #[derive(Deserialize)]
    struct Asked<'a> {
        execute: &'a str,
    }
    #[derive(Serialize)]
    struct Return<T> {
        r#return: T,
    }
    #[derive(Serialize)]
    struct Nothing {}
    #[derive(Serialize)]
    struct Info<'a> {
        version: &'a str,
        supported_commands: &'a [CommandInfo],
    }
    reply.clear();
    match serde_json::from_slice::<Asked<'_>>(request).unwrap().execute {
        "guest-ping" => serde_json::to_writer(&mut *reply, &Return { r#return: Nothing {} }),
        "guest-info" => {
            let info = Info { version: "0.1.0", supported_commands: commands };
            serde_json::to_writer(&mut *reply, &Return { r#return: info })
        }
        other => panic!("{other} is not measured"),
    }
    .unwrap();
    reply.push(b'\n');
}

fn exchanges(criterion: &mut Criterion) {
    let infos: Vec<_> = TABLES
        .iter()
        .flat_map(|table| table.iter())
        .map(|_| CommandInfo { name: "guest-get-memory-blocks", enabled: true, success_response: true })
        .collect();
    for command in ["guest-ping", "guest-info"] {
        let request = format!(r#"{{"execute":"{command}"}}"#).into_bytes();
        let mut guest = Guest::default();
        let mut agent = agent(&COMMANDS);
        let mut room = [0; 16 * KIB];
        let mut reply = Vec::new();
        compare(
            criterion,
            command,
            request.len(),
            || {
                assert_eq!(agent.receive(black_box(&request)), request.len());
                agent.transmit(&mut guest, black_box(&mut room))
            },
            || {
                serde_json_agent(black_box(&request), &mut reply, &infos);
                black_box(&mut reply).len()
            },
        );
    }
}

/// What a scan finds, of whatever command.
#[derive(Deserialize)]
#[expect(dead_code, reason = "it is measured, not used")]
struct Envelope<'a> {
    #[serde(borrow)]
    execute: &'a RawValue,
    #[serde(borrow)]
    arguments: &'a RawValue,
}

/// What a write is told: the arguments of guest-file-write.
#[derive(Deserialize)]
#[expect(dead_code, reason = "it is measured, not used")]
struct Write<'a> {
    handle: i64,
    #[serde(rename = "buf-b64")]
    buf_b64: &'a str,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "it is measured, not used")]
struct WriteRequest<'a> {
    execute: &'a str,
    arguments: Write<'a>,
}

fn read_write(_: &mut (), request: &mut Request<'_>, _: &mut Reply<'_>) -> Result<Step, Error> {
    let mut arguments = request.arguments();
    let handle: i64 = arguments.required("handle")?;
    let buf_b64: Text<'_> = arguments.required("buf-b64")?;
    arguments.finish()?;
    black_box((handle, buf_b64));
    Ok(Step::Done)
}

fn scans(criterion: &mut Criterion) {
    const WRITE: &[Command<()>] = &[Command::new("guest-file-write", read_write)];
    let commands = CommandSet::new(&[WRITE]);
    let mut agent = agent_of::<{ 1025 * KIB }, 1024, ()>(&commands);
    let mut scanner = Scanner::new();
    let mut store = vec![0; 1025 * KIB];
    for (name, size) in [("1 KiB", KIB), ("64 KiB", 64 * KIB), ("1 MiB", KIB * KIB)] {
        let text = "QUJD".repeat(size / 4);
        let request = format!(r#"{{"execute":"guest-file-write","arguments":{{"handle":1000,"buf-b64":"{text}"}}}}"#);
        let request = request.into_bytes();
        compare(
            criterion,
            &format!("scan {name}"),
            request.len(),
            || scanner.push(black_box(&request), &mut store),
            || {
                let envelope: Envelope<'_> = serde_json::from_slice(black_box(&request)).unwrap();
                black_box(envelope);
            },
        );
        let mut room = [0; 64];
        compare(
            criterion,
            &format!("write {name}"),
            request.len(),
            || {
                assert_eq!(agent.receive(black_box(&request)), request.len());
                let replied = agent.transmit(&mut (), black_box(&mut room));
                assert_eq!(&room[..replied], b"{\"return\": {}}\n");
            },
            || {
                let request: WriteRequest<'_> = serde_json::from_slice(black_box(&request)).unwrap();
                black_box(request);
            },
        );
    }
}

fn base64s(criterion: &mut Criterion) {
    let bytes: Vec<u8> = (0..48 * KIB).map(|index| (index * 7) as u8).collect();
    let text = STANDARD.encode(&bytes);
    let json = serde_json::to_vec(&text).unwrap();

    let mut decoded = text.clone().into_bytes();
    let mut other = bytes.clone();
    compare(
        criterion,
        "base64 decode",
        text.len(),
        || {
            // It decodes in place, so the text has to be there again.
            decoded.copy_from_slice(text.as_bytes());
            base64::decode(black_box(&mut decoded)).unwrap()
        },
        || {
            let text: &str = serde_json::from_slice(black_box(&json)).unwrap();
            STANDARD.decode_slice(text, black_box(&mut other)).unwrap()
        },
    );

    let mut room = vec![0; bytes.len() / 3 * 7];
    let mut reply = Vec::new();
    compare(
        criterion,
        "base64 encode",
        text.len(),
        || {
            let fill = |into: &mut [u8]| {
                into.copy_from_slice(black_box(&bytes));
                Ok::<_, Infallible>(bytes.len())
            };
            let Ok((_, length)) = base64::encode(black_box(&mut room), fill);
            length
        },
        || {
            reply.clear();
            serde_json::to_writer(&mut reply, &STANDARD.encode(black_box(&bytes))).unwrap();
            black_box(&mut reply).len()
        },
    );
}

criterion_group! {
    name = engine;
    config = Criterion::default().warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(3));
    targets = exchanges, scans, base64s
}
criterion_main!(engine);
