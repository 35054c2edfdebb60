//! The charts: bars of ratios, and lines of growth.

use super::contender::Contender;
use super::results::{Growth, Results};
use super::scale::Scale;
use super::svg::{Anchor, Svg};
use super::table::number;

const WIDTH: f64 = 860.0;
const TOP: f64 = 76.0;
const RIGHT: f64 = 70.0;
const LABELS: f64 = 290.0;
const BAR: f64 = 13.0;
const GAP: f64 = 14.0;

/// The ratios that are drawn: those that users feel first.
const DRAWN: [&str; 12] = [
    "first-reply",
    "first-reply-microvm",
    "ping-p50",
    "ping-p99",
    "info-p50",
    "osinfo-p50",
    "interfaces-p50",
    "pipelined",
    "file-read",
    "file-write",
    "ping-cpu",
    "memory",
];

const fn colour(contender: Contender) -> &'static str {
    match contender {
        Contender::Floor => "#8b949e",
        Contender::Nano | Contender::NanoBefore => "#3b82f6",
        Contender::Appliance | Contender::ApplianceBefore => "#e8710a",
        Contender::LinuxAgent | Contender::LinuxAgentBefore => "#1a9e5c",
        Contender::QemuGa => "#c2418c",
    }
}

/// How many times better than the reference our guests are, with the spread of each.
pub(super) fn ratios(results: &Results) -> Option<String> {
    let sides = [Contender::Nano, Contender::Appliance, Contender::LinuxAgent];
    let measures = DRAWN.iter().filter_map(|name| results.measure(name));
    let groups: Vec<_> = measures
        .map(|measure| {
            let bars = sides.map(|side| measure.times_better(side, Contender::REFERENCE).map(|spread| (side, spread)));
            (measure.title.as_str(), bars.into_iter().flatten().collect::<Vec<_>>())
        })
        .filter(|(_, bars)| !bars.is_empty())
        .collect();
    if groups.is_empty() {
        return None;
    }
    let ends = groups.iter().flat_map(|(_, bars)| bars).flat_map(|(_, spread)| [spread.low, spread.high]);
    let scale = Scale::of(ends.chain([1.0]), LABELS, WIDTH - RIGHT)?;
    let bars: usize = groups.iter().map(|(_, bars)| bars.len()).sum();
    let bottom = TOP + bars as f64 * BAR + groups.len() as f64 * GAP;
    let mut svg = Svg::new(WIDTH, bottom + 54.0, "How many times better than Debian and qemu-ga");
    legend(&mut svg, &sides);
    for (x, label) in scale.ticks() {
        svg.line("grid", (x, TOP), (x, bottom));
        svg.text((x, bottom + 18.0), Anchor::Middle, &label);
    }
    let axis = "times faster, or times less (logarithmic; whiskers: half of the turns; dashed: as good as it)";
    svg.text((WIDTH / 2.0, bottom + 42.0), Anchor::Middle, axis);
    let one = scale.place(1.0);
    let mut y = TOP + GAP / 2.0;
    for (title, bars) in groups {
        svg.text((LABELS - 10.0, y + bars.len() as f64 * BAR / 2.0 + 4.0), Anchor::End, title);
        for (side, spread) in bars {
            let [low, end, high] = [spread.low, spread.median, spread.high].map(|value| scale.place(value));
            svg.bar(colour(side), (one.min(end), y + 1.0), ((end - one).abs(), BAR - 2.0));
            svg.line("whisker", (low, y + BAR / 2.0), (high, y + BAR / 2.0));
            let label = format!("{}×", number(spread.median));
            svg.text((high.max(one) + 6.0, y + BAR - 2.0), Anchor::Start, &label);
            y += BAR;
        }
        y += GAP;
    }
    svg.line("mark", (one, TOP), (one, bottom));
    Some(svg.finish())
}

