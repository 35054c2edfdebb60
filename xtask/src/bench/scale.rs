//! Logarithmic axes.

use super::table::number;

/// Where values above zero lie on a logarithmic axis.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Scale {
    /// An axis on which all `values` lie, between the coordinates `from` and `to`. `None` if none of them is above zero.
    pub(super) fn of(values: impl Iterator<Item = f64>, from: f64, to: f64) -> Option<Self> {
        let values = values.filter(|value| *value > 0.0 && value.is_finite());
        let (low, high) = values.fold((f64::INFINITY, 0.0_f64), |(low, high), value| (low.min(value), high.max(value)));
        // Room at both ends, so that nothing lies on the edge, and an axis of a lone value has a length.
        (low <= high).then_some(Self { low: low / 1.25, high: high * 1.25, from, to })
    }

    /// Where a value lies; at the edge if it is off the axis.
    pub(super) fn place(&self, value: f64) -> f64 {
        let share = (value.max(self.low) / self.low).ln() / (self.high / self.low).ln();
        self.from + (self.to - self.from) * share.min(1.0)
    }

    /// What to write at the axis, and where.
    pub(super) fn ticks(&self) -> Vec<(f64, String)> {
        let decades = (self.high / self.low).log10();
        let steps: &[f64] = if decades > 3.0 { &[1.0] } else { &[1.0, 2.0, 5.0] };
        let powers = self.low.log10().floor() as i32..=self.high.log10().ceil() as i32;
        let values = powers.flat_map(|power| steps.iter().map(move |step| step * 10_f64.powi(power)));
        let shown = |value: f64| if value < 1.0 { number(value).trim_end_matches('0').into() } else { plain(value) };
        values
            .filter(|value| (self.low..=self.high).contains(value))
            .map(|value| (self.place(value), shown(value)))
            .collect()
    }
}

/// A round number, with thousands and millions cut short.
fn plain(value: f64) -> String {
    match value {
        value if value >= 999_999.5 => format!("{:.0}M", value / 1e6),
        value if value >= 9_999.5 => format!("{:.0}k", value / 1e3),
        value => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decade_is_as_long_as_the_next_one() {
        let scale = Scale::of([1.0, 100.0].into_iter(), 0.0, 400.0).unwrap();
        let [one, ten, hundred] = [1.0, 10.0, 100.0].map(|value| scale.place(value));
        assert!((ten - one - (hundred - ten)).abs() < 1e-9);
        let labels: Vec<_> = scale.ticks().into_iter().map(|(_, label)| label).collect();
        assert_eq!(labels, ["1", "2", "5", "10", "20", "50", "100"]);
    }

    #[test]
    fn what_is_off_the_axis_lies_at_its_edge() {
        let scale = Scale::of([1.0, 100.0].into_iter(), 0.0, 400.0).unwrap();
        assert_eq!((scale.place(0.0), scale.place(1e9)), (0.0, 400.0));
    }

    #[test]
    fn no_value_above_zero_has_no_axis() {
        assert!(Scale::of([0.0, -1.0, f64::NAN].into_iter(), 0.0, 1.0).is_none());
    }
}
