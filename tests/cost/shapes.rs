//! Shapes of requests, each of which can be made of any length.

/// What a request is filled with.
#[derive(Clone, Copy, Debug)]
pub enum Filling {
    Numbers,
    Strings,
    Depth,
    Members,
    LongNames,
    Objects,
    Escapes,
    Words,
    TwoValues,
    ListThenMembers,
}

/// Where in the request it is.
#[derive(Clone, Copy, Debug)]
pub enum Place {
    Arguments,
    Parameter,
    Id,
    Unknown,
}

/// A shape: what, where, and a number that varies it.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    filling: Filling,
    place: Place,
    variant: usize,
}

/// All shapes.
pub fn all() -> Vec<Shape> {
    use Filling::{Depth, Escapes, ListThenMembers, LongNames, Members, Numbers, Objects, Strings, TwoValues, Words};
    let mut shapes = Vec::new();
    for filling in [Numbers, Strings, Depth, Members, LongNames, Objects, Escapes, Words, TwoValues, ListThenMembers] {
        for place in [Place::Arguments, Place::Parameter, Place::Id, Place::Unknown] {
            shapes.extend((0..5).map(|variant| Shape { filling, place, variant }));
        }
    }
    shapes
}

impl Shape {
    /// For people.
    pub fn name(&self) -> String {
        format!("{:?} in {:?}, variant {}", self.filling, self.place, self.variant)
    }

    /// A request of this shape, of about `length` bytes.
    pub fn request(&self, length: usize) -> Vec<u8> {
        let members = self.members(length);
        match self.place {
            Place::Arguments => format!(r#"{{"execute":"guest-sync","arguments":{{{members}}}}}"#),
            Place::Parameter => {
                format!(r#"{{"execute":"guest-set-vcpus","arguments":{{"vcpus":[{{{members}}}]}}}}"#)
            }
            Place::Id => format!(r#"{{"execute":"guest-sync","id":{{{members}}}}}"#),
            Place::Unknown => format!(r#"{{"execute":"guest-sync","else":{{{members}}}}}"#),
        }
        .into_bytes()
    }

    /// The members of an object.
    fn members(&self, length: usize) -> String {
        let variant = self.variant;
        let list = |length, element: &dyn Fn(usize) -> String| format!("\"l\":[{}]", fill(length, element));
        match self.filling {
            Filling::Numbers => {
                list(length, &|index| ["0", "-1", "1.5e+7", "12345678", "0.25"][(index + variant) % 5].into())
            }
            Filling::Strings => list(length, &|index| format!("\"{}\"", "s".repeat((index * variant) % 40))),
            Filling::Depth => {
                let depth = 1 << (2 * variant);
                list(length, &|_| format!("{}{}", "[".repeat(depth), "]".repeat(depth)))
            }
            Filling::Members => fill(length, &|index| format!("\"{}{index}\":0", "z".repeat(variant))),
            Filling::LongNames => fill(length, &|index| format!("\"{}{index}\":1", "common".repeat(5 * (variant + 1)))),
            Filling::Objects => list(length, &|index| {
                let members = (0..=3 * variant).map(|member| format!("\"m{member}\":{index}"));
                format!("{{{}}}", members.collect::<Vec<_>>().join(","))
            }),
            Filling::Escapes => {
                let escape = ["\\n", "\\u00e9", "\\ud83d\\ude00", "\u{e9}", "\\\""][variant];
                format!("\"e\":\"{}\"", escape.repeat(length / escape.len()))
            }
            Filling::Words => {
                list(length, &|index| ["true", " false ", "null", "\tnull\n"][(index + variant) % 4].into())
            }
            Filling::TwoValues => {
                let half = "x".repeat(length / 2);
                format!("\"one\":\"{half}\",{}\"two\":\"{half}\"", "\"m\":0,".repeat(variant % 2))
            }
            // Once each of the members was looked for from the beginning, over the list.
            Filling::ListThenMembers => {
                let tail = fill(length / 2, &|index| format!("\"{}{index}\":0", "y".repeat(variant)));
                format!("{},{tail}", list(length / 2, &|_| "0".into()))
            }
        }
    }
}

/// Elements with commas between them, of about `length` bytes.
fn fill(length: usize, element: &dyn Fn(usize) -> String) -> String {
    let mut filled = element(0);
    for index in 1.. {
        if filled.len() >= length {
            break;
        }
        filled.push(',');
        filled.push_str(&element(index));
    }
    filled
}
