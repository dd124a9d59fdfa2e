//! A Parquet file of announcements, one row after the other, one row group open at a time.
//!
//! Rows go through the same [`Row`] as JSON Lines, so that both kinds of file mean the same. Only
//! known columns are read: whatever else the table holds is neither decoded nor able to fail. When
//! a row cannot be read, its columns no longer stand at the same row; the rest of its row group is
//! given up, and said so, rather than joined to the wrong ids.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use parquet::basic::{LogicalType, TimeUnit, Type as Physical};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::reader::{ReaderIter, TreeBuilder};
use parquet::record::{Field, Row as Cells};
use parquet::schema::types::{SchemaDescPtr, SchemaDescriptor, Type, TypePtr};
use serde_json::{Map, Value};

use super::bad::{BadEntry, SourceError};
use super::row::{FIELDS, Row};
use super::{Entry, open};

/// Rows that are decoded ahead per column.
const BATCH: usize = 256;

/// Reads row after row.
pub(super) struct ParquetRows {
    file: SerializedFileReader<File>,
    /// The known columns.
    schema: SchemaDescPtr,
    /// `published` counts nanoseconds (the record reader hands them over as plain numbers).
    nanoseconds: bool,
    /// The path as given, for messages.
    name: String,
    base: String,
    next_group: usize,
    group: Option<ReaderIter>,
    /// Rows before the next one, over all row groups.
    row: u64,
    /// Rows up to the end of the current row group.
    group_end: u64,
}

impl ParquetRows {
    pub(super) fn open(path: &Path) -> Result<Self, SourceError> {
        let damaged = |error| SourceError::Parquet { path: path.to_owned(), error };
        let file = File::open(path).map_err(|error| SourceError::of_io(path, error))?;
        let file = contained(|| SerializedFileReader::new(file)).map_err(damaged)?;
        let root = file.metadata().file_metadata().schema_descr().root_schema().clone();
        let columns = known_columns(&root).map_err(|what| SourceError::Columns {
            path: path.to_owned(),
            what,
            found: names(root.get_fields().iter().map(|field| field.name())),
            known: names(FIELDS.into_iter()),
        })?;
        let nanoseconds = columns.iter().any(|column| column.name() == "published" && counts_nanoseconds(column));
        let projection = Type::group_type_builder(root.name()).with_fields(columns).build().map_err(damaged)?;
        Ok(Self {
            file,
            schema: Arc::new(SchemaDescriptor::new(Arc::new(projection))),
            nanoseconds,
            name: path.display().to_string(),
            base: open::base(path),
            next_group: 0,
            group: None,
            row: 0,
            group_end: 0,
        })
    }

    fn place(&self, row: u64) -> String {
        format!("{}:{row}", self.name)
    }

    /// Opens the next row group; `None` after the last.
    fn advance(&mut self) -> Option<Result<ReaderIter, ParquetError>> {
        let index = self.next_group;
        if index >= self.file.num_row_groups() {
            return None;
        }
        self.next_group += 1;
        self.row = self.group_end;
        let rows = self.file.metadata().row_group(index).num_rows();
        self.group_end += u64::try_from(rows).unwrap_or(0);
        Some(contained(|| {
            let group = self.file.get_row_group(index)?;
            TreeBuilder::new().with_batch_size(BATCH).as_iter(self.schema.clone(), &*group)
        }))
    }

    fn rest_of_group_lost(&mut self, error: &ParquetError) -> BadEntry {
        self.group = None;
        let (from, to) = (self.row, self.group_end.max(self.row));
        let what = format!("row group {} cannot be read from here; rows {from} to {to} are lost", self.next_group);
        let mut entry = BadEntry::new(self.place(from), "parquet", &what, "write the file again");
        entry.fault = entry.fault.caused_by(error);
        entry
    }

    fn entry(&self, cells: Cells) -> Entry {
        let value = self.value(cells);
        let place = self.place(self.row);
        let original = || value.to_string().into_bytes();
        let id = || value.get("id").and_then(Value::as_str).map(str::to_owned);
        let row: Row = serde::Deserialize::deserialize(&value).map_err(|error: serde_json::Error| {
            let remedy = "give the column the type named in the message";
            BadEntry::new(place.clone(), "field", &error.to_string(), remedy).named(id()).keeping(&original())
        })?;
        row.announcement(&self.base).map_err(|refused| {
            BadEntry::new(place.clone(), "field", &refused.what, refused.remedy).named(id()).keeping(&original())
        })
    }

