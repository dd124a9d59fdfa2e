//! The decoder child of benchmarks, as `hark-decode` is of `hark`.

fn main() {
    hark_audio::child::child_main()
}
