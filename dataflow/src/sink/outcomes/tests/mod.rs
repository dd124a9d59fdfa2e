//! What the table promises, whichever database keeps it. Each claim is tested on SQLite and on Postgres;
//! what only one of them can get wrong is in a file of its own.

mod claims;
mod ground;
mod postgres;
mod sqlite;
