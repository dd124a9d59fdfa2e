//! A program that is nothing but a decoder child: `hark-decode` for this crate's own tests.

fn main() {
    hark_audio::child::child_main()
}
