//! Compiles PocketSphinx 5.1.1 from the sources that set-up laid under HARK_HOME.
//!
//! Why from sources: the distribution's library and the crate on the registry speak an older API, and
//! a static library needs no search path at run time. The C files are those of the release, none
//! changed; `src/sphinx/forget.c` is ours and reaches one piece of state that the public API hides.

use std::path::{Path, PathBuf};
use std::{env, fs};

/// The release whose sources are compiled; set-up unpacks it under this name.
const RELEASE: &str = "pocketsphinx-5.1.1";

/// What the release's own configure step would find on a 64-bit Linux with GCC or Clang. Floating
/// point, not fixed point: that is what the model's features were trained with.
const CONFIG_H: &str = "#define HAVE_LONG_LONG\n#define HAVE_POPEN\n#define HAVE_SNPRINTF\n\
    #define HAVE_SYS_STAT_H\n#define HAVE_SYS_TYPES_H\n#define HAVE_UNISTD_H\n\
    #define HAVE_INTTYPES_H\n#define HAVE_STDINT_H\n#define SIZEOF_LONG 8\n\
    #define SIZEOF_LONG_LONG 8\n#define PS_USE_THREAD_LOCAL_RNG\n";

/// The same for the header that the public headers include.
const SPHINX_CONFIG_H: &str = "#define HAVE_STDINT_H\n#define SIZEOF_LONG 8\n\
    #ifndef HAVE_LONG_LONG\n#define HAVE_LONG_LONG\n#endif\n#define SIZEOF_LONG_LONG 8\n";

/// Folders of C files below `src/`, the whole library.
const FOLDERS: [&str; 7] = ["", "common_audio/signal_processing", "common_audio/vad", "fe", "feat", "lm", "util"];

/// Builds the static library and tells cargo to link it.
pub fn compile() {
    println!("cargo:rerun-if-env-changed=HARK_HOME");
    println!("cargo:rerun-if-changed=src/sphinx/forget.c");
    println!("cargo:rerun-if-changed=build/sphinx.rs");
    let home = env::var_os("HARK_HOME").map(PathBuf::from).unwrap_or_default();
    let root = home.join(RELEASE);
    let sources = root.join("src");
    println!("cargo:rerun-if-changed={}", sources.display());
    assert!(
        sources.join("pocketsphinx.c").is_file(),
        "the recogniser's C sources are not at {}: run `make setup` in the checkout (HARK_HOME says \
         where set-up lays them; cargo reads it from .cargo/config.toml)",
        root.display()
    );

    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR for build scripts"));
    let generated = out.join("sphinx-config");
    write(&generated.join("config.h"), CONFIG_H);
    write(&generated.join("pocketsphinx/sphinx_config.h"), SPHINX_CONFIG_H);

    let mut build = cc::Build::new();
    build
        .files(FOLDERS.iter().flat_map(|folder| c_files(&sources.join(folder))))
        .file("src/sphinx/forget.c")
        .include(&generated)
        .include(&sources)
        .include(root.join("include"))
        .define("HAVE_CONFIG_H", None)
        .opt_level(3)
        // Search loops over codebooks are the cost; the C casts between struct types and lets sums
        // wrap, so the two assumptions of the optimiser that it breaks are withdrawn.
        .flag("-fno-strict-aliasing")
        .flag("-fwrapv")
        .warnings(false)
        .flag("-w");
    build.compile("hark_pocketsphinx");
    println!("cargo:rustc-link-lib=m");
}

/// The `.c` files of one folder, sorted, so that the archive is the same on every machine.
fn c_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}; run `make setup` again", folder.display()));
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "c"))
        .collect();
    files.sort();
    files
}

fn write(path: &Path, text: &str) {
    let folder = path.parent().expect("generated headers lie in a folder");
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, text))
        .unwrap_or_else(|e| panic!("{}: {e}", path.display()));
}
