//! When announcements arrive that could all be read at once: as a job or an experiment wants them.
//!
//! ```text
//! closed:32      as many as may be on their way at once, a next one when one ends
//! poisson:2/s    by themselves, so many a second on average, whatever the job is able to do
//! trace:FILE     at the seconds that stand in a file, one per line
//! ```
//! Of open arrivals latency counts from the moment that was drawn: a job that falls behind is not
//! spared what it did not take in (no coordinated omission).

use std::collections::VecDeque;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::{Duration, Instant};

use super::{Offer, Positions, Source};

/// How announcements arrive.
#[derive(Clone, Debug, PartialEq)]
pub enum Arrivals {
    /// At most so many on their way at once.
    Closed(usize),
    /// So many a second, independent of each other.
    Poisson(f64),
    /// At these seconds from the beginning.
    Trace(Vec<f64>),
}

const FORM: &str = "write closed:32, poisson:2/s or trace:FILE";

impl FromStr for Arrivals {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (kind, rest) = text.split_once(':').ok_or(FORM)?;
        match kind {
            "closed" => match rest.parse() {
                Ok(count @ 1..=1_000_000) => Ok(Self::Closed(count)),
                _ => Err(format!("`{rest}` is no number from 1 to 1000000; {FORM}")),
            },
            "poisson" => match rest.strip_suffix("/s").map(str::parse::<f64>) {
                Some(Ok(rate)) if rate > 0.0 && rate <= 1e6 => Ok(Self::Poisson(rate)),
                _ => Err(format!("`{rest}` is no rate like 2/s or 0.5/s; {FORM}")),
            },
            "trace" => trace(&PathBuf::from(rest)).map(Self::Trace),
            _ => Err(format!("no arrivals are called `{kind}`; {FORM}")),
        }
    }
}

fn trace(path: &PathBuf) -> Result<Vec<f64>, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let mut seconds = Vec::new();
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let place = || format!("{}, line {}: `{line}`", path.display(), at + 1);
        let moment: f64 = line.trim().parse().map_err(|_| format!("{} is no number of seconds", place()))?;
        if !(0.0..1e9).contains(&moment) || seconds.last().is_some_and(|last| moment < *last) {
            return Err(format!("{} lies before the line above it, or is no moment; sort the file", place()));
        }
        seconds.push(moment);
    }
    if seconds.is_empty() {
        return Err(format!("{} holds no moment; write one number of seconds per line", path.display()));
    }
    Ok(seconds)
}

/// A source whose entries arrive at drawn moments.
pub struct Paced<S> {
    source: S,
    draws: Draws,
    /// When the next entry arrives, once it is drawn.
    next: Option<Duration>,
    /// How long before it was offered the last one had arrived.
    overdue: Duration,
    began: Option<Instant>,
}

enum Draws {
    AtOnce,
    Poisson { rate: f64, random: fastrand::Rng, last: f64 },
    Trace(VecDeque<f64>),
}

impl<S: Source> Paced<S> {
    /// Closed arrivals are those that the bound on what is in flight makes by itself.
    pub fn new(source: S, arrivals: Arrivals, seed: u64) -> Self {
        let draws = match arrivals {
            Arrivals::Closed(_) => Draws::AtOnce,
            Arrivals::Poisson(rate) => Draws::Poisson { rate, random: fastrand::Rng::with_seed(seed), last: 0.0 },
            Arrivals::Trace(moments) => Draws::Trace(moments.into()),
        };
        Self { source, draws, next: None, overdue: Duration::ZERO, began: None }
    }
}

impl Draws {
    /// Seconds from the beginning; `None` when a trace has ended.
    fn next(&mut self) -> Option<f64> {
        match self {
            Self::AtOnce => Some(0.0),
            Self::Poisson { rate, random, last } => {
                *last -= (1.0 - random.f64()).ln() / *rate;
                Some(*last)
            }
            Self::Trace(moments) => moments.pop_front(),
        }
    }
}

