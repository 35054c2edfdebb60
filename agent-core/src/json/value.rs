//! Values to JSON: a serde serializer over the stage.
//!
//! serde-json-core's serializer would do, but its bounds checks can be seen to panic by the linker, and no panic may be
//! reachable here. This one also writes ASCII at once, as QEMU does.

use core::fmt;

use serde::ser::{self, Serialize};

use super::writer::{Full, Piece};

impl ser::Error for Full {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the value does not fit")
    }
}

impl core::error::Error for Full {}

impl Piece<'_> {
    /// Adds `value` as JSON. Members that are `None` are left out, as the protocol has it.
    ///
    /// # Errors
    /// [`Full`] if it does not fit or has no JSON; nothing is added then.
    pub fn json<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Full> {
        let before = self.length();
        let wrote = value.serialize(Json(self));
        self.settle(wrote, before)
    }

    /// Ends a value that is no member and began at `before`: a `None` is `null`, and of what does not fit nothing stays.
    fn settle(&mut self, wrote: Result<Wrote, Full>, before: usize) -> Result<(), Full> {
        let settled = match wrote {
            Ok(Wrote::Json) => Ok(()),
            Ok(Wrote::Nothing) => self.raw("null"),
            Err(Full) => Err(Full),
        };
        settled.inspect_err(|Full| self.truncate(before))
    }
}

/// Writes one value to the end of a piece. Object keys that are no strings and 128-bit numbers have no JSON: [`Full`].
struct Json<'p, 's>(&'p mut Piece<'s>);

/// What became of a value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wrote {
    Json,
    /// Nothing was written for a `None`: as a member it is left out, elsewhere it is `null`.
    Nothing,
}

/// The elements of an array or object until its closing brackets.
struct Inside<'p, 's> {
    piece: &'p mut Piece<'s>,
    empty: bool,
    close: &'static str,
}

impl<'p, 's> Inside<'p, 's> {
    fn open(piece: &'p mut Piece<'s>, open: &str, close: &'static str) -> Result<Self, Full> {
        piece.raw(open)?;
        Ok(Self { piece, empty: true, close })
    }

    fn variant(piece: &'p mut Piece<'s>, name: &str, open: &str, close: &'static str) -> Result<Self, Full> {
        piece.raw("{")?;
        Json(piece).key(name)?;
        Self::open(piece, open, close)
    }

    fn separate(&mut self) -> Result<(), Full> {
        if self.empty { Ok(()) } else { self.piece.raw(",") }
    }

    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Full> {
        self.separate()?;
        self.empty = false;
        self.piece.json(value)
    }

    fn member<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), Full> {
        let before = self.piece.length();
        self.separate()?;
        Json(self.piece).key(name)?;
        match value.serialize(Json(self.piece))? {
            Wrote::Json => self.empty = false,
            Wrote::Nothing => self.piece.truncate(before),
        }
        Ok(())
    }

    fn close(self) -> Result<Wrote, Full> {
        self.piece.raw(self.close).map(|()| Wrote::Json)
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

    fn unsigned(self, mut value: u64) -> Result<Wrote, Full> {
        let mut digits = [0; 20];
        let mut used = 0;
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + (value % 10) as u8;
            value /= 10;
            used += 1;
            if value == 0 {
                break;
            }
        }
        let unused = digits.len() - used;
        self.0.bytes(digits.get(unused..).unwrap_or_default())?;
        Ok(Wrote::Json)
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

    /// To six decimals: what the protocol has as numbers are times in microseconds and loads in hundredths.
    fn serialize_f64(self, value: f64) -> Result<Wrote, Full> {
        let micros = value * 1e6;
        // Beyond it the distance between two numbers is more than a millionth. NaN falls out, too.
        if !(micros > -9e18 && micros < 9e18) {
            return Err(Full);
        }
        let micros = if value < 0.0 { micros - 0.5 } else { micros + 0.5 } as i64;
        if micros < 0 {
            self.0.raw("-")?;
        }
        let (whole, mut fraction) = (micros.unsigned_abs() / 1_000_000, micros.unsigned_abs() % 1_000_000);
        Json(self.0).unsigned(whole)?;
        self.0.raw(if fraction == 0 { ".0" } else { "." })?;
        while fraction > 0 {
            self.0.bytes(&[b'0' + (fraction / 100_000) as u8])?;
            fraction = fraction % 100_000 * 10;
        }
        Ok(Wrote::Json)
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
        let before = self.piece.length() + usize::from(!self.empty);
        self.element(key)?;
        if self.piece.starts_text_at(before) { Ok(()) } else { Err(Full) }
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Full> {
        self.piece.raw(":")?;
        self.piece.json(value)
    }

    fn end(self) -> Result<Wrote, Full> {
        self.close()
    }
}
