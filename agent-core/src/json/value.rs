//! Values to JSON: a serde serializer over the stage.
//!
//! serde-json-core's serializer would do, but its bounds checks can be seen to panic by the linker, and no panic may be
//! reachable here. This one also writes ASCII at once, as QEMU does.

use core::fmt;

use serde::ser::{self, Serialize};

use super::digits::Digits;
use super::stage::Full;
use super::writer::{Draft, Mark};

impl ser::Error for Full {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it does not fit there")
    }
}

impl core::error::Error for Full {}

impl Draft<'_> {
    /// Adds `value` as JSON where a value may stand, or a member of this name. A member that is `None` is left out, as the
    /// protocol has it.
    ///
    /// # Errors
    /// [`Full`] if it does not fit, may not stand there, or has no JSON; nothing is added then.
    pub(crate) fn value<T: Serialize + ?Sized>(&mut self, name: Option<&str>, value: &T) -> Result<(), Full> {
        let mark = self.mark();
        let wrote = self.place(name).and_then(|()| value.serialize(Json(self)));
        self.settle(wrote, name.is_some(), mark)
    }

    /// Adds an object that has this `name`, with the `rest` of its JSON from the name's closing quote on.
    ///
    /// # Errors
    /// [`Full`] as for [`value`](Self::value).
    pub(crate) fn named(&mut self, name: &str, rest: &str) -> Result<(), Full> {
        let mark = self.mark();
        let begun = self.begin_value(",{\"name\":\"");
        let wrote = begun.and_then(|()| self.inside(name, 0)).and_then(|()| self.raw(rest));
        self.settle(wrote.map(|()| Wrote::Json), false, mark)
    }

    /// Adds a member to six decimals: what the protocol has as numbers are times in microseconds and loads in hundredths, and
    /// writing any number takes ten kilobytes of an image.
    ///
    /// # Errors
    /// [`Full`] as for [`value`](Self::value); also for numbers from 9e12 on. From 9e9 on fewer decimals than six are known.
    pub(crate) fn decimal(&mut self, name: &str, value: f64) -> Result<(), Full> {
        let mark = self.mark();
        let wrote = self.place(Some(name)).and_then(|()| self.six_decimals(value));
        self.settle(wrote, true, mark)
    }

    fn six_decimals(&mut self, value: f64) -> Result<Wrote, Full> {
        let micros = value * 1e6;
        // 64 bits do not hold more. NaN falls out, too.
        if !(micros > -9e18 && micros < 9e18) {
            return Err(Full);
        }
        let micros = (micros + 0.5_f64.copysign(micros)) as i64;
        if micros < 0 {
            self.raw("-")?;
        }
        let (whole, mut fraction) = (micros.unsigned_abs() / 1_000_000, micros.unsigned_abs() % 1_000_000);
        Json(self).unsigned(whole)?;
        self.raw(if fraction == 0 { ".0" } else { "." })?;
        while fraction > 0 {
            self.bytes(&[b'0' + (fraction / 100_000) as u8])?;
            fraction = fraction % 100_000 * 10;
        }
        Ok(Wrote::Json)
    }

    /// Ends a value that began at `mark`. Kept out of what is made for each type of value.
    #[inline(never)]
    fn settle(&mut self, wrote: Result<Wrote, Full>, is_member: bool, mark: Mark) -> Result<(), Full> {
        let settled = match wrote {
            Ok(Wrote::Nothing) if is_member => {
                self.restore(mark);
                return Ok(());
            }
            Ok(Wrote::Nothing) => self.raw("null"),
            Ok(Wrote::Json) => Ok(()),
            Err(full) => Err(full),
        };
        self.filled();
        settled.inspect_err(|Full| self.restore(mark))
    }
}

/// Writes one value to the end of a piece. Object keys that are no strings and 128-bit numbers have no JSON: [`Full`].
struct Json<'p, 's>(&'p mut Draft<'s>);

/// What became of a value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wrote {
    Json,
    /// Nothing was written for a `None`: as a member it is left out, elsewhere it is `null`.
    Nothing,
}