impl<S: Source> Source for Paced<S> {
    fn offer(&mut self) -> Offer {
        let began = *self.began.get_or_insert_with(Instant::now);
        let Some(next) = self.next.or_else(|| self.draws.next().map(Duration::from_secs_f64)) else {
            return Offer::End;
        };
        self.next = Some(next);
        if began.elapsed() < next {
            return Offer::Nothing;
        }
        let offer = self.source.offer();
        if matches!(offer, Offer::Entry(..)) {
            self.next = None;
            self.overdue = match self.draws {
                Draws::AtOnce => Duration::ZERO,
                Draws::Poisson { .. } | Draws::Trace(_) => began.elapsed().saturating_sub(next),
            };
        }
        offer
    }

    fn overdue(&self) -> Duration {
        self.overdue
    }

    fn nothing_for(&self) -> Duration {
        let due = self.next.unwrap_or_default();
        let left = due.saturating_sub(self.began.map_or(Duration::ZERO, |began| began.elapsed()));
        // Where the next is due it is the source that has nothing.
        if left.is_zero() { self.source.nothing_for() } else { left }
    }

    fn positions(&self) -> Positions {
        self.source.positions()
    }

    fn committed(&mut self, positions: &Positions) {
        self.source.committed(positions);
    }

    fn finished(&mut self) {
        self.source.finished();
    }
}

#[cfg(test)]
mod tests {
    use hark_operators::record::{Announcement, EpisodeId, EpisodeKey};

    use super::*;

    #[test]
    fn arrivals_are_read_and_what_they_are_not_is_said() {
        assert_eq!("closed:32".parse(), Ok(Arrivals::Closed(32)));
        assert_eq!("poisson:0.5/s".parse(), Ok(Arrivals::Poisson(0.5)));
        for wrong in ["32", "closed:0", "poisson:2", "poisson:0/s", "poisson:inf/s", "bursts:2", "trace:/nowhere"] {
            assert!(wrong.parse::<Arrivals>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_trace_that_goes_back_is_refused_with_its_line() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("trace");
        std::fs::write(&path, "0\n1.5\n\n1\n").expect("the folder is writable");
        let said = format!("trace:{}", path.display()).parse::<Arrivals>().expect_err("it goes back");
        assert!(said.contains("line 4"), "{said}");
        std::fs::write(&path, "0\n0.5\n").expect("the folder is writable");
        assert_eq!(format!("trace:{}", path.display()).parse(), Ok(Arrivals::Trace(vec![0.0, 0.5])));
    }

    /// Two entries, there at once.
    struct Two(usize);

    impl Source for Two {
        fn offer(&mut self) -> Offer {
            if self.0 == 2 {
                return Offer::End;
            }
            self.0 += 1;
            let key = EpisodeKey { episode: EpisodeId::from(self.0.to_string()), revision: 0 };
            Offer::Entry(Box::new(Ok(Announcement::bare(key, String::new()))), None)
        }
    }

    #[test]
    fn who_is_looked_at_late_counts_from_the_drawn_moment_and_who_may_come_at_once_from_when_it_did() {
        let late = Duration::from_millis(50);
        let mut traced = Paced::new(Two(0), Arrivals::Trace(vec![0.0, 0.0]), 0);
        assert!(matches!(traced.offer(), Offer::Entry(..)));
        std::thread::sleep(late);
        assert!(matches!(traced.offer(), Offer::Entry(..)) && traced.overdue() >= late);
        let mut closed = Paced::new(Two(0), Arrivals::Closed(1), 0);
        assert!(matches!(closed.offer(), Offer::Entry(..)));
        std::thread::sleep(late);
        assert!(matches!(closed.offer(), Offer::Entry(..)) && closed.overdue().is_zero());
    }

    #[test]
    fn poisson_arrivals_keep_their_rate_and_are_those_of_their_seed() {
        let draw = |seed| {
            let random = fastrand::Rng::with_seed(seed);
            let mut draws = Draws::Poisson { rate: 20.0, random, last: 0.0 };
            (0..10_000).filter_map(|_| draws.next()).collect::<Vec<f64>>()
        };
        let (moments, last) = (draw(7), draw(7)[9_999]);
        assert!((last - 500.0).abs() < 20.0, "10,000 at 20 a second take 500 s, not {last}");
        assert!(moments.is_sorted() && moments == draw(7) && moments != draw(8));
    }
}
