//! Which compiler builds this: for what depends on how it lays things out, and for reports.

/// Tells the code as `HARK_RUSTC`: `rustc 1.95.0 (hash date)`.
pub fn tell() {
    println!("cargo:rerun-if-env-changed=RUSTC");
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let told = std::process::Command::new(rustc).arg("--version").output();
    let told = told.expect("cargo names a compiler that runs").stdout;
    println!("cargo:rustc-env=HARK_RUSTC={}", String::from_utf8_lossy(&told).trim());
}