/// The elements of an array or object until its closing brackets.
struct Inside<'p, 's> {
    draft: &'p mut Draft<'s>,
    empty: bool,
    /// Whether a key waits for its value.
    pending: bool,
    /// Whether something failed: whoever serializes must not go on then, but may.
    failed: bool,
    close: &'static str,
}

impl<'p, 's> Inside<'p, 's> {
    fn open(draft: &'p mut Draft<'s>, open: &str, close: &'static str) -> Result<Self, Full> {
        draft.raw(open)?;
        Ok(Self { draft, empty: true, pending: false, failed: false, close })
    }

    fn variant(draft: &'p mut Draft<'s>, name: &str, open: &str, close: &'static str) -> Result<Self, Full> {
        draft.raw("{")?;
        Json(draft).key(name)?;
        Self::open(draft, open, close)
    }

    fn separate(&mut self) -> Result<(), Full> {
        if self.empty { Ok(()) } else { self.draft.raw(",") }
    }

    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Full> {
        let wrote = self.separate().and_then(|()| value.serialize(Json(self.draft)));
        self.empty = false;
        self.settle(wrote)
    }

    fn member<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), Full> {
        let before = self.draft.length();
        let wrote = self.name(name).and_then(|()| value.serialize(Json(self.draft)));
        self.end_member(wrote, before)
    }

    /// Begins a member.
    #[inline(never)]
    fn name(&mut self, name: &str) -> Result<(), Full> {
        self.separate()?;
        Json(self.draft).key(name)
    }

    /// Ends a member that began at `before`.
    #[inline(never)]
    fn end_member(&mut self, wrote: Result<Wrote, Full>, before: usize) -> Result<(), Full> {
        match wrote {
            Ok(Wrote::Nothing) => {
                self.draft.truncate(before);
                Ok(())
            }
            wrote => {
                self.empty = false;
                self.settle(wrote)
            }
        }
    }

    /// Ends a value that is no member: a `None` is `null`.
    fn settle(&mut self, wrote: Result<Wrote, Full>) -> Result<(), Full> {
        let settled = match wrote {
            Ok(Wrote::Nothing) => self.draft.raw("null"),
            Ok(Wrote::Json) => Ok(()),
            Err(full) => Err(full),
        };
        self.failed |= settled.is_err();
        settled
    }

    fn close(self) -> Result<Wrote, Full> {
        if self.failed || self.pending {
            return Err(Full);
        }
        self.draft.raw(self.close).map(|()| Wrote::Json)
    }
}

impl Json<'_, '_> {
    fn key(self, name: &str) -> Result<(), Full> {
        self.0.text(name)?;
        self.0.raw(":")
    }

    fn raw(self, json: &str) -> Result<Wrote, Full> {
        self.0.raw(json).map(|()| Wrote::Json)
    }

    fn unsigned(self, value: u64) -> Result<Wrote, Full> {
        self.0.bytes(Digits::of(value).as_bytes()).map(|()| Wrote::Json)
    }
}

impl<'p, 's> ser::Serializer for Json<'p, 's> {
    type Ok = Wrote;
    type Error = Full;
    type SerializeSeq = Inside<'p, 's>;
    type SerializeTuple = Inside<'p, 's>;
    type SerializeTupleStruct = Inside<'p, 's>;
    type SerializeTupleVariant = Inside<'p, 's>;
    type SerializeMap = Inside<'p, 's>;
    type SerializeStruct = Inside<'p, 's>;
    type SerializeStructVariant = Inside<'p, 's>;

    fn serialize_bool(self, value: bool) -> Result<Wrote, Full> {
        self.raw(if value { "true" } else { "false" })
    }

    fn serialize_i8(self, value: i8) -> Result<Wrote, Full> {
        self.serialize_i64(value.into())
    }

    fn serialize_i16(self, value: i16) -> Result<Wrote, Full> {
        self.serialize_i64(value.into())
    }

    fn serialize_i32(self, value: i32) -> Result<Wrote, Full> {
        self.serialize_i64(value.into())
    }

    fn serialize_i64(self, value: i64) -> Result<Wrote, Full> {
        if value < 0 {
            self.0.raw("-")?;
        }
        self.unsigned(value.unsigned_abs())
    }

