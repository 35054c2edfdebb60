//! A small SVG writer. The charts need two colour schemes, whiskers and logarithmic axes, which few plotting libraries have; all
//! that they draw is lines, rectangles and text.

use std::fmt::Write;

/// What the page or the image viewer prefers decides about text and lines; the colours of the series are readable on both.
const STYLE: &str = "\
.chart{color:#1f2328;background:#ffffff;font:13px system-ui,sans-serif}\
@media(prefers-color-scheme:dark){.chart{color:#e6edf3;background:#0d1117}}\
.chart text{fill:currentColor}\
.chart .title{font-size:16px;font-weight:600}\
.chart .grid{stroke:currentColor;stroke-opacity:.18}\
.chart .axis{stroke:currentColor}\
.chart .mark{stroke:currentColor;stroke-dasharray:5 4}\
.chart .whisker{stroke:currentColor;stroke-width:1.5}";

/// Where a text stands beside its point.
#[derive(Clone, Copy, Debug)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// A picture that is being drawn.
#[derive(Debug)]
pub(super) struct Svg {
    width: f64,
    height: f64,
    body: String,
}

impl Svg {
    /// An empty picture with a title above.
    pub(super) fn new(width: f64, height: f64, title: &str) -> Self {
        let mut svg = Self { width, height, body: String::new() };
        svg.element(&format!(r#"<text class="title" x="16" y="28">{}</text>"#, escaped(title)));
        svg
    }

    fn element(&mut self, element: &str) {
        self.body += element;
        self.body.push('\n');
    }

    /// A line of text.
    pub(super) fn text(&mut self, at: (f64, f64), anchor: Anchor, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let ((x, y), text) = (at, escaped(text));
        self.element(&format!(r#"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}">{text}</text>"#));
    }

    /// Text that reads upwards.
    pub(super) fn upright(&mut self, (x, y): (f64, f64), text: &str) {
        let text = escaped(text);
        self.element(&format!(
            r#"<text transform="translate({x:.1} {y:.1}) rotate(-90)" text-anchor="middle">{text}</text>"#
        ));
    }

    /// A straight line of one of the style's classes.
    pub(super) fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        let ((x1, y1), (x2, y2)) = (from, to);
        self.element(&format!(r#"<line class="{class}" x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}"/>"#));
    }

    /// A filled rectangle.
    pub(super) fn bar(&mut self, colour: &str, (x, y): (f64, f64), (width, height): (f64, f64)) {
        self.element(&format!(
            r#"<rect fill="{colour}" x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}"/>"#
        ));
    }

    /// Points, and the line that joins them.
    pub(super) fn curve(&mut self, colour: &str, points: &[(f64, f64)]) {
        let mut path = String::new();
        for (x, y) in points {
            // A string takes all that is written to it.
            let _ = write!(path, "{x:.1},{y:.1} ");
            self.element(&format!(r#"<circle fill="{colour}" cx="{x:.1}" cy="{y:.1}" r="4"/>"#));
        }
        self.element(&format!(
            r#"<polyline fill="none" stroke="{colour}" stroke-width="2" points="{}"/>"#,
            path.trim_end()
        ));
    }

    /// The picture, a file of its own or a part of a page.
    pub(super) fn finish(self) -> String {
        let Self { width, height, body } = self;
        format!(
            "<svg class=\"chart\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" \
             role=\"img\">\n<style>{STYLE}</style>\n{body}</svg>\n"
        )
    }
}

/// Text that XML takes for nothing else.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