/// A figure against what it grows with, both axes logarithmic.
pub(super) fn growth(growth: &Growth) -> Option<String> {
    const LEFT: f64 = 80.0;
    const BOTTOM: f64 = 400.0;
    let points = || growth.lines.iter().flat_map(|line| &line.points);
    let x = Scale::of(points().map(|point| point.x), LEFT, WIDTH - RIGHT)?;
    let y = Scale::of(points().flat_map(|point| [point.spread.low, point.spread.high]), BOTTOM, TOP)?;
    let mut svg = Svg::new(WIDTH, BOTTOM + 54.0, &growth.title);
    let sides: Vec<_> = growth.lines.iter().map(|line| line.contender).collect();
    legend(&mut svg, &sides);
    for (place, label) in x.ticks() {
        svg.line("grid", (place, TOP), (place, BOTTOM));
        svg.text((place, BOTTOM + 18.0), Anchor::Middle, &label);
    }
    for (place, label) in y.ticks() {
        svg.line("grid", (LEFT, place), (WIDTH - RIGHT, place));
        svg.text((LEFT - 8.0, place + 4.0), Anchor::End, &label);
    }
    svg.line("axis", (LEFT, BOTTOM), (WIDTH - RIGHT, BOTTOM));
    svg.line("axis", (LEFT, TOP), (LEFT, BOTTOM));
    svg.text((WIDTH / 2.0, BOTTOM + 42.0), Anchor::Middle, &format!("{} (logarithmic)", growth.x));
    svg.upright((22.0, (TOP + BOTTOM) / 2.0), &format!("{} (logarithmic)", growth.y));
    for line in &growth.lines {
        let place = |point: &super::results::Point| (x.place(point.x), y.place(point.spread.median));
        svg.curve(colour(line.contender), &line.points.iter().map(place).collect::<Vec<_>>());
        for point in &line.points {
            let at = x.place(point.x);
            svg.line("whisker", (at, y.place(point.spread.low)), (at, y.place(point.spread.high)));
        }
    }
    Some(svg.finish())
}

fn legend(svg: &mut Svg, sides: &[Contender]) {
    let mut x = 16.0;
    for side in sides {
        svg.bar(colour(*side), (x, 44.0), (12.0, 12.0));
        svg.text((x + 18.0, 55.0), Anchor::Start, side.title());
        x += 40.0 + 7.5 * side.title().len() as f64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::results::tests::some;
    use crate::bench::svg::escaped;

    /// Every element that begins ends, in its order, and no number is none.
    fn is_well_formed(svg: &str) {
        let mut open = Vec::new();
        for piece in svg.split('<').skip(1) {
            let (tag, _) = piece.split_once('>').expect("a tag ends");
            assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
            let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap();
            match (tag.starts_with('/'), tag.ends_with('/')) {
                (true, _) => assert_eq!(open.pop(), Some(name), "{svg}"),
                (false, true) => {}
                (false, false) => open.push(name),
            }
        }
        assert!(open.is_empty(), "{open:?} in {svg}");
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }

    #[test]
    fn ratios_are_bars_with_a_label() {
        let svg = ratios(&some()).unwrap();
        is_well_formed(&svg);
        assert!(svg.contains(">32.0×<"), "{svg}");
        assert_eq!(svg.matches(colour(Contender::Nano)).count(), 2, "legend and bar: {svg}");
    }

    #[test]
    fn growth_is_a_line_with_titles_at_both_axes() {
        let svg = growth(&some().growth[0]).unwrap();
        is_well_formed(&svg);
        assert!(svg.contains(">cards (logarithmic)<") && svg.contains(">ms (logarithmic)<"), "{svg}");
    }

    #[test]
    fn where_nothing_was_measured_there_is_no_chart() {
        let mut results = some();
        results.measures.clear();
        assert!(ratios(&results).is_none());
        results.growth[0].lines.clear();
        assert!(growth(&results.growth[0]).is_none());
    }

    #[test]
    fn what_xml_would_take_for_more_is_escaped() {
        assert_eq!(escaped(r#"a<b>&"c""#), "a&lt;b&gt;&amp;&quot;c&quot;");
    }
}
