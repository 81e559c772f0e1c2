//! Axes: where a value lies on them, and which values are marked.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scale {
    /// From 0.
    Linear,
    Logarithmic,
}

/// An axis by its name.
#[derive(Clone, Debug)]
pub(crate) struct Axis {
    pub(crate) name: String,
    scale: Scale,
}

impl Axis {
    pub(crate) fn new(name: &str, scale: Scale) -> Self {
        Self {
            name: name.to_owned(),
            scale,
        }
    }

    /// The axis with all these values on it.
    pub(super) fn over(&self, values: impl Iterator<Item = f64>) -> Range {
        let values = values.filter(|value| value.is_finite());
        let bounds = values.fold(None, |bounds: Option<(f64, f64)>, value| {
            let (least, greatest) = bounds.unwrap_or((value, value));
            Some((least.min(value), greatest.max(value)))
        });
        let (least, greatest) = bounds.unwrap_or((1.0, 1.0));
        match self.scale {
            Scale::Linear => Range {
                scale: self.scale,
                from: 0.0,
                to: if greatest > 0.0 { greatest * 1.05 } else { 1.0 },
            },
            Scale::Logarithmic => {
                let least = least.max(LEAST);
                Range {
                    scale: self.scale,
                    from: least / 1.2,
                    to: greatest.max(least) * 1.2,
                }
            }
        }
    }
}

/// Nothing at or below 0 has a logarithm; it is drawn here.
const LEAST: f64 = 1e-3;
/// About so many marks of a linear axis.
const MARKS: f64 = 6.0;

#[derive(Clone, Copy, Debug)]
pub(super) struct Range {
    scale: Scale,
    from: f64,
    to: f64,
}

impl Range {
    /// 0 at the beginning of the axis, 1 at its end.
    pub(super) fn place(self, value: f64) -> f64 {
        match self.scale {
            Scale::Linear => (value - self.from) / (self.to - self.from),
            Scale::Logarithmic => (value.max(LEAST) / self.from).ln() / (self.to / self.from).ln(),
        }
    }

    /// Round values on the axis.
    pub(super) fn marks(self) -> Vec<f64> {
        match self.scale {
            Scale::Linear => {
                let step = step(self.to / MARKS);
                let count = (self.to / step).floor() as u32;
                (0..=count).map(|number| f64::from(number) * step).collect()
            }
            Scale::Logarithmic => {
                let (first, last) = (self.from.log10().floor() as i32, self.to.log10().ceil() as i32);
                // Many decades get a mark each, few get three.
                let digits: &[f64] = if last - first > 4 {
                    &[1.0]
                } else {
                    &[1.0, 2.0, 5.0]
                };
                let marks = (first..=last)
                    .flat_map(|decade| digits.iter().map(move |digit| digit * 10_f64.powi(decade)));
                marks
                    .filter(|mark| (self.from..=self.to).contains(mark))
                    .collect()
            }
        }
    }
}

/// The least of 1, 2, 5, 10, 20, ... that is not below this.
fn step(least: f64) -> f64 {
    let decade = 10_f64.powf(least.log10().floor());
    let digit = [1.0, 2.0, 5.0].into_iter().find(|digit| digit * decade >= least);
    digit.unwrap_or(10.0) * decade
}

/// As short as it is exact for round values.
pub(super) fn label(value: f64) -> String {
    let thousands = |value: f64, unit: &str| format!("{}{unit}", (value * 100.0).round() / 100.0);
    match value.abs() {
        large if large >= 1e6 => thousands(value / 1e6, "M"),
        large if large >= 1e4 => thousands(value / 1e3, "k"),
        _ => format!("{}", (value * 1e4).round() / 1e4),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_linear_axis_begins_at_0_and_has_round_marks() {
        let range = Axis::new("x", Scale::Linear).over([12.0, 90.0].into_iter());
        assert_eq!(range.place(0.0), 0.0);
        assert!(range.place(90.0) > 0.9 && range.place(90.0) < 1.0);
        assert_eq!(range.marks(), [0.0, 20.0, 40.0, 60.0, 80.0]);
    }

    #[test]
    fn a_logarithmic_axis_gives_each_decade_the_same_room() {
        let range = Axis::new("us", Scale::Logarithmic).over([100.0, 10_000.0].into_iter());
        let (low, middle, high) = (range.place(100.0), range.place(1000.0), range.place(10_000.0));
        assert!((middle - low - (high - middle)).abs() < 1e-9);
        assert_eq!(
            range.marks(),
            [100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0, 10_000.0]
        );
    }

    #[test]
    fn an_axis_of_nothing_or_of_zeros_has_a_length() {
        for scale in [Scale::Linear, Scale::Logarithmic] {
            for values in [vec![], vec![0.0], vec![f64::NAN]] {
                let range = Axis::new("x", scale).over(values.into_iter());
                assert!(range.place(1.0).is_finite() && range.marks().len() < 20);
            }
        }
    }

    #[test]
    fn labels_are_short() {
        let labels = [0.0, 0.5, 250.0, 15_000.0, 2_500_000.0].map(label);
        assert_eq!(labels, ["0", "0.5", "250", "15k", "2.5M"]);
    }
}
