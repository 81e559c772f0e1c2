//! A plot as SVG: panels one below the other, each with axes, a grid and a legend, readable in light and in dark.
//!
//! Colours are variables of a style sheet in the picture that follows `prefers-color-scheme`; libraries for plots write
//! fixed colours. Series differ in dashes and marks too, for who does not see the colours.

mod axis;

use std::fmt::{self, Write as _};

pub(crate) use axis::{Axis, Scale};

/// Panels below each other.
#[derive(Clone, Debug)]
pub(crate) struct Plot {
    pub(crate) title: String,
    pub(crate) panels: Vec<Panel>,
}

#[derive(Clone, Debug)]
pub(crate) struct Panel {
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    pub(crate) series: Vec<Series>,
}

/// One line; points are in the order of their x.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    pub(crate) name: String,
    /// Which of the colours.
    pub(crate) colour: usize,
    pub(crate) dashed: bool,
    pub(crate) points: Vec<(f64, f64)>,
}

const WIDTH: f64 = 760.0;
const PANEL: f64 = 320.0;
const TITLE: f64 = 36.0;
const LEFT: f64 = 76.0;
const RIGHT: f64 = 24.0;
/// Above the axes of a panel: its legend.
const TOP: f64 = 34.0;
/// Below them: the marks of the x axis and its name.
const BOTTOM: f64 = 50.0;
const LEGEND: f64 = 165.0;
const COLOURS: usize = 3;

