//! How much context a window needs before it: Silero on a whole recording against windows of 30 s
//! that start from zero state with some discarded audio before them.
//!
//! ```text
//! ffmpeg -v error -i EPISODE -ac 1 -ar 16000 -f s16le - | cargo run --release -p hark-models --example context
//! ```

use std::io::Read;
use std::path::Path;

use hark_models::device::{Device, lane_thread_setup};
use hark_models::manifest::Manifest;
use hark_models::silero::{CHUNK, SpeechDetector};

/// Chunks per window: 30.016 s.
const WINDOW: usize = 938;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut bytes = Vec::new();
    std::io::stdin().read_to_end(&mut bytes)?;
    let samples: Vec<i16> = bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
    let home = std::env::var("HARK_HOME")?;
    let files = Manifest::open(Path::new(&home)).verified("silero-vad")?;
    let detector = SpeechDetector::load(&files, Device::select("cpu")?)?;
    let _lane = lane_thread_setup();

    let whole = detector.probabilities(&[&samples])?.remove(0);
    let starts: Vec<usize> = (0..whole.len()).step_by(WINDOW).collect();
    println!("{:.0} s, {} windows", samples.len() as f64 / 16_000.0, starts.len());
    for context in [0, 4, 8, 16, 31, 63, 94, 125, 188, 313] {
        let begins: Vec<usize> = starts.iter().map(|start| start.saturating_sub(context)).collect();
        let windows: Vec<&[i16]> = starts
            .iter()
            .zip(&begins)
            .map(|(start, begin)| &samples[begin * CHUNK..samples.len().min((start + WINDOW) * CHUNK)])
            .collect();
        let mut largest = 0.0_f32;
        let mut flipped = 0;
        for ((start, begin), found) in starts.iter().zip(&begins).zip(detector.probabilities(&windows)?) {
            for (found, wanted) in found[start - begin..].iter().zip(&whole[*start..]) {
                largest = largest.max((found - wanted).abs());
                flipped += usize::from((*found > 0.5) != (*wanted > 0.5));
            }
        }
        println!(
            "context {:.2} s: largest difference {largest:.4}, {flipped} of {} decisions differ ({:.4} %)",
            context as f64 * 0.032,
            whole.len(),
            100.0 * flipped as f64 / whole.len() as f64
        );
    }
    Ok(())
}
