//! A program that is nothing but a decoder child: what tests and measurements run where `hark`
//! would run itself.

fn main() {
    hark_operators::media::child::child_main()
}
