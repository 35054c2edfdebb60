//! What many samples say together.

use serde::{Deserialize, Serialize};

/// The middle of some samples, and the quarters at both ends cut off.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct Spread {
    /// Half of the samples are below it.
    pub median: f64,
    /// A quarter of the samples is below it.
    pub low: f64,
    /// A quarter of the samples is above it.
    pub high: f64,
}

impl Spread {
    /// Of samples in any order. `None` if there is none, or if one is no number.
    pub(super) fn of(samples: &[f64]) -> Option<Self> {
        let [low, median, high] = percentiles(samples, [25.0, 50.0, 75.0])?;
        Some(Self { median, low, high })
    }
}

/// The values below which so many percent of the samples are, between two samples in proportion. `None` if there is no sample,
/// or if one is no number.
pub(super) fn percentiles<const N: usize>(samples: &[f64], percents: [f64; N]) -> Option<[f64; N]> {
    if samples.is_empty() || !samples.iter().all(|sample| sample.is_finite()) {
        return None;
    }
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    Some(percents.map(|percent| {
        let place = (percent / 100.0).clamp(0.0, 1.0) * (sorted.len() - 1) as f64;
        let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
        below + (above - below) * place.fract()
    }))
}

/// How often each divisor goes into the number of the same turn: what else the machine did in a turn weighs on both. `None`
/// when a quotient is no number, or there is none.
pub(super) fn quotients(numbers: &[f64], divisors: &[f64]) -> Option<Spread> {
    let quotients: Vec<_> = numbers.iter().zip(divisors).map(|(number, divisor)| number / divisor).collect();
    Spread::of(&quotients)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_samples_does_not_matter() {
        let spread = Spread::of(&[5.0, 1.0, 3.0, 2.0, 4.0]);
        assert_eq!(spread, Some(Spread { median: 3.0, low: 2.0, high: 4.0 }));
    }

    #[test]
    fn a_lone_sample_is_all_of_its_spread() {
        assert_eq!(Spread::of(&[7.0]), Some(Spread { median: 7.0, low: 7.0, high: 7.0 }));
    }

    #[test]
    fn between_two_samples_a_percentile_is_in_proportion() {
        assert_eq!(percentiles(&[10.0, 20.0], [0.0, 50.0, 99.0, 100.0]), Some([10.0, 15.0, 19.9, 20.0]));
    }

    #[test]
    fn no_sample_and_no_number_have_no_spread() {
        assert_eq!(Spread::of(&[]), None);
        assert_eq!(Spread::of(&[1.0, f64::NAN]), None);
        assert_eq!(quotients(&[1.0], &[0.0]), None);
    }

    #[test]
    fn a_slow_turn_weighs_on_both_sides_of_a_quotient() {
        let spread = quotients(&[40.0, 400.0, 44.0], &[10.0, 100.0, 11.0]);
        assert_eq!(spread, Some(Spread { median: 4.0, low: 4.0, high: 4.0 }));
    }
}
