//! Damaged files are found, named, and made up for where another file can.

use super::super::name::Name;
use super::*;

/// All files of a place, in memory.
type Files = Vec<(String, Vec<u8>)>;

fn files(store: &Arc<dyn Store>) -> Files {
    let mut names: Vec<String> = store.list().unwrap().into_iter().map(|(name, _)| name).collect();
    names.sort();
    names.into_iter().map(|name| (name.clone(), store.read(&name).unwrap())).collect()
}

fn place(files: &Files) -> Arc<dyn Store> {
    let store = memory();
    files.iter().for_each(|(name, bytes)| store.create(name, bytes).unwrap());
    store
}

/// Two full snapshots, commits before, between and after; with the state after each commit.
fn history() -> (Files, Vec<BTreeSet<Fact>>) {
    let store = memory();
    let limits = Limits { part_bytes: 2_000, body_file_bytes: 4_000, ..TINY };
    let snapshots = Snapshots::open(Arc::clone(&store), 1, limits).unwrap();
    let mut states = vec![BTreeSet::new()];
    for commit in 0..9_u64 {
        let facts: Vec<Fact> = (0..30).map(|number| fact(commit * 37 + number)).collect();
        snapshots.append(&facts, &positions(commit as i64), commit as i64).unwrap();
        states.push(states[commit as usize].iter().cloned().chain(facts).collect());
        if commit % 4 == 1 {
            snapshots.full(|_| true).unwrap();
        }
    }
    (files(&store), states)
}

/// SplitMix64: damage that is the same in every run.
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Flips a bit or cuts the end off.
fn damage(bytes: &mut Vec<u8>, seed: &mut u64) -> String {
    let at = (random(seed) % bytes.len() as u64) as usize;
    if random(seed).is_multiple_of(2) {
        let bit = random(seed) % 8;
        bytes[at] ^= 1 << bit;
        format!("bit {bit} of byte {at} flipped")
    } else {
        bytes.truncate(at);
        format!("cut to {at} bytes")
    }
}

/// The same facts with likenesses by which some episodes are no longer compared.
fn is_without_some_likenesses(found: &BTreeSet<Fact>, whole: &BTreeSet<Fact>) -> bool {
    let lost: Vec<&Fact> = whole.difference(found).collect();
    found.is_subset(whole) && lost.iter().all(|fact| matches!(fact, Fact::Print(..) | Fact::Signature(..)))
}

