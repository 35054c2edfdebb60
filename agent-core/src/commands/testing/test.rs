//! A test: a value that a kernel has in a constant.

use super::output::Output;
use super::verdict::Verdict;

/// What a host is told of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Properties<'a> {
    /// Its name, such as `mm::oom`. Of two tests with the same name only the first can be run, and hosts refuse such a list.
    pub name: &'a str,
    /// It passes only by a panic whose message has this text in it.
    pub should_panic: Option<&'a str>,
    /// It is run only when it is asked for; why.
    pub ignored: Option<&'a str>,
    /// Its own time limit in milliseconds.
    pub timeout_ms: Option<u32>,
    /// Whether it wants a freshly booted guest.
    pub alone: bool,
    /// How many cases it has.
    pub cases: Option<u32>,
}

impl<'a> Properties<'a> {
    /// Those of a test that has nothing but a name.
    #[must_use]
    pub const fn named(name: &'a str) -> Self {
        Self { name, should_panic: None, ignored: None, timeout_ms: None, alone: false, cases: None }
    }
}

/// A test of a guest `G`: its name, its function, and what its host should know.
#[derive(Debug)]
pub struct Test<G> {
    properties: Properties<'static>,
    body: Body<G>,
}

#[derive(Debug)]
enum Body<G> {
    Plain(fn()),
    WithGuest(fn(&mut G, &mut Output<'_>) -> Verdict),
}

impl<G> Test<G> {
    /// A test that passes if `body` returns, and fails only by a panic.
    #[must_use]
    pub const fn plain(name: &'static str, body: fn()) -> Self {
        Self { properties: Properties::named(name), body: Body::Plain(body) }
    }

    /// A test with a verdict, which uses the guest and can write.
    #[must_use]
    pub const fn new(name: &'static str, body: fn(&mut G, &mut Output<'_>) -> Verdict) -> Self {
        Self { properties: Properties::named(name), body: Body::WithGuest(body) }
    }

    /// The same test, which passes only by a panic whose message has `text` in it. An empty text is in every message.
    #[must_use]
    pub const fn should_panic(self, text: &'static str) -> Self {
        Self { properties: Properties { should_panic: Some(text), ..self.properties }, ..self }
    }

    /// The same test, which is run only when a host asks for it by name, or for ignored tests. `why` may be empty.
    #[must_use]
    pub const fn ignored(self, why: &'static str) -> Self {
        Self { properties: Properties { ignored: Some(why), ..self.properties }, ..self }
    }

    /// The same test, with a time limit of its own in milliseconds. Hosts raise it where emulation is slow.
    #[must_use]
    pub const fn timeout_ms(self, limit: u32) -> Self {
        Self { properties: Properties { timeout_ms: Some(limit), ..self.properties }, ..self }
    }

    /// The same test, run once for each case from 0 to `count` - 1: see [`Output::case`].
    #[must_use]
    pub const fn cases(self, count: u32) -> Self {
        Self { properties: Properties { cases: Some(count), ..self.properties }, ..self }
    }

    /// The same test, for which a host boots the guest anew.
    #[must_use]
    pub const fn alone(self) -> Self {
        Self { properties: Properties { alone: true, ..self.properties }, ..self }
    }

    /// What a host is told of it.
    #[must_use]
    pub const fn properties(&self) -> &Properties<'static> {
        &self.properties
    }

    /// Runs it.
    ///
    /// # Errors
    /// If it fails, or is skipped.
    pub fn call(&self, guest: &mut G, output: &mut Output<'_>) -> Verdict {
        match self.body {
            Body::Plain(body) => {
                body();
                Ok(())
            }
            Body::WithGuest(body) => body(guest, output),
        }
    }
}