const STYLE: &str = "\
svg{--paper:#fff;--ink:#1f2328;--grid:#d8dee4;--c0:#0550ae;--c1:#bc4c00;--c2:#116329}
@media (prefers-color-scheme:dark){svg{--paper:#0d1117;--ink:#e6edf3;--grid:#30363d;--c0:#79c0ff;--c1:#ffa657;--c2:#7ee787}}
text{font:13px sans-serif;fill:var(--ink)}.title{font-weight:bold;font-size:15px}.paper{fill:var(--paper)}
.grid{stroke:var(--grid)}.axis{stroke:var(--ink);fill:none}.line{fill:none;stroke-width:2}.dashed{stroke-dasharray:6 4}
.c0{stroke:var(--c0)}.c1{stroke:var(--c1)}.c2{stroke:var(--c2)}.mark{fill:var(--paper);stroke-width:2}";

impl Plot {
    /// The picture.
    pub(crate) fn svg(&self) -> String {
        let mut svg = String::new();
        // A String takes all that is written.
        let _ = self.write(&mut svg);
        svg
    }

    fn write(&self, svg: &mut String) -> fmt::Result {
        let height = TITLE + PANEL * self.panels.len() as f64;
        let title = escape(&self.title);
        writeln!(
            svg,
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{title}">"#
        )?;
        writeln!(svg, "<title>{title}</title>\n<style>{STYLE}</style>")?;
        writeln!(svg, r#"<rect class="paper" width="{WIDTH}" height="{height}"/>"#)?;
        writeln!(svg, r#"<text class="title" x="{LEFT}" y="24">{title}</text>"#)?;
        for (at, panel) in self.panels.iter().enumerate() {
            writeln!(
                svg,
                r#"<g transform="translate(0 {})">"#,
                TITLE + PANEL * at as f64
            )?;
            panel.write(svg)?;
            writeln!(svg, "</g>")?;
        }
        writeln!(svg, "</svg>")
    }
}

impl Panel {
    fn write(&self, svg: &mut String) -> fmt::Result {
        let points = || self.series.iter().flat_map(|series| &series.points);
        let x = self.x.over(points().map(|point| point.0));
        let y = self.y.over(points().map(|point| point.1));
        let (bottom, right) = (PANEL - BOTTOM, WIDTH - RIGHT);
        let across = |value| LEFT + x.place(value) * (right - LEFT);
        let down = |value| bottom - y.place(value) * (bottom - TOP);
        for mark in y.marks() {
            let (at, text) = (down(mark), axis::label(mark));
            writeln!(
                svg,
                r#"<path class="grid" d="M{LEFT} {at:.1}H{right}"/><text x="{:.1}" y="{:.1}" text-anchor="end">{text}</text>"#,
                LEFT - 8.0,
                at + 4.0
            )?;
        }
        for mark in x.marks() {
            let (at, text) = (across(mark), axis::label(mark));
            writeln!(
                svg,
                r#"<path class="grid" d="M{at:.1} {TOP}V{bottom}"/><text x="{at:.1}" y="{:.1}" text-anchor="middle">{text}</text>"#,
                bottom + 18.0
            )?;
        }
        writeln!(svg, r#"<path class="axis" d="M{LEFT} {TOP}V{bottom}H{right}"/>"#)?;
        self.write_names(svg)?;
        for (at, series) in self.series.iter().enumerate() {
            series.write_key(svg, LEFT + LEGEND * at as f64)?;
            let places: Vec<(f64, f64)> = series
                .points
                .iter()
                .map(|(x, y)| (across(*x), down(*y)))
                .collect();
            series.write(svg, &places)?;
        }
        Ok(())
    }

    fn write_names(&self, svg: &mut String) -> fmt::Result {
        let (bottom, middle) = (PANEL - BOTTOM, (LEFT + WIDTH - RIGHT) / 2.0);
        let height = (TOP + bottom) / 2.0;
        writeln!(
            svg,
            r#"<text x="{middle}" y="{}" text-anchor="middle">{}</text>"#,
            bottom + 38.0,
            escape(&self.x.name)
        )?;
        writeln!(
            svg,
            r#"<text transform="translate(18 {height}) rotate(-90)" text-anchor="middle">{}</text>"#,
            escape(&self.y.name)
        )
    }
}

impl Series {
    fn class(&self) -> String {
        let dashes = if self.dashed { " dashed" } else { "" };
        format!("c{}{dashes}", self.colour % COLOURS)
    }

    /// Its sample and its name, in the legend.
    fn write_key(&self, svg: &mut String, left: f64) -> fmt::Result {
        self.write(svg, &[(left, 16.0), (left + 14.0, 16.0), (left + 28.0, 16.0)])?;
        writeln!(
            svg,
            r#"<text x="{}" y="20">{}</text>"#,
            left + 36.0,
            escape(&self.name)
        )
    }

    fn write(&self, svg: &mut String, places: &[(f64, f64)]) -> fmt::Result {
        let line: Vec<String> = places.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        writeln!(
            svg,
            r#"<polyline class="line {}" points="{}"/>"#,
            self.class(),
            line.join(" ")
        )?;
        let colour = self.colour % COLOURS;
        for (x, y) in places {
            match colour {
                0 => write!(
                    svg,
                    r#"<circle class="mark c0" cx="{x:.1}" cy="{y:.1}" r="3.5"/>"#
                )?,
                _ => write!(
                    svg,
                    r#"<rect class="mark c{colour}" x="{:.1}" y="{:.1}" width="6" height="6"/>"#,
                    x - 3.0,
                    y - 3.0
                )?,
            }
        }
        writeln!(svg)
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot() -> Plot {
        let series = |name: &str, colour, dashed| Series {
            name: name.to_owned(),
            colour,
            dashed,
            points: vec![(10.0, 100.0), (50.0, 1000.0), (90.0, 20_000.0)],
        };
        Plot {
            title: "latency & load".to_owned(),
            panels: vec![
                Panel {
                    x: Axis::new("load, %", Scale::Linear),
                    y: Axis::new("us", Scale::Logarithmic),
                    series: vec![series("floor", 0, false), series("strowger", 1, true)],
                },
                Panel {
                    x: Axis::new("load, %", Scale::Linear),
                    y: Axis::new("CPU, us", Scale::Linear),
                    series: vec![series("floor", 0, false)],
                },
            ],
        }
    }

    #[test]
    fn a_plot_has_its_title_axes_legend_and_a_line_per_series() {
        let svg = plot().svg();
        assert!(svg.contains(">latency &amp; load</text>"), "{svg}");
        assert!(svg.contains(">load, %</text>") && svg.contains(">CPU, us</text>"));
        assert!(svg.contains(">strowger</text>"));
        // Three lines, and their three samples in legends.
        assert_eq!(svg.matches("<polyline").count(), 6);
        assert!(svg.contains("prefers-color-scheme:dark"));
        assert_eq!(svg.matches("<g ").count(), svg.matches("</g>").count());
    }

    #[test]
    fn points_stay_within_the_axes() {
        let svg = plot().svg();
        for points in svg.split("points=\"").skip(1) {
            let points = points.split('"').next().unwrap_or_default();
            for point in points.split(' ') {
                let (x, y) = point.split_once(',').expect("a pair");
                let (x, y): (f64, f64) = (x.parse().expect("a number"), y.parse().expect("a number"));
                assert!(
                    (LEFT - 0.1..=WIDTH).contains(&x) && (0.0..=PANEL - BOTTOM + 0.1).contains(&y),
                    "{point}"
                );
            }
        }
    }

    #[test]
    fn a_plot_of_nothing_is_a_picture_still() {
        let panel = Panel {
            x: Axis::new("x", Scale::Linear),
            y: Axis::new("y", Scale::Logarithmic),
            series: Vec::new(),
        };
        let plot = Plot {
            title: String::new(),
            panels: vec![panel],
        };
        assert!(!plot.svg().contains("NaN"));
    }
}
