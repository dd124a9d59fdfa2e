//! What this crate needs beside Rust: PocketSphinx's C sources compiled in, and the way to libtorch.

#[path = "build/rpath.rs"]
mod rpath;
#[path = "build/sphinx.rs"]
mod sphinx;

fn main() {
    sphinx::compile();
    rpath::link();
}
