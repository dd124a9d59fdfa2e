//! The decoder child of `hark`, which starts as many as decode at one time. It stands beside `hark` and
//! holds no model, so that it starts in a blink.

fn main() {
    hark_audio::child::child_main()
}