#[test]
fn two_hundred_flips_and_cuts_are_all_found_and_none_changes_what_is_told() {
    let (sound, states) = history();
    let last = states.last().unwrap();
    let newest_full = sound.iter().filter_map(|(name, _)| match Name::parse(name) {
        Some(Name::Manifest(number)) => Some(number),
        _ => None,
    });
    let newest_full = newest_full.max().unwrap();
    let mut seed = 20_260_101;
    let (mut whole, mut cut, mut lost) = (0, 0, 0);
    for round in 0..200 {
        let mut files = sound.clone();
        let at = (random(&mut seed) % files.len() as u64) as usize;
        let (name, bytes) = &mut files[at];
        let what = format!("round {round}: {name}: {}", damage(bytes, &mut seed));
        let (name, kind) = (name.clone(), Name::parse(name).unwrap());
        let store = place(&files);

        let found = check(&*store).unwrap();
        assert!(!found.is_empty(), "{what}: not found");
        let names_it = |warning: &Warning| warning.file.ends_with(&name) || warning.detail.contains(&name);
        assert!(found.iter().all(names_it), "{what}: {found:?}");

        let (facts, header, warnings) = state(&store);
        assert!(warnings.iter().all(|warning| warning.file.ends_with(&name)), "{what}: {warnings:?}");
        match kind {
            Name::Told(number) if number > newest_full => {
                let at = header.unwrap().at;
                assert_eq!(facts, states[(at + 1) as usize], "{what}");
                assert!(facts != *last && !warnings.is_empty(), "{what}");
                cut += 1;
            }
            Name::Bodies(..) => {
                assert!(is_without_some_likenesses(&facts, last), "{what}");
                assert!(facts == *last || !warnings.is_empty(), "{what}");
                lost += usize::from(facts != *last);
            }
            Name::Told(_) | Name::Part(..) | Name::Manifest(_) => {
                assert_eq!(facts, *last, "{what}");
                whole += usize::from(!warnings.is_empty());
            }
        }

        let unharmed = warnings.is_empty();

        // The next life goes on from there, and heals what can be healed.
        let snapshots = open(&store);
        assert_eq!(snapshots.load(0, 1).unwrap().facts.map(Result::unwrap).collect::<BTreeSet<_>>(), facts, "{what}");
        snapshots.append(&[fact(5_001)], &positions(50), 50).unwrap();
        for _ in 0..3 {
            snapshots.full(|_| true).unwrap();
        }
        let (after, header, warnings) = state(&store);
        assert_eq!(after, facts.into_iter().chain([fact(5_001)]).collect(), "{what}");
        assert_eq!((header.unwrap().at, warnings), (50, Vec::new()), "{what}");
        // Bodies that are whole stay in a file whose first bytes are not.
        let harmless = matches!(kind, Name::Bodies(..)) && unharmed;
        assert!(harmless || check(&*store).unwrap().is_empty(), "{what}");
    }
    assert!(whole > 5 && cut > 1 && lost > 5, "made up for {whole}, cut off {cut}, likenesses lost {lost}");
}

#[test]
fn a_missing_file_is_made_up_for_or_named() {
    let (sound, states) = history();
    for at in 0..sound.len() {
        let mut files = sound.clone();
        let (name, _) = files.remove(at);
        let (facts, _header, warnings) = state(&place(&files));
        assert!(
            states.contains(&facts) || is_without_some_likenesses(&facts, states.last().unwrap()),
            "{name}: no commit's state"
        );
        let whole = facts == *states.last().unwrap();
        // The last commit alone leaves no gap; that it is gone cannot be seen.
        assert!(whole || !warnings.is_empty() || facts == states[states.len() - 2], "{name}: not named");
    }
}

#[test]
fn a_bucket_damaged_in_both_full_snapshots_is_refused_by_name() {
    let (mut files, _) = history();
    for (name, bytes) in files.iter_mut().filter(|(name, _)| name.starts_with("part-")) {
        assert!(name.ends_with(".snap"));
        bytes.clear();
    }
    let failed = load(place(&files), 0, 1).unwrap().facts.find_map(Result::err).unwrap();
    let SnapshotError::Damaged { file, .. } = &failed else { panic!("{failed}") };
    assert!(file.contains("part-"), "{file}");
    assert!(failed.to_string().contains("restore the place from a copy"));
}

#[test]
fn without_any_readable_manifest_and_the_first_commits_nothing_is_made_up() {
    let (mut files, _) = history();
    files.iter_mut().filter(|(name, _)| name.starts_with("manifest-")).for_each(|(_, bytes)| bytes[40] ^= 1);
    assert!(matches!(load(place(&files), 0, 1), Err(SnapshotError::Damaged { .. })));
    assert!(matches!(Snapshots::open(place(&files), 1, TINY), Err(SnapshotError::Damaged { .. })));
}

#[test]
fn a_file_under_another_files_name_is_not_believed() {
    let (mut files, states) = history();
    let told: Vec<usize> = (0..files.len()).filter(|at| files[*at].0.starts_with("told-")).collect();
    let [.., before, last] = told[..] else { panic!("{told:?}") };
    files[last].1 = files[before].1.clone();
    let (facts, _, warnings) = state(&place(&files));
    assert_eq!(facts, states[states.len() - 2]);
    assert!(warnings[0].detail.contains("another file under this name"), "{warnings:?}");
}
