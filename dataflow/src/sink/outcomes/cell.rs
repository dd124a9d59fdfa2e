//! What one column of one row holds, whichever database keeps it.

/// A value of a column.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell {
    /// Nothing.
    Null,
    /// Any text.
    Text(String),
    /// Text that is JSON.
    Json(String),
    /// A signed number, or the bits of an unsigned one.
    Integer(i64),
    /// A finite number.
    Real(f64),
}
