//! Lists.

use core::marker::PhantomData;

use super::value::{Parameter, Value};
use crate::error::Error;
use crate::json::walk::Walk;

/// A list whose elements have all been checked to be `T`.
#[derive(Clone, Copy, Debug)]
pub struct List<'m, T> {
    value: Value<'m>,
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
        Walk::new(self.value.message, self.value.span).count()
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
        let Value { message, span } = self.value;
        Walk::new(message, span).map(|(_, span)| T::decode(Value { message, span }))
    }
}

impl<'m, T: Parameter<'m>> Parameter<'m> for List<'m, T> {
    fn decode(value: Value<'m>) -> Result<Self, Error> {
        if !value.begins_with(b'[') {
            return Err(value.type_error("array"));
        }
        let list = Self { value, element: PhantomData };
        list.decoded().try_for_each(|element| element.map(|_| ()))?;
        Ok(list)
    }
}
