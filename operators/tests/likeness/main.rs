//! Claims about the acoustic fingerprint: on made prints always, on real recordings where they are.
//! The whole table is `cargo run --release -p hark-operators --example likeness_table`.

mod claims;
mod copies;
mod generated;
mod real;
mod recordings;
mod show;
mod sound;
