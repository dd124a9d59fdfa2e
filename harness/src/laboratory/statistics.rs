//! What repeated runs allow to be said: means with intervals, paired ratios, who is beaten by nobody.

/// Two-sided 95 % quantiles of Student's t for 1 to 30 degrees of freedom.
const T95: [f64; 30] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
    2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
];

/// A mean and the half width of its 95 % confidence interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mean {
    /// The mean.
    pub mean: f64,
    /// How far the interval reaches to either side; `None` of a single value.
    pub half: Option<f64>,
}

impl Mean {
    /// Of independent values; NaN of none.
    pub fn of(values: &[f64]) -> Self {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let half = (values.len() > 1).then(|| {
            let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
            let freedom = values.len() - 1;
            T95.get(freedom - 1).copied().unwrap_or(1.96) * (variance / count).sqrt()
        });
        Self { mean, half }
    }

    /// Its lower and upper end.
    pub fn interval(self) -> Option<(f64, f64)> {
        self.half.map(|half| (self.mean - half, self.mean + half))
    }
}

/// By what factor `values` differ from `baseline`, run by run: what a run shares with the one beside it
/// (a busy host, a warm cache) falls out. The mean is geometric.
pub fn paired_ratio(values: &[f64], baseline: &[f64]) -> (f64, Option<(f64, f64)>) {
    let logarithms: Vec<f64> = values.iter().zip(baseline).map(|(value, base)| (value / base).ln()).collect();
    let mean = Mean::of(&logarithms);
    (mean.mean.exp(), mean.interval().map(|(low, high)| (low.exp(), high.exp())))
}

/// Which of the points nobody beats: no other is as good in all respects and better in one. Smaller is
/// better in each respect.
pub fn pareto(points: &[[f64; 3]]) -> Vec<bool> {
    let beats =
        |a: &[f64; 3], b: &[f64; 3]| a.iter().zip(b).all(|(a, b)| a <= b) && a.iter().zip(b).any(|(a, b)| a < b);
    points.iter().map(|point| !points.iter().any(|other| beats(other, point))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_that_of_students_t() {
        let Mean { mean, half } = Mean::of(&[2.0, 4.0, 6.0]);
        // s = 2, 2 / sqrt(3) = 1.1547, times 4.303.
        assert!((mean - 4.0).abs() < 1e-12 && (half.unwrap_or(0.0) - 4.9687).abs() < 1e-3, "{mean} {half:?}");
        assert_eq!(Mean::of(&[3.0]), Mean { mean: 3.0, half: None });
    }

    #[test]
    fn what_both_runs_of_a_pair_share_falls_out() {
        let (ratio, interval) = paired_ratio(&[2.0, 8.0, 4.0], &[1.0, 4.0, 2.0]);
        let (low, high) = interval.expect("there are three pairs");
        assert!((ratio - 2.0).abs() < 1e-12 && (low - 2.0).abs() < 1e-9 && (high - 2.0).abs() < 1e-9);
    }

    #[test]
    fn a_point_that_another_beats_is_off_the_front() {
        let points = [[1.0, 5.0, 5.0], [2.0, 4.0, 5.0], [2.0, 5.0, 5.0], [1.0, 5.0, 5.0]];
        assert_eq!(pareto(&points), [true, true, false, true]);
    }
}
