use super::*;
use crate::sink::sample::{failed, published};

fn schema() -> Value {
    serde_json::from_str(include_str!("../../../../docs/schema/preview.schema.json")).unwrap()
}

/// An outcome with its audio and everything optional left out.
fn bare() -> Outcome {
    let mut outcome = published("B", "a", 0);
    outcome.language = None;
    outcome.models.clear();
    let State::Published { selection, clips } = &mut outcome.state else { unreachable!() };
    clips.clear();
    selection.transcript.clear();
    selection.gates.clear();
    outcome
}

#[test]
fn every_line_agrees_with_the_committed_schema() {
    let mut odd = published("\u{202e}</script>\0\"", "../\n", u64::MAX);
    odd.title = "x".repeat(10_000);
    odd.completed_at = odd.ingested_at - 1.0; // a clock was set back
    let validator = jsonschema::draft202012::new(&schema()).unwrap();
    for outcome in [published("A", "b", 1), bare(), odd] {
        let line = line(&outcome).unwrap();
        assert!(!line.contains('\n'));
        let value = serde_json::from_str(&line).unwrap();
        let errors: Vec<_> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}");
    }
}

#[test]
fn the_schema_describes_every_field_and_allows_no_other() {
    let schema = schema();
    assert!(jsonschema::draft202012::meta::is_valid(&schema));
    assert_described(&schema, "preview");
    let mut value: Value = serde_json::from_str(&line(&published("A", "b", 1)).unwrap()).unwrap();
    value["surprise"] = 1.into();
    assert!(!jsonschema::draft202012::is_valid(&schema, &value));
}

/// Every object closed, every property described.
fn assert_described(schema: &Value, place: &str) {
    if schema["properties"].is_object() {
        assert_eq!(schema["additionalProperties"], false, "{place} is open");
    }
    let parts = ["properties", "$defs"].map(|part| schema[part].as_object());
    for (name, part) in parts.into_iter().flatten().flatten() {
        assert!(part["description"].is_string(), "{place}.{name} has no description");
        assert_described(part, name);
    }
}

#[test]
fn the_file_holds_the_published_previews_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let table = OutcomeTable::open(folder.path()).unwrap();
    for outcome in [bare(), published("A", "z", 0), failed("A", "f"), published("A", "b", 1), published("A", "b", 0)] {
        table.record(&outcome).unwrap();
    }
    let (path, lines) = write(&table, folder.path()).unwrap();
    assert_eq!(lines, 4);
    let text = std::fs::read_to_string(&path).unwrap();
    let names: Vec<_> = text
        .lines()
        .map(|line| {
            let value: Value = serde_json::from_str(line).unwrap();
            format!("{} {} {}", value["show"], value["episode"], value["revision"])
        })
        .collect();
    assert_eq!(names, ["\"A\" \"b\" 0", "\"A\" \"b\" 1", "\"A\" \"z\" 0", "\"B\" \"a\" 0"]);

    write(&table, folder.path()).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn a_line_looks_like_this() {
    insta::assert_snapshot!(line(&published("A", "b", 1)).unwrap());
}

#[test]
fn two_runs_of_the_same_work_are_equal_when_stable() {
    let first = published("A", "b", 1);
    let mut second = first.clone();
    second.ingested_at += 100.0;
    second.completed_at += 101.0;
    second.timings.clear();
    second.layout = "split".into();
    assert_ne!(first, second);
    assert_eq!(stable(&first), stable(&second));
    second.language = None;
    assert_ne!(stable(&first), stable(&second));
}
