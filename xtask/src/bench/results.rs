//! What was measured, as it is kept in results.json.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::contender::Contender;
use super::statistics::{Spread, quotients};
use crate::workspace;

/// All that one run has found out.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Results {
    /// Where it was measured.
    pub host: Host,
    /// Whether it was the quick set: few samples, and not all of the measures.
    pub quick: bool,
    pub measures: Vec<Measure>,
    /// What the budgets are about.
    pub ratios: Vec<Ratio>,
    pub growth: Vec<Growth>,
}

/// The machine that all contenders ran on.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Host {
    pub processor: String,
    pub cores: usize,
    pub qemu: String,
    /// QEMU's: tcg or kvm.
    pub accelerator: String,
    /// The load average of a minute, when the run began and when it ended.
    pub load: [f64; 2],
}

/// One thing that was measured of several contenders, in turns.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Measure {
    pub name: String,
    pub title: String,
    pub unit: String,
    /// Whether less of it is better.
    pub less_is_better: bool,
    /// Whether it is counted. A busy host does not change it, so that it needs no reference.
    pub is_count: bool,
    pub figures: Vec<Figure>,
}

/// One contender's samples, one for each turn, and what they say.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Figure {
    pub contender: Contender,
    #[serde(flatten)]
    pub spread: Spread,
    pub samples: Vec<f64>,
}

/// How one side does against another, of the quotients of all turns, or a figure of one side alone.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Ratio {
    pub name: String,
    /// The name of the measure that it is of.
    pub measure: String,
    /// Whose samples it was computed from.
    pub sides: Vec<Contender>,
    #[serde(flatten)]
    pub spread: Spread,
}

