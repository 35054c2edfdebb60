//! Arguments: a view over the stored `arguments` object that names what is wrong with it, as QEMU does.
//!
//! A handler asks for its parameters in the schema's order and then calls [`Arguments::finish`], which refuses what was
//! not asked for.

use core::fmt;
use core::marker::PhantomData;

use crate::error::Error;
use crate::wire::Span;
use crate::wire::members::Stored;
use crate::wire::scanner::Problem;

/// Of this many first members none may come twice. No command has as many, so a later one is unexpected anyway.
pub(crate) const MAX_MEMBERS: usize = 32;

/// An object of arguments, or an object inside them.
#[derive(Clone, Debug)]
pub struct Arguments<'m> {
    stored: Stored<'m>,
    object: Span,
    parent: Option<Parent>,
    /// Bit i: the object's i-th member has been asked for.
    asked: u32,
}

/// What a nested parameter is inside of: a member of this name, or the element of the list of this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parent {
    name: &'static str,
    index: Option<usize>,
}

impl fmt::Display for Parent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        self.index.map_or(Ok(()), |index| write!(f, "[{index}]"))
    }
}

/// A parameter's place in the arguments, for messages: `name`, `list[1]`, `list[1].name` or `outer.name`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Path {
    parent: Option<Parent>,
    /// Empty for an element of a list.
    name: &'static str,
}

impl Path {
    /// The place of what is known to be right.
    pub(crate) const NOWHERE: Self = Self { parent: None, name: "" };
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.parent {
            None => f.write_str(self.name),
            Some(parent) if self.name.is_empty() => parent.fmt(f),
            Some(parent) => write!(f, "{parent}.{}", self.name),
        }
    }
}

/// A type that parameters have.
pub trait Parameter<'m>: Sized {
    /// The value of the parameter at `path`.
    ///
    /// # Errors
    /// [`Error::Type`] if the value is of another type or out of range; what else the type demands.
    fn decode(value: Value<'m>, path: Path) -> Result<Self, Error>;
}

/// Stored, valid JSON.
#[derive(Clone, Copy, Debug)]
pub struct Value<'m> {
    stored: Stored<'m>,
    span: Span,
}

impl<'m> Value<'m> {
    pub(crate) const fn new(stored: Stored<'m>, span: Span) -> Self {
        Self { stored, span }
    }

    /// The JSON text: compact, with as few escapes as can be.
    #[must_use]
    pub fn json(&self) -> &'m [u8] {
        self.stored.get(self.span)
    }

    /// The value as an object, for types that are made of members.
    ///
    /// # Errors
    /// [`Error::Type`] if it is none, [`Error::Syntax`] if it has a member twice.
    pub fn object(self, path: Path) -> Result<Arguments<'m>, Error> {
        if self.json().first() != Some(&b'{') {
            return Err(Error::Type(path, "object"));
        }
        if self.stored.has_duplicates(self.span, MAX_MEMBERS) {
            return Err(Error::Syntax(Problem::DuplicateMember));
        }
        let parent = if path.name.is_empty() { path.parent } else { Some(Parent { name: path.name, index: None }) };
        Ok(Arguments { stored: self.stored, object: self.span, parent, asked: 0 })
    }
}

impl<'m> Arguments<'m> {
    /// A view over the stored object at `object`, or over no arguments if that is empty.
    pub(crate) const fn new(stored: Stored<'m>, object: Span) -> Self {
        Self { stored, object, parent: None, asked: 0 }
    }

    /// The parameter `name`, which must be there.
    ///
    /// # Errors
    /// [`Error::Missing`], or those of its type.
    pub fn required<T: Parameter<'m>>(&mut self, name: &'static str) -> Result<T, Error> {
        self.optional(name)?.ok_or(Error::Missing(Path { parent: self.parent, name }))
    }

    /// The parameter `name`, if it is there.
    ///
    /// # Errors
    /// Those of its type.
    pub fn optional<T: Parameter<'m>>(&mut self, name: &'static str) -> Result<Option<T>, Error> {
        let Some(span) = self.take(name) else { return Ok(None) };
        T::decode(Value { stored: self.stored, span }, Path { parent: self.parent, name }).map(Some)
    }

    /// Ends the view: whatever was not asked for is an error.
    ///
    /// # Errors
    /// [`Error::Unexpected`] for the first member that was not asked for.
    pub fn finish(self) -> Result<(), Error> {
        let mut asked = self.asked;
        for (name, _) in self.stored.members(self.object) {
            if asked & 1 == 0 {
                return Err(Error::Unexpected(self.parent, name));
            }
            asked >>= 1;
        }
        Ok(())
    }

    /// Where the value of the member `name` is stored.
    pub(crate) fn find(&self, name: &str) -> Option<(usize, Span)> {
        self.stored.find(self.object, MAX_MEMBERS, name.as_bytes())
    }

    /// The same; it counts as asked for from now on.
    fn take(&mut self, name: &str) -> Option<Span> {
        let (index, value) = self.find(name)?;
        self.asked |= 1 << index;
        Some(value)
    }
}

