//! Arguments: a view over the stored `arguments` object that names what is wrong with it, as QEMU does.
//!
//! A handler asks for its parameters in the schema's order and then calls [`Arguments::finish`], which refuses what was
//! not asked for.

mod list;
mod object;
mod path;
mod scalar;
mod text;
mod value;

pub use self::list::List;
pub use self::object::Arguments;
pub use self::path::Path;
pub use self::text::Text;
pub use self::value::{Parameter, Value};
