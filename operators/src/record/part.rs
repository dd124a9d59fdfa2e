//! Stretches of an episode that other episodes hold too, and what they mean for a preview.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::units::{Seconds, Span};

/// A stretch of an episode that other episodes hold too: an advert, a jingle, an intro, an outro, or
/// a longer piece that was broadcast before. Whole milliseconds, so that it may be kept in collections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Part {
    /// Where it begins, in milliseconds of the episode.
    pub start: u32,
    /// Where it ends, in milliseconds of the episode.
    pub end: u32,
    /// How many other episodes are known to hold it; there may be more.
    pub episodes: u32,
    /// Too long for an advert or a jingle: material of a preview where there is nothing of its own.
    pub rebroadcast: bool,
}

/// The repeated parts of an episode, in order, not overlapping.
pub type Parts = Arc<[Part]>;

impl Part {
    /// Where it lies.
    pub fn span(&self) -> Span {
        let seconds = |at: u32| Seconds(f64::from(at) / 1000.0);
        Span { start: seconds(self.start), end: seconds(self.end) }
    }
}

/// What repeated parts make of a span that may become a preview.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Claim {
    /// The episode's own.
    Own,
    /// Mostly broadcast before: only where nothing else is left.
    Rebroadcast,
    /// It reaches into an advert, a jingle, an intro or an outro.
    Forbidden,
}

/// Seconds of a span in parts that no preview may hold.
pub fn forbidden_seconds(span: Span, parts: &[Part]) -> f64 {
    overlap(span, parts, false)
}

/// Seconds of a span in parts of one kind. (A sum of nothing would be -0.)
fn overlap(span: Span, parts: &[Part], rebroadcast: bool) -> f64 {
    let of_kind = parts.iter().filter(|part| part.rebroadcast == rebroadcast);
    of_kind.fold(0.0, |seconds, part| seconds + part.span().overlap(span))
}

/// What the parts make of a span, of which `allowed` seconds may be repeated: the edges of parts are
/// known to about a second.
pub fn claim(span: Span, parts: &[Part], allowed: f64) -> Claim {
    if forbidden_seconds(span, parts) > allowed {
        return Claim::Forbidden;
    }
    if overlap(span, parts, true) * 2.0 > span.length() { Claim::Rebroadcast } else { Claim::Own }
}

/// What a choice of a span rested on, so that it need not be made again for every change of the
/// repeated parts, but is where it would turn out otherwise.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Weighed {
    /// The span that came first.
    pub best: Span,
    /// Those that would have come before it or were needed to find it.
    pub before: Vec<Span>,
    /// The repeated parts at that time.
    pub parts: Parts,
    /// Seconds of a span that may be repeated.
    pub allowed: f64,
}

impl Weighed {
    /// Whether the choice is the same with these parts. Scores do not depend on parts: what came behind
    /// a span of the episode's own stays behind it, and only those before it can change the choice.
    pub fn stands_with(&self, parts: &[Part]) -> bool {
        let same = |span: &Span| claim(*span, &self.parts, self.allowed) == claim(*span, parts, self.allowed);
        let own = claim(self.best, &self.parts, self.allowed) == Claim::Own;
        *self.parts == *parts || own && same(&self.best) && self.before.iter().all(same)
    }

    /// The same choice as made with these parts, if it stands with them: so that what is kept of it does
    /// not depend on when it was made.
    pub fn with(self, parts: &Parts) -> Self {
        if self.stands_with(parts) { Self { parts: parts.clone(), ..self } } else { self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(start: u32, end: u32) -> Part {
        Part { start: start * 1000, end: end * 1000, episodes: 1, rebroadcast: end - start > 240 }
    }

    #[test]
    fn a_span_may_touch_an_advert_by_the_tolerance_and_lie_in_a_rebroadcast_last() {
        let parts = [part(0, 30), part(100, 400)];
        let claim = |start, end| claim(Span::new(start, end), &parts, 1.0);
        assert_eq!(claim(29.5, 80.0), Claim::Own);
        assert_eq!(claim(28.0, 80.0), Claim::Forbidden);
        assert_eq!(claim(60.0, 120.0), Claim::Own);
        assert_eq!(claim(60.0, 160.0), Claim::Rebroadcast);
    }

    #[test]
    fn a_choice_is_made_again_only_where_a_change_matters() {
        let before = vec![Span::new(0.0, 50.0)];
        let weighed = Weighed { best: Span::new(60.0, 120.0), before, parts: vec![part(0, 30)].into(), allowed: 1.0 };
        assert!(weighed.stands_with(&[part(0, 30)]));
        assert!(weighed.stands_with(&[part(0, 31), part(200, 220)]), "an edge that moved, and a part elsewhere");
        assert!(!weighed.stands_with(&[part(0, 30), part(70, 90)]), "the choice itself is an advert");
        assert!(!weighed.stands_with(&[]), "what was passed over is the episode's own after all");
    }

    #[test]
    fn a_choice_that_is_not_the_episodes_own_is_made_again_by_every_change() {
        let weighed = Weighed {
            best: Span::new(60.0, 120.0),
            before: Vec::new(),
            parts: vec![part(0, 300)].into(),
            allowed: 1.0,
        };
        assert!(!weighed.stands_with(&[part(0, 301)]));
    }
}