    fn serialize_u8(self, value: u8) -> Result<Wrote, Full> {
        self.unsigned(value.into())
    }

    fn serialize_u16(self, value: u16) -> Result<Wrote, Full> {
        self.unsigned(value.into())
    }

    fn serialize_u32(self, value: u32) -> Result<Wrote, Full> {
        self.unsigned(value.into())
    }

    fn serialize_u64(self, value: u64) -> Result<Wrote, Full> {
        self.unsigned(value)
    }

    fn serialize_f32(self, value: f32) -> Result<Wrote, Full> {
        self.serialize_f64(value.into())
    }

    /// In the shortest form that stands for the same number. Infinities and NaN have no JSON.
    fn serialize_f64(self, value: f64) -> Result<Wrote, Full> {
        if !value.is_finite() {
            return Err(Full);
        }
        self.raw(zmij::Buffer::new().format_finite(value))
    }

    fn serialize_char(self, value: char) -> Result<Wrote, Full> {
        self.0.text(value.encode_utf8(&mut [0; 4])).map(|()| Wrote::Json)
    }

    fn serialize_str(self, value: &str) -> Result<Wrote, Full> {
        self.0.text(value).map(|()| Wrote::Json)
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<Wrote, Full> {
        value.serialize(self)
    }

    fn serialize_none(self) -> Result<Wrote, Full> {
        Ok(Wrote::Nothing)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Wrote, Full> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<Wrote, Full> {
        self.raw("null")
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<Wrote, Full> {
        self.raw("null")
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<Wrote, Full> {
        self.0.text(variant).map(|()| Wrote::Json)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<Wrote, Full> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Wrote, Full> {
        let mut inside = Inside::open(self.0, "{", "}")?;
        inside.member(variant, value)?;
        inside.close()
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Inside<'p, 's>, Full> {
        Inside::open(self.0, "[", "]")
    }

    fn serialize_tuple(self, _: usize) -> Result<Inside<'p, 's>, Full> {
        Inside::open(self.0, "[", "]")
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Inside<'p, 's>, Full> {
        Inside::open(self.0, "[", "]")
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Inside<'p, 's>, Full> {
        Inside::variant(self.0, variant, "[", "]}")
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Inside<'p, 's>, Full> {
        Inside::open(self.0, "{", "}")
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Inside<'p, 's>, Full> {
        Inside::open(self.0, "{", "}")
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Inside<'p, 's>, Full> {
        Inside::variant(self.0, variant, "{", "}}")
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Result<Wrote, Full> {
        self.0.displayed(value)?;
        Ok(Wrote::Json)
    }
}

macro_rules! elements {
    ($($kind:ident: $method:ident),*) => {$(
        impl ser::$kind for Inside<'_, '_> {
            type Ok = Wrote;
            type Error = Full;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Full> {
                self.element(value)
            }

            fn end(self) -> Result<Wrote, Full> {
                self.close()
            }
        }
    )*};
}

elements!(
    SerializeSeq: serialize_element,
    SerializeTuple: serialize_element,
    SerializeTupleStruct: serialize_field,
    SerializeTupleVariant: serialize_field
);

macro_rules! members {
    ($($kind:ident),*) => {$(
        impl ser::$kind for Inside<'_, '_> {
            type Ok = Wrote;
            type Error = Full;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Full> {
                self.member(name, value)
            }

            fn end(self) -> Result<Wrote, Full> {
                self.close()
            }
        }
    )*};
}

members!(SerializeStruct, SerializeStructVariant);

impl ser::SerializeMap for Inside<'_, '_> {
    type Ok = Wrote;
    type Error = Full;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Full> {
        let before = self.draft.length() + usize::from(!self.empty);
        let is_due = !core::mem::replace(&mut self.pending, true);
        self.element(key)?;
        self.failed |= !is_due || !self.draft.starts_text_at(before);
        if self.failed { Err(Full) } else { Ok(()) }
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Full> {
        self.failed |= !core::mem::take(&mut self.pending);
        let wrote = self.draft.raw(":").and_then(|()| value.serialize(Json(self.draft)));
        self.settle(wrote)
    }

    fn end(self) -> Result<Wrote, Full> {
        self.close()
    }
}