/// A string of the request: as it is stored, it may hold the escapes of a JSON string.
#[derive(Clone, Copy)]
pub struct Text<'m> {
    message: &'m [u8],
    span: Span,
}

impl<'m> Text<'m> {
    /// The inside of a stored string.
    pub(crate) const fn new(message: &'m [u8], span: Span) -> Self {
        Self { message, span }
    }

    /// Where it is stored, for an [`Error`] to quote it.
    #[must_use]
    pub const fn span(&self) -> Span {
        self.span
    }

    /// The characters that the string stands for.
    pub fn chars(&self) -> impl Iterator<Item = char> + use<'m> {
        let mut rest = core::str::from_utf8(self.span.of(self.message)).unwrap_or_default().chars();
        core::iter::from_fn(move || match rest.next()? {
            '\\' => Some(match rest.next()? {
                'b' => '\u{08}',
                'f' => '\u{0C}',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'u' => {
                    let code = rest.by_ref().take(4).try_fold(0, |code, digit| Some(code << 4 | digit.to_digit(16)?));
                    code.and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER)
                }
                other => other,
            }),
            plain => Some(plain),
        })
    }

    /// Which of an enumeration's values the string, the parameter at `path`, names.
    ///
    /// # Errors
    /// [`Error::Variant`] if it names none of them.
    pub fn one_of<T: Copy>(&self, path: Path, values: &[(&str, T)]) -> Result<T, Error> {
        let named = values.iter().find(|(name, _)| *self == **name);
        named.map(|(_, value)| *value).ok_or(Error::Variant(path, self.span))
    }

    /// Writes the string to the beginning of `buffer` as UTF-8; `None` if it does not fit.
    #[must_use]
    pub fn copy_to<'b>(&self, buffer: &'b mut [u8]) -> Option<&'b str> {
        let mut length = 0;
        for character in self.chars() {
            let mut bytes = [0; 4];
            let bytes = character.encode_utf8(&mut bytes).as_bytes();
            buffer.get_mut(length..)?.get_mut(..bytes.len())?.copy_from_slice(bytes);
            length += bytes.len();
        }
        core::str::from_utf8(buffer.get(..length)?).ok()
    }
}

impl PartialEq<str> for Text<'_> {
    fn eq(&self, other: &str) -> bool {
        self.chars().eq(other.chars())
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write as _;
        self.chars().try_for_each(|character| f.write_char(character))
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl<'m> Parameter<'m> for Text<'m> {
    fn decode(value: Value<'m>, path: Path) -> Result<Self, Error> {
        match value.json().first() {
            Some(b'"') => Ok(Self::new(value.stored.bytes, value.span.inside())),
            _ => Err(Error::Type(path, "string")),
        }
    }
}

/// A string of at most `N` bytes, decoded.
impl<'m, const N: usize> Parameter<'m> for heapless::String<N> {
    fn decode(value: Value<'m>, path: Path) -> Result<Self, Error> {
        let mut string = Self::new();
        let mut characters = Text::decode(value, path)?.chars();
        match characters.try_for_each(|character| string.push(character)) {
            Ok(()) => Ok(string),
            Err(_) => Err(Error::TooLong(path, N)),
        }
    }
}

macro_rules! scalar_parameter {
    ($($type:ty: $expected:literal),*) => {$(
        impl Parameter<'_> for $type {
            fn decode(value: Value<'_>, path: Path) -> Result<Self, Error> {
                match serde_json_core::from_slice(value.json()) {
                    Ok((decoded, _)) => Ok(decoded),
                    Err(_) => Err(Error::Type(path, $expected)),
                }
            }
        }
    )*};
}

scalar_parameter!(i64: "integer", u64: "uint64", bool: "boolean");

/// A list whose elements have all been checked to be `T`.
#[derive(Clone, Copy, Debug)]
pub struct List<'m, T> {
    value: Value<'m>,
    path: Path,
    element: PhantomData<fn() -> T>,
}

impl<'m, T: Parameter<'m>> List<'m, T> {
    /// The elements, in order.
    pub fn iter(&self) -> impl Iterator<Item = T> + use<'m, T> {
        self.decoded().map_while(Result::ok)
    }

    /// How many elements there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.value.stored.elements(self.value.span).count()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where the first element is stored, for [`Request::element`](crate::Request::element).
    pub(crate) const fn place(&self) -> usize {
        self.value.span.start().saturating_add(1)
    }

    fn decoded(&self) -> impl Iterator<Item = Result<T, Error>> + use<'m, T> {
        let Self { value: Value { stored, span }, path, .. } = *self;
        stored.elements(span).enumerate().map(move |(index, span)| {
            let parent = Some(Parent { name: path.name, index: Some(index) });
            T::decode(Value { stored, span }, Path { parent, name: "" })
        })
    }
}

impl<'m, T: Parameter<'m>> Parameter<'m> for List<'m, T> {
    fn decode(value: Value<'m>, path: Path) -> Result<Self, Error> {
        if value.json().first() != Some(&b'[') {
            return Err(Error::Type(path, "array"));
        }
        let list = Self { value, path, element: PhantomData };
        list.decoded().try_for_each(|element| element.map(|_| ()))?;
        Ok(list)
    }
}
