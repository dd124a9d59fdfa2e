//! What this crate needs beside Rust: PocketSphinx's C sources compiled in, and the way to libtorch.

#[path = "build/rpath.rs"]
mod rpath;
#[path = "build/sphinx.rs"]
mod sphinx;

fn main() {
    sphinx::compile();
    rpath::link();
    torch();
}

/// Tells the code which libtorch is pinned, as `HARK_TORCH`.
fn torch() {
    let pins = "../harness/setup/pins/libtorch.txt";
    println!("cargo:rerun-if-changed={pins}");
    let text = std::fs::read_to_string(pins).expect("it is committed");
    let version = text.lines().find_map(|line| line.strip_prefix("torch==")?.split_whitespace().next());
    println!("cargo:rustc-env=HARK_TORCH={}", version.expect("libtorch is pinned"));
}