    fn value(&self, cells: Cells) -> Value {
        let mut object = Map::new();
        for (name, field) in cells.into_columns() {
            let value = match field {
                Field::Long(nanoseconds) if self.nanoseconds && name == "published" => {
                    nanoseconds.div_euclid(1_000_000_000).into()
                }
                field => plain(field),
            };
            object.insert(name, value);
        }
        Value::Object(object)
    }
}

impl Iterator for ParquetRows {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        loop {
            let Some(group) = &mut self.group else {
                match self.advance()? {
                    Ok(group) => self.group = Some(group),
                    Err(error) => {
                        self.row += 1;
                        return Some(Err(self.rest_of_group_lost(&error)));
                    }
                }
                continue;
            };
            match contained(|| group.next().transpose()) {
                Ok(None) => self.group = None,
                Ok(Some(cells)) => {
                    self.row += 1;
                    return Some(self.entry(cells));
                }
                Err(error) => {
                    self.row += 1;
                    return Some(Err(self.rest_of_group_lost(&error)));
                }
            }
        }
    }
}

/// The library asserts what a damaged file need not keep; its panics become errors here, where no
/// state of ours is half changed.
fn contained<T>(read: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, ParquetError> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        Err(ParquetError::General(format!("damaged: {}", said.unwrap_or("the decoder gave up"))))
    })
}

fn names<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.take(50).collect::<Vec<_>>().join(", ")
}

/// The columns of [`FIELDS`] that the file has, or what is wrong with them.
fn known_columns(root: &Type) -> Result<Vec<TypePtr>, String> {
    let known = |field: &&TypePtr| FIELDS.contains(&field.name());
    let columns: Vec<TypePtr> = root.get_fields().iter().filter(known).cloned().collect();
    if !columns.iter().any(|column| column.name() == "id") {
        return Err("there is no column id".into());
    }
    for column in &columns {
        let struct_of_texts = column.name() == "transcript"
            && column.is_group()
            && !repeated(column)
            && column.get_fields().iter().all(readable);
        if !struct_of_texts && !readable(column) {
            return Err(format!("the column {} is neither text nor number nor time", column.name()));
        }
    }
    Ok(columns)
}

fn repeated(column: &TypePtr) -> bool {
    let about = column.get_basic_info();
    about.has_repetition() && about.repetition() == parquet::basic::Repetition::REPEATED
}

fn readable(column: &TypePtr) -> bool {
    use parquet::basic::ConvertedType as Meaning;
    if !column.is_primitive() || repeated(column) {
        return false;
    }
    let meaning = column.get_basic_info().converted_type();
    match column.get_physical_type() {
        Physical::BYTE_ARRAY => matches!(meaning, Meaning::NONE | Meaning::UTF8 | Meaning::ENUM | Meaning::JSON),
        Physical::INT32 | Physical::INT64 => {
            !matches!(meaning, Meaning::DECIMAL | Meaning::TIME_MILLIS | Meaning::TIME_MICROS | Meaning::INTERVAL)
        }
        Physical::INT96 | Physical::FLOAT | Physical::DOUBLE => true,
        Physical::BOOLEAN | Physical::FIXED_LEN_BYTE_ARRAY => false,
    }
}

fn counts_nanoseconds(column: &TypePtr) -> bool {
    let logical = column.get_basic_info().logical_type_ref();
    matches!(logical, Some(LogicalType::Timestamp(time)) if time.unit == TimeUnit::NANOS)
}

/// A cell as JSON; times become seconds since 1970.
fn plain(field: Field) -> Value {
    match field {
        Field::Str(text) => text.into(),
        Field::Bytes(bytes) => String::from_utf8_lossy(bytes.data()).into(),
        Field::Byte(number) => number.into(),
        Field::Short(number) => number.into(),
        Field::Int(number) => number.into(),
        Field::Long(number) => number.into(),
        Field::UByte(number) => number.into(),
        Field::UShort(number) => number.into(),
        Field::UInt(number) => number.into(),
        Field::ULong(number) => number.into(),
        Field::Float(number) => number.into(),
        Field::Double(number) => number.into(),
        Field::Date(days) => (i64::from(days) * 86_400).into(),
        Field::TimestampMillis(time) => time.div_euclid(1_000).into(),
        Field::TimestampMicros(time) => time.div_euclid(1_000_000).into(),
        Field::Group(cells) => {
            let filled =
                |(name, cell)| Some((name, plain(cell))).filter(|(_, value): &(String, Value)| !value.is_null());
            let object: Map<_, _> = cells.into_columns().into_iter().filter_map(filled).collect();
            // Some writers cannot write a null struct and write one of nulls.
            if object.is_empty() { Value::Null } else { Value::Object(object) }
        }
        _ => Value::Null,
    }
}
