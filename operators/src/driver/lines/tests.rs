//! What a batch takes of what waits.

use std::time::Duration;

use proptest::prelude::*;

use super::super::sample::{passage, window};
use super::*;

/// Lines with records of these classes and lengths, and what a batch of `most` takes.
fn taken(waiting: &[(Priority, usize)], most: usize) -> (Lines<usize>, Vec<usize>) {
    let mut lines = Lines::default();
    let start = Instant::now();
    for (at, &(priority, length)) in waiting.iter().enumerate() {
        lines.push(at, passage(at as u32, priority, length), start + Duration::from_millis(at as u64), None);
    }
    let batch = lines.take(&Limits::items(most)).into_iter().map(|item| item.kept).collect();
    (lines, batch)
}

#[test]
fn a_batch_is_the_oldest_and_those_nearest_in_length_and_the_rest_keep_their_order() {
    use Priority::Normal;
    let (mut lines, batch) = taken(&[(Normal, 9), (Normal, 90), (Normal, 10), (Normal, 50), (Normal, 8)], 3);
    assert_eq!(batch, [0, 2, 4]);
    assert_eq!(lines.take(&Limits::items(1)).into_iter().map(|item| item.kept).collect::<Vec<_>>(), [1]);
    assert_eq!(lines.load().items, 1);
}

#[test]
fn an_urgent_record_overtakes_ten_thousand_of_a_backfill() {
    let mut waiting = vec![(Priority::Backfill, 5); 10_000];
    waiting.push((Priority::Urgent, 5));
    let (_, batch) = taken(&waiting, 1);
    assert_eq!(batch, [10_000]);
}

#[test]
fn a_backfill_that_has_waited_for_ten_minutes_counts_as_normal_and_never_as_urgent() {
    use Priority::{Backfill, Normal, Urgent};
    let (mut lines, _) = taken(&[(Backfill, 5), (Normal, 5), (Urgent, 5)], 0);
    let start = lines.oldest().expect("three wait");
    lines.push(3, passage(3, Backfill, 5), start + AGED / 2, None);
    lines.age(start + AGED / 2);
    let next = |lines: &mut Lines<usize>| lines.take(&Limits::items(1)).pop().map(|item| item.kept);
    assert_eq!(next(&mut lines), Some(2));
    lines.age(start + AGED);
    lines.push(4, passage(4, Normal, 5), start + AGED, None);
    let left: Vec<usize> = std::iter::from_fn(|| next(&mut lines)).collect();
    assert_eq!(left, [0, 1, 4, 3], "the aged one waits longest of its new class");
}

#[test]
fn one_place_in_ten_is_for_those_below() {
    let waiting: Vec<_> = (0..40).flat_map(|_| [(Priority::Urgent, 5), (Priority::Backfill, 5)]).collect();
    let (_, batch) = taken(&waiting, 20);
    assert_eq!(batch.iter().filter(|&&at| at % 2 == 1).count(), 2);
}

#[test]
fn what_is_urgent_does_not_wait_until_others_beside_it_are_done() {
    let mut waiting = vec![(Priority::Backfill, 5); 40];
    waiting.extend([(Priority::Urgent, 5); 2]);
    let (mut lines, batch) = taken(&waiting, 16);
    assert_eq!(batch, [40, 41]);
    assert_eq!(lines.take(&Limits::items(16)).len(), 16, "the others fill the next one");
}

#[test]
fn a_class_below_keeps_its_places_however_few_a_batch_holds() {
    for most in [1, 3, 16] {
        let (mut lines, start) = (Lines::default(), Instant::now());
        let classes = (0..100).flat_map(|_| [Priority::Urgent, Priority::Backfill]);
        for (at, priority) in classes.enumerate() {
            lines.push(priority, passage(at as u32, priority, 5), start + Duration::from_millis(at as u64), None);
        }
        let batches = std::iter::repeat_with(|| lines.take(&Limits::items(most)));
        let taken: Vec<Priority> = batches.flatten().map(|item| item.kept).take(60).collect();
        let below = taken.iter().filter(|class| **class == Priority::Backfill).count();
        assert_eq!(below, 6, "batches of {most}");
    }
}

#[test]
fn a_class_below_keeps_its_places_where_size_closes_batches_early() {
    // A batch holds four passages by their word pieces, far fewer than the ten of which one is for those below.
    let mut lines = Lines::default();
    let start = Instant::now();
    let classes = (0..100).flat_map(|_| [Priority::Urgent, Priority::Backfill]);
    for (at, priority) in classes.enumerate() {
        lines.push(priority, passage(at as u32, priority, 70), start + Duration::from_millis(at as u64), None);
    }
    let limits = Limits { items: 100, samples: None, tokens: Some(50) };
    let taken: Vec<Priority> = (0..20).flat_map(|_| lines.take(&limits)).map(|item| item.kept).collect();
    assert_eq!(taken.len(), 80);
    assert_eq!(taken.iter().filter(|class| **class == Priority::Backfill).count(), 8);
}

#[test]
fn whoever_would_be_late_is_let_out_of_the_line_and_nobody_else() {
    let mut lines = Lines::default();
    let due = [None, Some(50.0), Some(20.0), Some(90.0)];
    for (at, light_from) in due.into_iter().enumerate() {
        lines.push(at, passage(at as u32, Priority::Normal, 7), Instant::now(), light_from);
    }
    let mut late = |now| lines.late(now).into_iter().map(|item| item.kept).collect::<Vec<_>>();
    assert_eq!(late(19.9), [0; 0]);
    assert_eq!(late(50.0), [1, 2]);
    assert_eq!(late(89.0), [0; 0]);
    assert_eq!(lines.load(), Load { items: 2, samples: 0, tokens: 6 });
    let left: Vec<usize> = lines.take(&Limits::items(9)).into_iter().map(|item| item.kept).collect();
    assert_eq!(left, [0, 3], "the others keep their places");
}

/// What may wait: a passage of so many letters, or a window of so many samples, of some class.
fn pieces() -> impl Strategy<Value = Vec<(bool, usize, u8)>> {
    prop::collection::vec((any::<bool>(), 1_usize..400, 0_u8..3), 0..120)
}

proptest! {
    #[test]
    fn no_batch_is_over_a_limit_unless_it_is_a_single_item_and_nothing_is_lost(
        pieces in pieces(), items in 1_usize..20, samples in 1_usize..900, tokens in 1_usize..150,
    ) {
        let limits = Limits { items, samples: Some(samples), tokens: Some(tokens) };
        let (mut lines, start) = (Lines::default(), Instant::now());
        for (at, &(is_window, size, class)) in pieces.iter().enumerate() {
            let priority = [Priority::Urgent, Priority::Normal, Priority::Backfill][usize::from(class)];
            let record = if is_window { window(at as u32, size) } else { passage(at as u32, priority, size) };
            lines.push(at, record, start + Duration::from_millis(at as u64), None);
        }
        let mut seen = Vec::new();
        while !lines.is_empty() {
            let waited = lines.load();
            let batch = lines.take(&limits);
            prop_assert!(!batch.is_empty(), "something waits, so something goes");
            let held = batch.iter().map(|item| Load::of(&item.record)).fold(Load::default(), Load::with);
            prop_assert!(batch.len() == 1 || held.items <= items && held.samples <= samples && held.tokens <= tokens);
            prop_assert_eq!(lines.load(), waited.without(held));
            seen.extend(batch.into_iter().map(|item| item.kept));
        }
        prop_assert_eq!(lines.load(), Load::default());
        seen.sort_unstable();
        prop_assert_eq!(seen, (0..pieces.len()).collect::<Vec<_>>());
    }
}
