//! Resident memory of this process and its waits for a core, as the kernel counts them.

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

/// Seconds that threads of this process were ready to run while others had the cores.
pub fn waited() -> f64 {
    let threads = fs::read_dir("/proc/self/task").expect("Linux lists threads");
    let stats = threads.flatten().filter_map(|thread| fs::read_to_string(thread.path().join("schedstat")).ok());
    stats.filter_map(|stat| stat.split(' ').nth(1)?.parse::<f64>().ok()).sum::<f64>() / 1e9
}

fn status(field: &str) -> f64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux describes its processes");
    let line = status.lines().find_map(|line| line.strip_prefix(field)).expect("the kernel counts memory");
    line.trim().trim_end_matches(" kB").parse::<f64>().expect("a number of KiB") * 1024.0
}
