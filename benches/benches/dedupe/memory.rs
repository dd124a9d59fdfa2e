//! Resident memory of this process, as the kernel counts it.

use std::fs;

/// Bytes resident now, after the allocator was asked to hand back what is free.
pub fn resident() -> f64 {
    unsafe extern "C" {
        fn malloc_trim(pad: usize) -> i32;
    }
    // SAFETY: glibc's own call, without preconditions.
    unsafe { malloc_trim(0) };
    status("VmRSS:")
}

/// The most bytes resident so far.
pub fn peak() -> f64 {
    status("VmHWM:")
}

fn status(field: &str) -> f64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux describes its processes");
    let line = status.lines().find_map(|line| line.strip_prefix(field)).expect("the kernel counts memory");
    line.trim().trim_end_matches(" kB").parse::<f64>().expect("a number of KiB") * 1024.0
}
