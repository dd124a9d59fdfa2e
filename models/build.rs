//! What this crate needs beside Rust: PocketSphinx's C sources compiled in, and the way to libtorch
//! for tests and examples. Cargo keeps link arguments to one package: every package whose binaries
//! or tests link this crate repeats the rpath line.

#[path = "build/sphinx.rs"]
mod sphinx;

fn main() {
    sphinx::compile();
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    if let Ok(libtorch) = std::env::var("LIBTORCH") {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{libtorch}/lib");
    }
}
