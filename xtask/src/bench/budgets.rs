//! What the ratios must be: budgets.json, and who misses it.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::results::{Figure, Ratio, Results};
use super::table::number;

const FILE: &str = include_str!("budgets.json");

/// By the names of ratios.
#[derive(Debug)]
pub(super) struct Budgets(BTreeMap<String, Budget>);

/// What one ratio must be, and why that is asked of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Budget {
    at_least: Option<f64>,
    at_most: Option<f64>,
    #[serde(rename = "why")]
    _why: String,
}

/// A budget that was held against what was measured.
#[derive(Debug)]
pub(super) struct Verdict {
    /// For people.
    pub text: String,
    pub holds: bool,
}

impl Budgets {
    /// Those of the project. Each must be of one of the `known` ratios.
    pub(super) fn read(known: impl Iterator<Item = String>) -> Result<Self> {
        Self::parse(FILE, known)
    }

    fn parse(text: &str, known: impl Iterator<Item = String>) -> Result<Self> {
        let budgets: BTreeMap<String, Budget> = serde_json::from_str(text).context("budgets.json")?;
        let known: Vec<_> = known.collect();
        for (name, budget) in &budgets {
            if !known.contains(name) {
                bail!("budgets.json: no ratio is called {name}; there are: {}", known.join(", "));
            }
            if budget.at_least.is_some() == budget.at_most.is_some() {
                bail!("budgets.json: {name} needs either at_least or at_most");
            }
        }
        Ok(Self(budgets))
    }

    /// Holds them against what was measured. Where `all` was, a ratio that is missing has missed its budget.
    pub(super) fn check(&self, results: &Results, all: bool) -> Vec<Verdict> {
        let verdict = |(name, budget): (&String, &Budget)| match results.ratios.iter().find(|ratio| ratio.name == *name)
        {
            Some(ratio) => Some(budget.judge(ratio, results)),
            None if all => Some(Verdict { text: format!("{name}: not measured ({})", budget.shown()), holds: false }),
            None => None,
        };
        self.0.iter().filter_map(verdict).collect()
    }
}

impl Budget {
    fn shown(&self) -> String {
        match (self.at_least, self.at_most) {
            (Some(bar), _) => format!("at least {bar}"),
            (None, bar) => format!("at most {}", bar.unwrap_or_default()),
        }
    }

    fn judge(&self, ratio: &Ratio, results: &Results) -> Verdict {
        let Ratio { name, spread, .. } = ratio;
        let (bar, holds) = match (self.at_least, self.at_most) {
            (Some(bar), _) => (bar, spread.median >= bar),
            (None, bar) => (bar.unwrap_or_default(), spread.median <= bar.unwrap_or_default()),
        };
        let outcome = if holds {
            "holds".to_owned()
        } else {
            format!("MISSED by {:.0} %{}", ((spread.median - bar) / bar * 100.0).abs(), samples(ratio, results))
        };
        let measured = format!("{:.2} ({:.2} to {:.2})", spread.median, spread.low, spread.high);
        Verdict { text: format!("{name}: {measured}, {}: {outcome}", self.shown()), holds }
    }
}

/// A line for each side of a ratio with all of its samples, in the order of turns.
fn samples(ratio: &Ratio, results: &Results) -> String {
    let Some(measure) = results.measure(&ratio.measure) else { return String::new() };
    let figures = ratio.sides.iter().filter_map(|side| measure.figure(*side));
    let line = |figure: &Figure| {
        let samples: Vec<_> = figure.samples.iter().copied().map(number).collect();
        format!("\n    {}, {}: {}", figure.contender.name(), measure.unit, samples.join(" "))
    };
    figures.map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::results::tests::some;

    const SOME: &str = r#"{
        "first-reply/nano": {"at_least": 30, "why": "it is the point"},
        "size": {"at_most": 400, "why": "small"}
    }"#;

    fn known() -> impl Iterator<Item = String> {
        ["first-reply/nano", "size"].map(String::from).into_iter()
    }

    /// A budget of the only ratio of [`some`] results.
    fn budgets(bar: &str) -> Budgets {
        Budgets::parse(&format!(r#"{{"first-reply/nano": {{{bar}, "why": ""}}}}"#), known()).unwrap()
    }

    #[test]
    fn a_ratio_that_is_as_good_as_asked_for_holds() {
        for bar in [r#""at_least": 32"#, r#""at_most": 32"#] {
            let verdicts = budgets(bar).check(&some(), true);
            assert_eq!(verdicts.len(), 1);
            assert!(verdicts[0].holds, "{verdicts:?}");
        }
    }

    #[test]
    fn a_miss_says_by_how_much_and_shows_the_samples_of_both_sides() {
        let verdicts = budgets(r#""at_least": 40"#).check(&some(), true);
        assert!(!verdicts[0].holds);
        assert_eq!(
            verdicts[0].text,
            "first-reply/nano: 32.00 (31.00 to 36.00), at least 40: MISSED by 20 %\
             \n    nano, ms: 50.0 60.0 50.0\
             \n    qemu-ga, ms: 2000 1800 1600"
        );
        let verdicts = budgets(r#""at_most": 16"#).check(&some(), true);
        assert!(verdicts[0].text.contains("at most 16: MISSED by 100 %"), "{verdicts:?}");
    }

    #[test]
    fn what_was_not_measured_is_missed_unless_only_some_were() {
        let budgets = Budgets::parse(SOME, known()).unwrap();
        let verdicts = budgets.check(&some(), true);
        assert_eq!(verdicts[1].text, "size: not measured (at most 400)");
        assert!(!verdicts[1].holds);
        assert_eq!(budgets.check(&some(), false).len(), 1);
    }

    #[test]
    fn a_budget_of_an_unknown_ratio_is_an_error() {
        let error = Budgets::parse(SOME, known().skip(1)).unwrap_err().to_string();
        assert_eq!(error, "budgets.json: no ratio is called first-reply/nano; there are: size");
    }

    #[test]
    fn a_budget_without_a_bar_or_with_two_is_an_error() {
        for bars in ["", r#""at_least": 1, "at_most": 2,"#] {
            let text = format!(r#"{{"size": {{{bars} "why": ""}}}}"#);
            let error = Budgets::parse(&text, known()).unwrap_err().to_string();
            assert_eq!(error, "budgets.json: size needs either at_least or at_most");
        }
    }

    #[test]
    fn the_projects_budgets_are_of_ratios_that_are_measured() {
        Budgets::read(crate::bench::ratio_names()).unwrap();
    }
}
