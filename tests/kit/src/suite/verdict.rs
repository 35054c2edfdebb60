//! What becomes of what a guest said about a test.

use super::protocol::{Listed, Outcome, Told};

/// How a test ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Passed,
    /// With the reason, where the guest gave one.
    Skipped(Option<String>),
    /// With what is to be read.
    Failed(String),
}

impl Verdict {
    /// Judges a test by what its guest said.
    pub(super) fn of(test: &Listed, told: &Told) -> Self {
        match (told.outcome, &test.should_panic) {
            (Outcome::Skipped, _) => Self::Skipped(told.message.clone()),
            (Outcome::Failed, _) => Self::Failed(said(told, "failed")),
            (Outcome::Passed, None) => Self::Passed,
            (Outcome::Passed, Some(_)) => Self::Failed("it should have panicked, and did not".into()),
            (Outcome::Panicked, None) => Self::Failed(said(told, "panicked")),
            (Outcome::Panicked, Some(text)) => match told.message.as_deref().unwrap_or_default() {
                message if message.contains(text) => Self::Passed,
                _ => Self::Failed(format!(
                    "it should have panicked with `{text}` in its message, and {}",
                    said(told, "panicked")
                )),
            },
        }
    }
}

/// `panicked at src/mm.rs:42: out of memory`, as far as the guest told.
fn said(told: &Told, what: &str) -> String {
    let place = match (&told.file, told.line) {
        (Some(file), Some(line)) => format!(" at {file}:{line}"),
        (Some(file), None) => format!(" in {file}"),
        (None, _) => String::new(),
    };
    match &told.message {
        Some(message) => format!("{what}{place}: {message}"),
        None => format!("{what}{place}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json};

    use super::*;

    fn judged(test: serde_json::Value, told: serde_json::Value) -> Verdict {
        let mut listed = json!({"index": 0, "name": "a"});
        listed.as_object_mut().unwrap().extend(test.as_object().unwrap().clone());
        Verdict::of(&from_value(listed).unwrap(), &from_value(told).unwrap())
    }

    fn failed(text: &str) -> Verdict {
        Verdict::Failed(text.into())
    }

    #[test]
    fn a_failure_tells_where_and_why() {
        let told = json!({"outcome": "failed", "message": "1 is not 2", "file": "src/a.rs", "line": 3});
        assert_eq!(judged(json!({}), told), failed("failed at src/a.rs:3: 1 is not 2"));
        assert_eq!(judged(json!({}), json!({"outcome": "panicked"})), failed("panicked"));
    }

    #[test]
    fn a_test_that_should_panic_passes_by_the_right_panic_only() {
        let test = json!({"should-panic": "out of"});
        let panicked = |message: &str| json!({"outcome": "panicked", "message": message});
        assert_eq!(judged(test.clone(), panicked("out of memory")), Verdict::Passed);
        assert_eq!(
            judged(test.clone(), panicked("no disk")),
            failed("it should have panicked with `out of` in its message, and panicked: no disk")
        );
        assert_eq!(judged(test.clone(), json!({"outcome": "passed"})), failed("it should have panicked, and did not"));
        assert!(matches!(judged(test, json!({"outcome": "panicked"})), Verdict::Failed(_)));
        assert_eq!(judged(json!({"should-panic": ""}), json!({"outcome": "panicked"})), Verdict::Passed);
    }

    #[test]
    fn a_test_may_find_that_it_cannot_be_run() {
        let told = json!({"outcome": "skipped", "message": "no card"});
        assert_eq!(judged(json!({}), told), Verdict::Skipped(Some("no card".into())));
    }
}
