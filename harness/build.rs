//! Lets this package's programs and tests find libtorch, and know their compiler.

#[path = "../models/build/rpath.rs"]
mod rpath;
#[path = "../models/build/rustc.rs"]
mod rustc;

fn main() {
    rpath::link();
    rustc::tell();
}
