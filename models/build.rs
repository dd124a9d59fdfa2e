//! Tells the linker where libtorch lies, so that tests and examples run without LD_LIBRARY_PATH.
//! Cargo keeps such arguments to one package: every package whose tests or binaries link this
//! crate repeats the line.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    if let Ok(libtorch) = std::env::var("LIBTORCH") {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{libtorch}/lib");
    }
}
