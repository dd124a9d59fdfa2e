//! Looks at every byte.

use std::io;

use super::bodies;
use super::chain::names;
use super::error::{SnapshotError, Unusable, Warning};
use super::manifest::Manifest;
use super::name::Name;
use super::store::Store;
use super::told::Told;

/// Reads all files, also those that only stand in for others, and says which are damaged. Loading
/// reads no more than it needs.
///
/// Errors: `Store`, `Format`.
pub fn check(store: &dyn Store) -> Result<Vec<Warning>, SnapshotError> {
    let mut damaged = Vec::new();
    for name in names(store)? {
        let file = match store.read(&name.to_string()) {
            Ok(file) => file,
            // Removed by a full snapshot meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(SnapshotError::store(store, &name.to_string(), error)),
        };
        let number = name.number();
        let found = match name {
            Name::Told(_) => Told::parse(store, number, &file).and_then(|told| {
                let files = told.bodies.iter().map(|(index, bytes)| (Name::Bodies(number, *index), *bytes));
                lengths(store, files)
            }),
            Name::Manifest(_) => Manifest::parse(store, number, &file).and_then(|full| {
                let parts = full.parts.iter().zip(0..).map(|(bytes, part)| (Name::Part(number, part), *bytes));
                let bodies = full.bodies.iter().map(|file| (Name::Bodies(file.number, file.index), file.bytes));
                lengths(store, parts.chain(bodies))
            }),
            Name::Bodies(..) | Name::Part(..) => bodies::sound(store, name, &file),
        };
        match found {
            Ok(()) => {}
            Err(Unusable::Damaged(detail)) => damaged.push(Warning { file: store.place(&name.to_string()), detail }),
            Err(Unusable::Fatal(error)) => return Err(error),
        }
    }
    Ok(damaged)
}

/// Files end where they ended when they were written: a cut between two frames shows here only.
fn lengths(store: &dyn Store, files: impl Iterator<Item = (Name, u64)>) -> Result<(), Unusable> {
    for (name, bytes) in files {
        let last = bodies::read(store, name, bytes.saturating_sub(1)..bytes + 1)?.map_err(Unusable::Damaged)?;
        if last.len() != 1 {
            return Err(Unusable::Damaged(format!("it names {name} of {bytes} bytes, which has another length")));
        }
    }
    Ok(())
}
