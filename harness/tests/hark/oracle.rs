//! What must hold after every fault: each episode has one outcome, and rows and objects are those of a
//! run without faults, byte by byte. And that this would be seen if it were not so.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use crate::command::{hark, objects, path, revisions, write_episodes};

/// How an output folder differs from one of a run without faults; nothing if it does not.
pub fn differences(here: &Path, calm: &Path) -> Vec<String> {
    let told = |output: &Path| -> BTreeMap<String, (Value, Value)> {
        let told = |outcome: Value| (outcome["state"].clone(), outcome["reason"].clone());
        revisions(output).into_iter().map(|(id, outcome)| (id, told(outcome))).collect()
    };
    let shown = |(state, reason): &(Value, Value)| match reason.as_str() {
        Some(reason) => format!("{}, {reason}", state.as_str().unwrap_or_default()),
        None => state.as_str().unwrap_or_default().to_owned(),
    };
    let mut found = compared("outcome", told(here), told(calm), shown);
    let named = |output: &Path| -> BTreeMap<String, Vec<u8>> {
        objects(output).into_iter().map(|(name, bytes)| (name.display().to_string(), bytes)).collect()
    };
    found.extend(compared("object", named(here), named(calm), |bytes| format!("{} bytes", bytes.len())));
    found
}

fn compared<T: PartialEq>(
    what: &str,
    here: BTreeMap<String, T>,
    calm: BTreeMap<String, T>,
    shown: impl Fn(&T) -> String,
) -> Vec<String> {
    let lost = calm.keys().filter(|name| !here.contains_key(*name)).map(|name| format!("{what} {name} is lost"));
    let others = here.iter().filter_map(|(name, value)| match calm.get(name) {
        None => Some(format!("{what} {name} should not be there")),
        Some(right) if right != value => {
            Some(format!("{what} {name} is another: {} and not {}", shown(value), shown(right)))
        }
        Some(_) => None,
    });
    lost.chain(others).collect()
}

#[test]
fn an_outcome_that_is_dropped_doubled_or_mislabelled_and_a_flipped_bit_are_seen() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let input = folder.path().join("episodes.jsonl");
    let text = |at: usize| (0..9).map(|n| format!("In {n} years the river of {at} was wide. ")).collect::<String>();
    let episode = |at: usize| json!({"id": format!("ep-{at}"), "title": "T", "transcript": {"text": text(at)}});
    write_episodes(&input, (0..3).map(episode));
    let run = |name: &str| {
        let output = folder.path().join(name);
        let ran = hark(&["batch", "--input", path(&input), "--output", path(&output), "--accept-gates"]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        output
    };
    let (calm, here) = (run("calm"), run("here"));
    assert_eq!(differences(&here, &calm), [""; 0]);

    let table = rusqlite::Connection::open(here.join("outcomes.db")).expect("it is there");
    let change = |sql: &str| assert!(table.execute(sql, []).expect("a row of ours") > 0);
    let undo = |sql: &str| {
        change(sql);
        assert_eq!(differences(&here, &calm), [""; 0]);
    };
    change("UPDATE outcomes SET state = 'taken_down' WHERE episode = 'ep-1'");
    assert_eq!(differences(&here, &calm), ["outcome ep-1, revision 0 is another: taken_down and not published"]);
    undo("UPDATE outcomes SET state = 'published' WHERE episode = 'ep-1'");
    change("UPDATE outcomes SET episode = 'ep-9' WHERE episode = 'ep-1'");
    assert_eq!(
        differences(&here, &calm),
        ["outcome ep-1, revision 0 is lost", "outcome ep-9, revision 0 should not be there"]
    );
    undo("UPDATE outcomes SET episode = 'ep-1' WHERE episode = 'ep-9'");
    let (name, mut bytes) = objects(&here).pop_first().expect("previews were published");
    bytes[0] ^= 1;
    std::fs::write(here.join(&name), &bytes).expect("the folder is ours");
    let other =
        format!("object {} is another: {length} bytes and not {length} bytes", name.display(), length = bytes.len());
    assert_eq!(differences(&here, &calm), [other]);
}