/// How a figure grows with something.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Growth {
    pub name: String,
    pub title: String,
    pub x: String,
    pub y: String,
    pub lines: Vec<Line>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Line {
    pub contender: Contender,
    pub points: Vec<Point>,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(super) struct Point {
    pub x: f64,
    #[serde(flatten)]
    pub spread: Spread,
}

impl Growth {
    /// By which power of x each contender's figure grows: 1 is linear, 0 stays the same.
    pub(super) fn ratios(&self) -> Vec<Ratio> {
        let ratio = |line: &Line| {
            let power = line.power()?;
            Some(Ratio {
                name: format!("grows-{}/{}", self.name, line.contender.name()),
                measure: self.name.clone(),
                sides: vec![line.contender],
                spread: Spread { median: power, low: power, high: power },
            })
        };
        self.lines.iter().filter_map(ratio).collect()
    }
}

impl Line {
    /// The slope between the last point and the first one that is not beyond a fourth of its x, where both axes are logarithmic: what a
    /// request costs whatever its size weighs little there. `None` for fewer than two points.
    pub(super) fn power(&self) -> Option<f64> {
        let last = self.points.last()?;
        let before = self.points.iter().rev().find(|point| point.x <= last.x / 4.0)?;
        let power = (last.spread.median / before.spread.median).ln() / (last.x / before.x).ln();
        power.is_finite().then_some(power)
    }
}

impl Measure {
    /// Adds a contender's next sample.
    pub(super) fn add(&mut self, contender: Contender, sample: f64) {
        let index = self.figures.iter().position(|figure| figure.contender == contender).unwrap_or_else(|| {
            let spread = Spread { median: sample, low: sample, high: sample };
            self.figures.push(Figure { contender, spread, samples: Vec::new() });
            self.figures.len() - 1
        });
        let figure = &mut self.figures[index];
        figure.samples.push(sample);
        if let Some(spread) = Spread::of(&figure.samples) {
            figure.spread = spread;
        }
    }

    /// A contender's samples, if it has any.
    pub(super) fn figure(&self, contender: Contender) -> Option<&Figure> {
        self.figures.iter().find(|figure| figure.contender == contender)
    }

    /// How many times better a contender is than another: so many times faster, or so many times less.
    pub(super) fn times_better(&self, contender: Contender, than: Contender) -> Option<Spread> {
        let [ours, theirs] = [contender, than].map(|side| self.figure(side).map(|figure| &figure.samples[..]));
        if self.less_is_better { quotients(theirs?, ours?) } else { quotients(ours?, theirs?) }
    }

    /// How many times better each contender is than the reference, by names such as `first-reply/nano`; each contender's own figure,
    /// if it is a count.
    pub(super) fn ratios(&self) -> Vec<Ratio> {
        if self.is_count {
            return self.figures.iter().map(|figure| self.alone(figure)).collect();
        }
        let ratio = |contender: Contender| {
            let spread = self.times_better(contender, Contender::REFERENCE)?;
            Some(Ratio {
                name: format!("{}/{}", self.name, contender.name()),
                measure: self.name.clone(),
                sides: vec![contender, Contender::REFERENCE],
                spread,
            })
        };
        Contender::ALL.into_iter().filter(|contender| *contender != Contender::REFERENCE).filter_map(ratio).collect()
    }

    fn alone(&self, figure: &Figure) -> Ratio {
        let name = format!("{}/{}", self.name, figure.contender.name());
        Ratio { name, measure: self.name.clone(), sides: vec![figure.contender], spread: figure.spread }
    }
}

impl Results {
    /// Where they are kept.
    pub(super) fn folder() -> PathBuf {
        workspace::path("target/bench")
    }

    /// Those of the last run.
    pub(super) fn load() -> Result<Self> {
        let path = Self::folder().join("results.json");
        let text = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("{} is of another version", path.display()))
    }

    /// Keeps them.
    pub(super) fn save(&self) -> Result<PathBuf> {
        let path = Self::folder().join("results.json");
        fs::create_dir_all(Self::folder())?;
        fs::write(&path, serde_json::to_string_pretty(self)? + "\n")?;
        Ok(path)
    }

    /// The measure called `name`, if there was one.
    pub(super) fn measure(&self, name: &str) -> Option<&Measure> {
        self.measures.iter().find(|measure| measure.name == name)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Results with one measure of two contenders.
    pub(in super::super) fn some() -> Results {
        let measure = boots();
        Results {
            host: Host {
                processor: "one <fast>".into(),
                cores: 2,
                qemu: "7.2".into(),
                accelerator: "tcg".into(),
                load: [0.0; 2],
            },
            quick: false,
            ratios: measure.ratios(),
            measures: vec![measure],
            growth: vec![Growth {
                name: "cards".into(),
                title: "With cards".into(),
                x: "cards".into(),
                y: "ms".into(),
                lines: vec![Line {
                    contender: Contender::Nano,
                    points: [1.0, 4.0].map(|x| Point { x, spread: Spread { median: x, low: x, high: x } }).to_vec(),
                }],
            }],
        }
    }

    fn boots() -> Measure {
        let mut measure = Measure {
            name: "first-reply".into(),
            title: "first reply".into(),
            unit: "ms".into(),
            less_is_better: true,
            is_count: false,
            figures: Vec::new(),
        };
        for (ours, theirs) in [(50.0, 2000.0), (60.0, 1800.0), (50.0, 1600.0)] {
            measure.add(Contender::Nano, ours);
            measure.add(Contender::QemuGa, theirs);
        }
        measure
    }

    #[test]
    fn a_count_is_a_ratio_alone() {
        let mut measure = Measure { figures: Vec::new(), is_count: true, ..boots() };
        measure.add(Contender::Nano, 1024.0);
        let ratios = measure.ratios();
        assert_eq!((ratios.len(), &*ratios[0].name, ratios[0].spread.median), (1, "first-reply/nano", 1024.0));
    }

    #[test]
    fn the_power_of_growth_is_that_of_its_upper_end() {
        let line = |figures: &[(f64, f64)]| Line {
            contender: Contender::Nano,
            points: figures.iter().map(|&(x, y)| Point { x, spread: Spread { median: y, low: y, high: y } }).collect(),
        };
        let power = |figures: &[(f64, f64)]| line(figures).power().map(|power| (power * 100.0).round() / 100.0);
        assert_eq!(power(&[(1.0, 50.0), (10.0, 50.0), (100.0, 500.0)]), Some(1.0));
        assert_eq!(power(&[(1.0, 1.0), (2.0, 3.0), (4.0, 16.0)]), Some(2.0));
        assert_eq!(power(&[(1.0, 7.0), (5.0, 7.0)]), Some(0.0));
        assert_eq!(power(&[(1.0, 7.0), (2.0, 7.0)]), None, "too near each other");
        assert_eq!(some().growth[0].ratios()[0].name, "grows-cards/nano");
    }

    #[test]
    fn a_ratio_says_how_many_times_better_a_contender_is_than_the_reference() {
        let measure = boots();
        let ratios = measure.ratios();
        assert_eq!(ratios.len(), 1, "{ratios:?}");
        assert_eq!(ratios[0].name, "first-reply/nano");
        assert_eq!(ratios[0].spread, Spread { median: 32.0, low: 31.0, high: 36.0 });
        let speed = Measure { less_is_better: false, ..measure };
        assert_eq!(speed.times_better(Contender::QemuGa, Contender::Nano).map(|spread| spread.median), Some(32.0));
    }

    #[test]
    fn results_are_the_same_when_they_are_read_again() {
        let written = serde_json::to_value(some()).unwrap();
        assert_eq!(written["measures"][0]["figures"][0]["contender"], "nano");
        assert_eq!(written["measures"][0]["figures"][0]["median"], 50.0);
        let read: Results = serde_json::from_value(written.clone()).unwrap();
        assert_eq!(serde_json::to_value(read).unwrap(), written);
    }
}
