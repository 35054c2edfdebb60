//! Commands of the guest's own: every type of parameter, and every shape of reply.

use core::fmt::Write;
use core::hint::black_box;

use heapless::String;
use nanoqga::{Command, Error, Failure, Kind, List, Parameter, Reply, Request, Step, Text, Value};
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
    fn decode(value: Value<'m>) -> Result<Self, Error> {
        let mut members = value.object()?;
        let nested = Self { name: members.required("name")?, inner: members.optional("inner")? };
        members.finish()?;
        Ok(nested)
    }
}

impl<'m> Parameter<'m> for Inner {
    fn decode(value: Value<'m>) -> Result<Self, Error> {
        let mut members = value.object()?;
        let inner = Self { number: members.required("number")?, flag: members.required("flag")? };
        members.finish()?;
        Ok(inner)
    }
}

/// A parameter that takes JSON of any type but one.
struct AnyBut<'m>(&'m [u8]);

impl<'m> Parameter<'m> for AnyBut<'m> {
    fn decode(value: Value<'m>) -> Result<Self, Error> {
        match value.json() {
            b"null" => Err(value.type_error("anything but null")),
            b"0" => Err(Error::Range(value.path(), "a number but 0")),
            json => Ok(Self(json)),
        }
    }
}

#[derive(Clone, Copy)]
enum Color {
    Red,
    Green,
}

impl<'m> Parameter<'m> for Color {
    fn decode(value: Value<'m>) -> Result<Self, Error> {
        Text::decode(value)?.one_of(&[("red", Self::Red), ("green", Self::Green)])
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
    const {
        &[
            Command::new("example-everything", everything),
            Command::new("example-parameters", parameters),
            Command::new("example-json", json),
            Command::new("example-packed", steps).packed(),
            Command::new("example-to-the-end", steps).to_the_end(),
            Command::new("example-silent", silent).packed().to_the_end().without_success_reply().while_frozen(),
        ]
    }
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
    let before = request.decoded().len() as u64;
    *request.carry() = before;
    // JSON has no numbers as keys: such a map is an error.
    let (map, numbers) = (Map(script.text), script.flag.then_some(Map(script.unsigned)));
    let owned = &owned;
    let list = [Some(script.shape), None];
    let (text, character, float, shape) = (script.text, script.character, script.float, script.shape);
    let pair = (script.signed, script.flag);
    reply.open(Kind::Array)?;
    reply.value(&Everything { text, owned, character, float, unit: (), pair, shape, list, map, numbers })?;
    Ok(Step::More)
}

/// A text in parts, base64, members, an attempt, brackets that are too deep, and the end.
fn more(script: &Script, request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    match request.step() {
        1 => {
            reply.open(Kind::Text)?;
            black_box(reply.text_part(script.text, script.length));
            return Ok(Step::More);
        }
        2 => {
            black_box(reply.text_part(script.text, 1));
            reply.close();
        }
        3 => {
            reply.open(Kind::Text)?;
            reply.base64_part(script.inner, |room| {
                room.fill(0xA5);
                Ok::<_, Error>(script.length)
            })?;
            reply.close();
        }
        4 => {
            reply.open(Kind::Object)?;
            reply.member(script.text, &*request.carry())?;
            reply.member("nothing", &None::<u64>)?;
            reply.open_member(script.text, Kind::Array)?;
            reply.value(&script.float)?;
            reply.close();
            reply.open_member("text", Kind::Text)?;
            black_box(reply.text_part(script.text, script.inner));
        }
        5 => {
            reply.close();
            reply.close();
            let taken_back = reply.attempt(|reply| {
                reply.open(Kind::Object)?;
                reply.member("text", script.text)?;
                if script.flag { Err(Error::Full) } else { Ok(()) }
            });
            black_box((taken_back.is_ok(), reply.room()));
        }
        6 => {
            for _ in 0..script.count {
                reply.open(if script.flag { Kind::Array } else { Kind::Object })?;
            }
        }
        7 => {
            for _ in 0..script.length {
                reply.close();
            }
        }
        _ => {
            reply.delimit();
            return Ok(Step::Done);
        }
    }
    Ok(Step::More)
}

/// Parameters of the other types.
fn parameters<S: Source>(
    guest: &mut Guest<S>,
    request: &mut Request<'_>,
    reply: &mut Reply<'_>,
) -> Result<Step, Error> {
    let mut arguments = request.arguments();
    let signed: (i8, i16, i32, i64) =
        (arguments.required("i8")?, arguments.required("i16")?, arguments.required("i32")?, arguments.required("i64")?);
    let unsigned: (u8, u16, u32, u64) =
        (arguments.required("u8")?, arguments.required("u16")?, arguments.required("u32")?, arguments.required("u64")?);
    let flag: bool = arguments.required("flag")?;
    let color: Option<Color> = arguments.optional("color")?;
    let any: Option<AnyBut<'_>> = arguments.optional("any")?;
    let rows: Option<List<'_, List<'_, Nested<'_>>>> = arguments.optional("rows")?;
    arguments.finish()?;
    black_box((any.map(|any| any.0), rows.map(|rows| rows.len())));
    if flag {
        guest.outcome_with((), reply.cause())?;
    }
    let color = color.map(|color| matches!(color, Color::Red));
    Ok(reply.whole(&(signed, unsigned, color))?)
}

/// JSON that the guest brings: its script's text behind its arguments, and the arguments again in a reply of its own.
fn json<S: Source>(guest: &mut Guest<S>, request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    let script = guest.script();
    black_box((request.command_name(), request.is_frozen()));
    request.set_frozen(script.flag);
    let (arguments, spare) = request.json_and_spare();
    let brought = if script.optional { arguments } else { script.text.as_bytes() };
    spare.iter_mut().zip(brought).for_each(|(to, from)| *to = *from);
    let length = if script.flag { script.length } else { brought.len() };
    if let Err(Failure(text)) = request.check_json(length) {
        let _ = write!(reply.cause(), "{text}: {length}");
        return Err(Failure("").into());
    }
    Ok(if request.is_frozen() { Step::Done } else { Step::Checked })
}

/// Elements of a list, a step each.
fn steps<S: Source>(guest: &mut Guest<S>, request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    let step = request.step();
    *request.carry() += step as u64 & 1;
    reply.element(guest.element(step, guest.script().text))
}

fn silent<S: Source>(guest: &mut Guest<S>, request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    guest.outcome_with((), reply.cause())?;
    reply.value(&request.step())?;
    Ok(if request.step() < guest.script().count { Step::More } else { Step::Done })
}
