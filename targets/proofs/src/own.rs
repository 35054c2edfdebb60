//! A command of the guest's own: every type of argument, and every shape of reply.

use core::hint::black_box;

use heapless::String;
use nanoqga::json::writer::Cursor;
use nanoqga::{Command, Error, List, Parameter, Path, Reply, Request, Step, Text, Value};
use serde::{Serialize, Serializer};

use crate::guest::{Guest, Script, Shape, Source};

/// An object inside the arguments, with an object inside it.
#[derive(Clone, Copy)]
struct Nested<'m> {
    name: Text<'m>,
    inner: Option<Inner>,
}

#[derive(Clone, Copy)]
struct Inner {
    number: u64,
    flag: bool,
}

impl<'m> Parameter<'m> for Nested<'m> {
    fn decode(value: Value<'m>, path: Path) -> Result<Self, Error> {
        let mut members = value.object(path)?;
        let nested = Self { name: members.required("name")?, inner: members.optional("inner")? };
        members.finish()?;
        Ok(nested)
    }
}

impl<'m> Parameter<'m> for Inner {
    fn decode(value: Value<'m>, path: Path) -> Result<Self, Error> {
        let mut members = value.object(path)?;
        let inner = Self { number: members.required("number")?, flag: members.required("flag")? };
        members.finish()?;
        Ok(inner)
    }
}

#[derive(Serialize)]
struct Everything<'a> {
    text: &'a str,
    owned: &'a str,
    character: char,
    float: f64,
    unit: (),
    pair: (i64, bool),
    shape: Shape,
    list: [Option<Shape>; 2],
    map: Map<&'a str>,
    numbers: Option<Map<u64>>,
}

/// A map with this key.
struct Map<K>(K);

impl<K: Serialize> Serialize for Map<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map([(&self.0, u32::MAX)])
    }
}

pub(crate) const fn commands<S: Source>() -> &'static [Command<Guest<S>>] {
    const { &[Command::new("example-everything", everything)] }
}

fn everything<S: Source>(
    guest: &mut Guest<S>,
    request: &mut Request<'_>,
    reply: &mut Reply<'_>,
) -> Result<Step, Error> {
    let script = guest.script();
    if request.step() > 0 {
        return more(script, request, reply);
    }
    let mut arguments = request.arguments();
    let owned: String<16> = arguments.required("string")?;
    let nested: List<'_, Nested<'_>> = arguments.required("nested")?;
    let lists: Option<List<'_, List<'_, i64>>> = arguments.optional("lists")?;
    let data: Text<'_> = arguments.required("data")?;
    arguments.finish()?;
    for Nested { name, inner } in nested.iter() {
        let mut buffer = [0; 16];
        black_box((name.copy_to(&mut buffer), inner.map(|inner| (inner.number, inner.flag))));
    }
    black_box(lists.map(|lists| lists.iter().map(|list| list.iter().fold(0, i64::wrapping_add)).max()));
    if data == *script.text || nested.is_empty() {
        return Err(Error::Quote("no such data: '", data.span(), "'"));
    }
    request.decode_base64("data")?;
    #[cfg(feature = "panicking")]
    black_box(request.decoded()[script.length]);
    reply.raw("[")?;
    let before = request.decoded().len() as u64;
    *request.carry() = before;
    // JSON has no numbers as keys: such a map is an error.
    let (map, numbers) = (Map(script.text), script.flag.then_some(Map(script.unsigned)));
    let owned = &owned;
    let list = [Some(script.shape), None];
    let (text, character, float, shape) = (script.text, script.character, script.float, script.shape);
    let pair = (script.signed, script.flag);
    reply.json(&Everything { text, owned, character, float, unit: (), pair, shape, list, map, numbers })?;
    Ok(Step::More)
}

/// A part of a text, then base64, a number, the arguments, and the end.
fn more(script: &Script, request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    match request.step() {
        1 => {
            reply.raw(",\"")?;
            black_box(reply.text_part(script.text, 1));
            reply.raw("\"")?;
        }
        2 => {
            reply.raw(",\"")?;
            reply.base64(1, |_| Ok::<_, Error>(script.length))?;
            reply.raw("\"")?;
        }
        3 => {
            reply.raw(",")?;
            reply.json(&*request.carry())?;
        }
        4 => {
            black_box(request.command_name());
            let (arguments, spare) = request.json_and_spare();
            black_box(spare.len());
            reply.json_part(arguments, &mut Cursor::new());
        }
        _ => {
            reply.raw("]")?;
            reply.delimit();
            return Ok(Step::Done);
        }
    }
    Ok(Step::More)
}
