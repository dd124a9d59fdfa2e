//! What the models crate needs beside Rust: PocketSphinx's C sources, compiled in.

#[path = "build/sphinx.rs"]
mod sphinx;

fn main() {
    sphinx::compile();
}
