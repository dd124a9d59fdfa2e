//! Which class of priority goes next: the most pressing one that waits, but not always.

/// Classes of priority, the most pressing first.
pub(super) const CLASSES: usize = 3;

/// One turn in so many belongs to the classes below, while any of them waits: 10 %.
const TURNS: u32 = 10;

/// Counts turns, so that no class waits for ever however many more pressing items arrive.
#[derive(Clone, Debug, Default)]
pub(super) struct Floor {
    /// Turns that the most pressing class took while another waited, since none did.
    passed: u32,
    /// Which of two lower classes had the last turn of those below.
    lowest_had_it: bool,
}

impl Floor {
    /// The class that goes next among those that wait; `None` where none does.
    pub(super) fn next(&mut self, waits: [bool; CLASSES]) -> Option<usize> {
        let mut waiting = (0..CLASSES).filter(|&class| waits[class]);
        let (first, lower, lowest) = (waiting.next()?, waiting.next(), waiting.next());
        let Some(lower) = lower else {
            // Nobody has been passed who still waits.
            self.passed = 0;
            return Some(first);
        };
        self.passed += 1;
        if self.passed < TURNS {
            return Some(first);
        }
        self.passed = 0;
        match lowest {
            Some(lowest) => {
                self.lowest_had_it = !self.lowest_had_it;
                Some(if self.lowest_had_it { lowest } else { lower })
            }
            None => Some(lower),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(waits: [bool; CLASSES]) -> Vec<usize> {
        let mut floor = Floor::default();
        (0..100).filter_map(|_| floor.next(waits)).collect()
    }

    #[test]
    fn a_lower_class_has_one_turn_in_ten_and_the_most_pressing_all_others() {
        let count = |class, turns: &[usize]| turns.iter().filter(|&&turn| turn == class).count();
        let two = turns([true, false, true]);
        assert_eq!((count(0, &two), count(2, &two)), (90, 10));
        assert_eq!(two[0], 0, "the most pressing one begins");
        let three = turns([true; 3]);
        assert_eq!((count(0, &three), count(1, &three), count(2, &three)), (90, 5, 5));
    }

    #[test]
    fn what_is_seldom_urgent_never_waits_for_a_class_that_has_all_other_turns() {
        let mut floor = Floor::default();
        for _ in 0..100 {
            assert_eq!(floor.next([true, true, false]), Some(0));
            assert_eq!(floor.next([false, true, false]), Some(1));
        }
    }

    #[test]
    fn a_class_that_waits_alone_has_every_turn() {
        assert_eq!(turns([false, true, false]), [1; 100]);
        assert!(turns([false; 3]).is_empty());
    }
}
