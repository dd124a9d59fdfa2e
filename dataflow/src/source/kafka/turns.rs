//! Whose turn it is among topics: urgent messages first, but a tenth of what is read is of the others.

use hark_operators::record::Priority;

/// Urgent messages after which one of the others is looked for.
const IN_A_ROW: u32 = 9;

/// Counts what is read, however it was asked for: also the urgent ones that find room where others do not.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// Urgent messages since one of the others had its turn.
    passed: u32,
}

impl Turns {
    /// Whether the others are asked before the urgent ones.
    pub(super) fn is_the_others(&self) -> bool {
        self.passed >= IN_A_ROW
    }

    /// A message of this class was read.
    pub(super) fn read(&mut self, priority: Priority) {
        self.passed = match priority {
            // While nobody else waits no debt grows that would keep urgent ones out later.
            Priority::Urgent => (self.passed + 1).min(2 * IN_A_ROW),
            _ => self.passed.saturating_sub(IN_A_ROW),
        };
    }

    /// Nobody waits.
    pub(super) fn rest(&mut self) {
        self.passed = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of a thousand reads are of the others, of whom there are always some from `since` on; each
    /// `reserved`th read is for urgent ones alone.
    fn others(reserved: usize, since: usize) -> usize {
        let mut turns = Turns::default();
        let mut read = |at: usize| {
            let other = at >= since && !at.is_multiple_of(reserved) && turns.is_the_others();
            turns.read(if other { Priority::Normal } else { Priority::Urgent });
            other
        };
        (0..since + 1_000).filter(|&at| read(at)).count()
    }

    #[test]
    fn a_tenth_of_what_is_read_is_of_the_others_whatever_is_read_in_reserve() {
        assert_eq!(others(usize::MAX, 0), 100);
        assert!((99..=101).contains(&others(5, 0)), "{}", others(5, 0));
        assert!((99..=101).contains(&others(2, 0)), "{}", others(2, 0));
    }

    #[test]
    fn who_comes_after_a_long_time_has_no_claim_on_what_was_read_before() {
        assert!(others(usize::MAX, 10_000) <= 102);
        let mut turns = Turns::default();
        (0..20).for_each(|_| turns.read(Priority::Urgent));
        turns.rest();
        assert!(!turns.is_the_others());
    }
}
