//! `nanoqga-test-misbehave`: a guest that dies when it is asked to, so that hosts can test that they notice.

use crate::arguments::Text;
use crate::command::Request;
use crate::error::{Error, Failure};
use crate::reply::{Reply, Step};

/// A way to die.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misbehaviour {
    /// To panic.
    Panic,
    /// To do nothing for ever.
    Hang,
    /// To access memory that is not there, or what else ends in an exception.
    Fault,
    /// To use more stack than there is.
    Overflow,
    /// To reset the machine without a word.
    Reset,
}

/// What the command needs of its guest.
pub trait Misbehave {
    /// Dies in this way. It need not return.
    ///
    /// # Errors
    /// If the guest has no such way.
    fn misbehave(&mut self, how: Misbehaviour) -> Result<(), Failure>;
}

pub(super) fn misbehave<G: Misbehave>(
    guest: &mut G,
    request: &mut Request<'_>,
    _: &mut Reply<'_>,
) -> Result<Step, Error> {
    let mut arguments = request.arguments();
    let how: Text<'_> = arguments.required("how")?;
    let how = how.one_of(&[
        ("panic", Misbehaviour::Panic),
        ("hang", Misbehaviour::Hang),
        ("fault", Misbehaviour::Fault),
        ("overflow", Misbehaviour::Overflow),
        ("reset", Misbehaviour::Reset),
    ])?;
    arguments.finish()?;
    guest.misbehave(how)?;
    Ok(Step::Done)
}
