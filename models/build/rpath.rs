//! The way to libtorch for whatever links this crate, so that programs and tests run without
//! `LD_LIBRARY_PATH`. Cargo keeps link arguments to one package: each package's build script
//! includes this file.

/// Tells the linker where libtorch lies.
pub fn link() {
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    if let Ok(libtorch) = std::env::var("LIBTORCH") {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{libtorch}/lib");
    }
}
