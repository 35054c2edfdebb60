//! `nanoqga-test-run`: a test that runs while its host waits.

use core::fmt::Write;

use heapless::String;

use super::capture::Capture;
use super::digest;
use super::guest::Testing;
use super::output::{Given, Output};
use super::running::Running;
use super::test::Properties;
use super::words::Words;
use crate::arguments::Text;
use crate::cause::Cause;
use crate::command::Request;
use crate::error::{Error, Failure};
use crate::reply::{Reply, Step};

/// The test that a host asks for.
pub(super) struct Asked {
    pub(super) index: usize,
    pub(super) given: Given,
    pub(super) running: Running,
}

impl Asked {
    /// The test that `request` asks for.
    pub(super) fn by<G: Testing>(guest: &G, request: &Request<'_>, cause: &mut Cause) -> Result<Self, Error> {
        let mut arguments = request.arguments();
        let name: Text<'_> = arguments.required("name")?;
        let case: Option<u64> = arguments.optional("case")?;
        let seed: Option<u64> = arguments.optional("seed")?;
        let digest: Option<Text<'_>> = arguments.optional("digest")?;
        let mark: Option<String<64>> = arguments.optional("mark")?;
        arguments.finish()?;
        if let Some(digest) = digest
            && digest != *Words::<16>::of(&digest::of(guest)).as_str()
        {
            return Err(Error::Quote("the tests are not those of digest ", digest.span(), ""));
        }
        let mut all = (0..).map_while(|index| Some((index, guest.properties(index)?)));
        let found = all.find(|(_, properties)| name == *properties.name);
        let (index, properties) = found.ok_or(Error::Quote("there is no test called ", name.span(), ""))?;
        let case = case_of(&properties, name, case, cause)?;
        let running = Running::new(properties.name, mark.as_deref().unwrap_or_default(), request.id())?;
        Ok(Self { index, given: Given { case, seed: seed.unwrap_or_default() }, running })
    }
}

/// The case that is run, if the test has it.
fn case_of(properties: &Properties<'_>, name: Text<'_>, case: Option<u64>, cause: &mut Cause) -> Result<u64, Error> {
    match (case, properties.cases) {
        (None, None) => Ok(0),
        (Some(case), Some(cases)) if case < cases.into() => Ok(case),
        (Some(_), None) => Err(Error::Quote("test ", name.span(), " has no cases")),
        (_, Some(cases)) => {
            // It never fails.
            let _ = write!(cause, "{} has {cases} cases", properties.name);
            Err(Failure("test ").into())
        }
    }
}

/// Runs a test to its end. If its guest dies in it, the guest's panic handler finishes the reply.
pub(super) fn run<G: Testing>(guest: &mut G, request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    let Asked { index, given, mut running } = Asked::by(guest, request, reply.cause())?;
    let (_, memory) = request.json_and_spare();
    let mut capture = Capture::new(memory)?;
    if let Some(mark) = running.mark() {
        guest.print_line(format_args!("nanoqga-test-begin {mark}"));
    }
    running.start(guest.clock_ns());
    guest.keep(Some(running));
    let ending = guest.run(index, &mut Output::new(&mut capture, given));
    let elapsed_ns = running.elapsed_ns(guest.clock_ns());
    guest.keep(None);
    if let Some(mark) = running.mark() {
        guest.print_line(format_args!("nanoqga-test-end {mark}"));
    }
    capture.end_output();
    capture.add_ending(&ending, elapsed_ns);
    let length = capture.finish();
    request.reply_with(length);
    Ok(Step::Checked)
}
