//! How far runs agree in what they chose: of layouts that differ in precision, the question.

use std::collections::BTreeMap;

use hark_operators::record::outcome::{Outcome, State};
use serde::{Deserialize, Serialize};

/// What was chosen of one episode.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// Seconds of the episode.
    pub start: f64,
    pub end: f64,
    /// The score by which it was chosen, 0 to 1.
    pub score: f64,
}

/// By episode and revision.
pub type Choices = BTreeMap<String, Choice>;

/// Of those that came to a preview.
pub fn choices(outcomes: &[Outcome]) -> Choices {
    let chosen = |outcome: &Outcome| {
        let State::Published { selection, .. } = &outcome.state else { return None };
        let score = selection.scores.get("total").copied().unwrap_or_default();
        let choice = Choice { start: selection.span.start.0, end: selection.span.end.0, score };
        Some((format!("{} {}", outcome.episode, outcome.revision), choice))
    };
    outcomes.iter().filter_map(chosen).collect()
}

/// Two runs beside each other.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Agreement {
    /// Episodes of which either has a preview.
    pub previews: usize,
    /// Of these, those of which both have the same span.
    pub same: usize,
    /// Largest difference between the scores of those.
    pub score: f64,
}

impl Agreement {
    /// Whether the two chose the same for the same reason.
    pub fn is_whole(&self) -> bool {
        self.same == self.previews && self.score == 0.0
    }

    pub fn between(one: &Choices, other: &Choices) -> Self {
        let previews = one.len() + other.keys().filter(|episode| !one.contains_key(*episode)).count();
        let both = one.iter().filter_map(|(episode, choice)| Some((choice, other.get(episode)?)));
        let same = both.filter(|(a, b)| (a.start, a.end) == (b.start, b.end));
        let (same, score) =
            same.fold((0, 0.0_f64), |(same, most), (a, b)| (same + 1, most.max((a.score - b.score).abs())));
        Self { previews, same, score }
    }
}

impl std::fmt::Display for Agreement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { previews, same, score } = self;
        write!(f, "{same} of {previews} previews of the same span, with scores that differ by at most {score:.1e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_episode_without_a_preview_and_another_span_are_disagreements_and_scores_count_where_spans_agree() {
        let choice = |start, score| Choice { start, end: start + 60.0, score };
        let of =
            |choices: &[(&str, Choice)]| choices.iter().map(|(name, choice)| ((*name).to_owned(), *choice)).collect();
        let one: Choices = of(&[("a", choice(0.0, 0.5)), ("b", choice(9.0, 0.7)), ("c", choice(5.0, 0.1))]);
        let other: Choices = of(&[("a", choice(0.0, 0.5 + 1e-3)), ("b", choice(8.0, 0.9)), ("d", choice(5.0, 0.1))]);
        let found = Agreement::between(&one, &other);
        assert_eq!((found.previews, found.same), (4, 1));
        assert!((found.score - 1e-3).abs() < 1e-12);
        assert_eq!(Agreement::between(&one, &one), Agreement { previews: 3, same: 3, score: 0.0 });
    }
}
