//! What the ratios must be: budgets.json, and who misses it.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::results::Ratio;

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

    /// Holds them against ratios. Where `all` were measured, one that is missing has missed its budget.
    pub(super) fn check(&self, ratios: &[Ratio], all: bool) -> Vec<Verdict> {
        let verdict = |(name, budget): (&String, &Budget)| match ratios.iter().find(|ratio| ratio.name == *name) {
            Some(ratio) => Some(budget.judge(ratio)),
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

    fn judge(&self, ratio: &Ratio) -> Verdict {
        let Ratio { name, spread } = ratio;
        let (bar, holds) = match (self.at_least, self.at_most) {
            (Some(bar), _) => (bar, spread.median >= bar),
            (None, bar) => (bar.unwrap_or_default(), spread.median <= bar.unwrap_or_default()),
        };
        let outcome = if holds {
            "holds".to_owned()
        } else {
            format!("MISSED by {:.0} %", ((spread.median - bar) / bar * 100.0).abs())
        };
        let measured = format!("{:.2} ({:.2} to {:.2})", spread.median, spread.low, spread.high);
        Verdict { text: format!("{name}: {measured}, {}: {outcome}", self.shown()), holds }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::statistics::Spread;

    const SOME: &str = r#"{
        "boot/nano": {"at_least": 30, "why": "it is the point"},
        "size": {"at_most": 400, "why": "small"}
    }"#;

    fn known() -> impl Iterator<Item = String> {
        ["boot/nano", "size"].map(String::from).into_iter()
    }

    fn ratio(name: &str, median: f64) -> Ratio {
        Ratio { name: name.into(), spread: Spread { median, low: median - 1.0, high: median + 1.0 } }
    }

    #[test]
    fn a_ratio_that_is_as_good_as_asked_for_holds() {
        let budgets = Budgets::parse(SOME, known()).unwrap();
        let verdicts = budgets.check(&[ratio("boot/nano", 30.0), ratio("size", 400.0)], true);
        assert_eq!(verdicts.len(), 2);
        assert!(verdicts.iter().all(|verdict| verdict.holds), "{verdicts:?}");
    }

    #[test]
    fn a_miss_says_what_was_measured_and_by_how_much_it_missed() {
        let budgets = Budgets::parse(SOME, known()).unwrap();
        let verdicts = budgets.check(&[ratio("boot/nano", 24.0), ratio("size", 500.0)], true);
        assert!(verdicts.iter().all(|verdict| !verdict.holds));
        assert_eq!(verdicts[0].text, "boot/nano: 24.00 (23.00 to 25.00), at least 30: MISSED by 20 %");
        assert_eq!(verdicts[1].text, "size: 500.00 (499.00 to 501.00), at most 400: MISSED by 25 %");
    }

    #[test]
    fn what_was_not_measured_is_missed_unless_only_some_were() {
        let budgets = Budgets::parse(SOME, known()).unwrap();
        assert!(!budgets.check(&[ratio("size", 1.0)], true)[0].holds);
        assert_eq!(budgets.check(&[ratio("size", 1.0)], false).len(), 1);
    }

    #[test]
    fn a_budget_of_an_unknown_ratio_is_an_error() {
        let error = Budgets::parse(SOME, known().skip(1)).unwrap_err().to_string();
        assert_eq!(error, "budgets.json: no ratio is called boot/nano; there are: size");
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
