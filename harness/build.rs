//! Lets this package's programs and tests find libtorch.

#[path = "../models/build/rpath.rs"]
mod rpath;

fn main() {
    rpath::link();
}
