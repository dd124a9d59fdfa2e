//! Which rows set out again.

use crossbeam_channel::unbounded;
use hark_operators::record::outcome::{Outcome, Picture, State};

use super::*;
use crate::intake::unix_now;
use crate::publish::Correct;
use crate::sink::{Objects, OutcomeTable, sample};
use crate::snapshot::{DRAINED, Header};

/// An outcome that fits what is known of it: nothing.
fn fresh(id: &str, completed_at: f64) -> Outcome {
    let row = sample::published("show", id, 0);
    let picture = Picture { repeated: Vec::new(), ..row.picture };
    Outcome { ingested_at: completed_at - 1.0, completed_at, picture, weighed: None, ..row }
}

#[test]
fn what_ended_fresh_just_before_a_death_sets_out_again_though_nobody_announces_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (objects, table) = (Objects::open(folder.path()), OutcomeTable::open(folder.path()));
    let (halt, _halted) = unbounded();
    let publisher = FolderPublisher::new(
        objects.expect("it is writable"),
        table.expect("it is writable"),
        "fused",
        Correct::default(),
        halt,
    );
    let now = unix_now();
    let seconds_ago = |seconds: f64| now - seconds;
    let copy = State::Duplicate { of: "a".into(), level: "digest".into(), via: "a".into(), similarity: 1.0 };
    let rows = [
        fresh("in time", seconds_ago(60.0)),
        fresh("too late", seconds_ago(5.0)),
        fresh("too late, but read again", seconds_ago(5.0)),
        Outcome { state: copy, ..fresh("nobody's copy", seconds_ago(60.0)) },
        fresh("of this run", now + 60.0),
    ];
    rows.iter().for_each(|row| publisher.rows.record(row, None).expect("it is writable"));
    let sets_out = |at: f64| {
        let remembered = Remembered::of(&Header { at: (at * 1000.0) as i64, ..Header::default() }, true);
        publisher.compare(&Peers::alone(1), &remembered, |announcement| {
            announcement.key.episode.as_str().ends_with("read again")
        });
        let again = std::iter::from_fn(|| publisher.corrections.again()).map(|it| it.key.episode.to_string());
        let again = again.collect::<Vec<_>>();
        // What verdicts say is corrected in any case.
        let due = publisher.corrections.take().expect("the copy is due");
        publisher.corrections.settle();
        assert_eq!(due.iter().map(|key| key.episode.as_str()).collect::<Vec<_>>(), ["nobody's copy"]);
        again
    };
    assert_eq!(sets_out(seconds_ago(10.0)), ["too late"]);
    publisher.ledger().again.clear();
    let drained = DRAINED as f64 / 1000.0;
    assert_eq!(sets_out(drained), [""; 0], "all is known of what ended before a drain");
}
