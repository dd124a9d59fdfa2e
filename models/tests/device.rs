//! What other devices and precisions give, against the processor in 32 bits.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use hark_models::device::{Device, Placement, Precision, lane_thread_setup};
use hark_models::manifest::Manifest;
use hark_models::minilm::Embedder;
use hark_models::silero::SpeechDetector;

/// The processor, and a GPU where there is one. Whichever test runs first must ask: libtorch that was
/// used before remembers that there is none.
fn devices() -> Vec<Device> {
    match Device::select("cuda:0") {
        Ok(gpu) => vec![Device::Cpu, gpu],
        Err(error) => {
            eprintln!("the GPU's half of this test is SKIPPED: {error}");
            vec![Device::Cpu]
        }
    }
}

/// How far a probability may be off in each precision, and how far a cosine from 1.
const PRECISIONS: [(Precision, f32, f32); 3] =
    [(Precision::F32, 1e-4, 2e-6), (Precision::F16, 0.02, 1e-4), (Precision::Bf16, 0.2, 2e-3)];

/// What `hark` sets at its start; a test has threads already. cuDNN computes with ten bits without it.
fn f32_is_exact(device: Device) -> bool {
    device == Device::Cpu || std::env::var("NVIDIA_TF32_OVERRIDE").is_ok_and(|set| set == "0")
}

fn manifest() -> Manifest {
    let home = std::env::var("HARK_HOME").expect("cargo sets HARK_HOME from .cargo/config.toml");
    Manifest::open(Path::new(&home))
}

fn goldens() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("goldens")
}

#[test]
fn speech_is_the_same_on_every_device_and_near_in_every_precision() {
    let devices = devices(); // asked before libtorch first is
    let _lane = lane_thread_setup();
    let bytes = std::fs::read(goldens().join("silero.i16")).unwrap();
    let signal: Vec<i16> = bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
    let windows: Vec<&[i16]> = vec![&signal[3_000..30_000], &signal[..20_001], &[], &signal[7_000..30_000]];
    let files = manifest().verified("silero-vad").unwrap();
    let wanted = SpeechDetector::load(&files, Device::Cpu).unwrap().probabilities(&windows).unwrap();
    for device in devices {
        for (precision, most, _) in PRECISIONS {
            let most = if precision == Precision::F32 && !f32_is_exact(device) { 5e-3 } else { most };
            let at = Placement { device, precision };
            let found = SpeechDetector::load(&files, at).unwrap().probabilities(&windows).unwrap();
            let lengths = |rows: &[Vec<f32>]| rows.iter().map(Vec::len).collect::<Vec<_>>();
            assert_eq!(lengths(&found), lengths(&wanted), "{at}");
            let largest = found.concat().iter().zip(wanted.concat()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            println!("speech, {at}: largest difference {largest:e}");
            assert!(largest <= most, "{at}: {largest}");
        }
    }
}

#[test]
fn embeddings_are_the_same_on_every_device_and_near_in_every_precision() {
    let devices = devices(); // asked before libtorch first is
    let _lane = lane_thread_setup();
    let words = "the keeper of the light went up the stairs again to see what the sea had brought".split(' ');
    let texts: Vec<String> = (1..24).map(|n| words.clone().cycle().take(n).collect::<Vec<_>>().join(" ")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let files = manifest().verified("minilm").unwrap();
    let wanted = Embedder::load(&files, Device::Cpu).unwrap().embed(&texts).unwrap();
    for device in devices {
        for (precision, _, most) in PRECISIONS {
            let at = Placement { device, precision };
            let found = Embedder::load(&files, at).unwrap().embed(&texts).unwrap();
            let cosine = |(a, b): (&Vec<f32>, &Vec<f32>)| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
            let least = found.iter().zip(&wanted).map(cosine).fold(f32::INFINITY, f32::min);
            println!("embeddings, {at}: cosine at least {least}");
            assert!(1.0 - least <= most, "{at}: {least}");
        }
    }
}

#[test]
fn weights_in_16_bits_take_half_the_memory() {
    devices();
    let _lane = lane_thread_setup();
    let files = manifest().verified("minilm").unwrap();
    let bytes =
        |precision| Embedder::load(&files, Placement { device: Device::Cpu, precision }).unwrap().weight_bytes();
    assert_eq!(bytes(Precision::F32), 2 * bytes(Precision::Bf16));
    assert_eq!(bytes(Precision::F16), bytes(Precision::Bf16));
}
