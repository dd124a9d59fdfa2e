//! Files made for the tests: one sound in every codec, and files that mean harm.

use std::path::{Path, PathBuf};

use super::bench::ffmpeg;

/// Name, ffmpeg's output arguments: every codec and container that podcasts come in, and some.
pub const CODECS: [(&str, &str); 29] = [
    ("cbr.mp3", "-c:a libmp3lame -b:a 64k"),
    ("vbr.mp3", "-c:a libmp3lame -q:a 5 -ac 2"),
    ("no-xing.mp3", "-c:a libmp3lame -b:a 96k -write_xing 0 -id3v2_version 0"),
    ("low.mp3", "-c:a libmp3lame -b:a 24k -ar 22050"),
    ("48k.mp3", "-c:a libmp3lame -b:a 96k -ar 48000"),
    ("layer2.mp2", "-c:a mp2 -b:a 128k"),
    ("aac.m4a", "-c:a aac -b:a 96k"),
    ("stereo.m4a", "-c:a aac -b:a 128k -ac 2 -ar 48000 -movflags +faststart"),
    ("fragments.m4a", "-c:a aac -b:a 96k -movflags +frag_keyframe+empty_moov -frag_duration 1000000"),
    ("adts.aac", "-c:a aac -b:a 96k"),
    ("vorbis.ogg", "-c:a libvorbis -q:a 4 -ac 2"),
    ("vorbis.webm", "-c:a libvorbis -q:a 4"),
    ("opus.opus", "-c:a libopus -b:a 48k -ac 2"),
    ("speech.opus", "-c:a libopus -b:a 12k -application voip"),
    ("opus.webm", "-c:a libopus -b:a 48k"),
    ("opus.mp4", "-c:a libopus -b:a 48k"),
    ("flac.flac", "-c:a flac -ac 2"),
    ("24bit.flac", "-c:a flac -sample_fmt s32 -ar 96000"),
    ("flac.ogg", "-c:a flac"),
    ("alac.m4a", "-c:a alac"),
    ("u8.wav", "-c:a pcm_u8 -ar 8000"),
    ("s16.wav", "-c:a pcm_s16le -ar 16000"),
    ("s24.wav", "-c:a pcm_s24le -ac 2"),
    ("f64.wav", "-c:a pcm_f64le"),
    ("mulaw.wav", "-c:a pcm_mulaw -ar 8000"),
    ("ima.wav", "-c:a adpcm_ima_wav"),
    ("ms.wav", "-c:a adpcm_ms -ac 2"),
    ("s16.aiff", "-c:a pcm_s16be"),
    ("aac.mka", "-c:a aac -b:a 96k"),
];

/// Codecs that only ffmpeg decodes.
pub const FOREIGN: [(&str, &str); 3] =
    [("windows.wma", "-c:a wmav2 -b:a 96k"), ("dolby.ac3", "-c:a ac3 -b:a 96k"), ("pipe.flac", "-c:a flac")];

/// A sound in which every moment differs from every other: a rising and a falling tone under a
/// noise that comes and goes, 44.1 kHz mono.
pub fn sound(folder: &Path, seconds: usize) -> PathBuf {
    let path = folder.join("sound.wav");
    let mut noise = 1u32;
    let samples = (0..seconds * 44_100).map(|n| {
        let t = n as f64 / 44_100.0;
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let noise = f64::from(noise >> 16) / 32_768.0 - 1.0;
        let rising = (std::f64::consts::TAU * (200.0 + 40.0 * t) * t).sin();
        let falling = (std::f64::consts::TAU * (3_000.0 - 50.0 * t) * t).sin();
        let gate = if (t * 3.7).sin() > 0.6 { 0.08 } else { 0.01 };
        ((0.25 * rising + 0.15 * falling + gate * noise) * 20_000.0) as i16
    });
    std::fs::write(&path, wav(44_100, 1, &samples.collect::<Vec<_>>())).unwrap();
    path
}

/// The sound in another codec.
pub fn encode(sound: &Path, name: &str, arguments: &str) -> PathBuf {
    let path = sound.with_file_name(name);
    let mut all = vec!["-i", sound.to_str().unwrap()];
    all.extend(arguments.split(' '));
    all.push(path.to_str().unwrap());
    ffmpeg(&all);
    if name == "pipe.flac" {
        // As a pipe leaves it: no length in the header.
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[21] &= 0xf0;
        bytes[22..26].fill(0);
        std::fs::write(&path, bytes).unwrap();
    }
    path
}

/// 16-bit PCM.
pub fn wav(rate: u32, channels: u16, samples: &[i16]) -> Vec<u8> {
    let bytes = 2 * samples.len() as u32;
    let mut file = Vec::new();
    file.extend_from_slice(b"RIFF");
    file.extend_from_slice(&(36 + bytes).to_le_bytes());
    file.extend_from_slice(b"WAVEfmt \x10\0\0\0\x01\0");
    file.extend_from_slice(&channels.to_le_bytes());
    file.extend_from_slice(&rate.to_le_bytes());
    file.extend_from_slice(&(rate * 2 * u32::from(channels)).to_le_bytes());
    file.extend_from_slice(&(2 * channels).to_le_bytes());
    file.extend_from_slice(&[16, 0]);
    file.extend_from_slice(b"data");
    file.extend_from_slice(&bytes.to_le_bytes());
    file.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    file
}

/// A CAF file of a few hundred bytes whose every packet is said to hold four billion samples: the
/// decoder asks for 8 GiB at once.
pub fn greedy_caf() -> Vec<u8> {
    let mut file = b"caff\0\x01\0\0desc".to_vec();
    file.extend_from_slice(&32u64.to_be_bytes());
    file.extend_from_slice(&44_100f64.to_be_bytes());
    file.extend_from_slice(b"lpcm");
    // Little-endian integers, bytes and frames per packet, channels, bits.
    for word in [2u32, 2, 0xff00_0001, 1, 16] {
        file.extend_from_slice(&word.to_be_bytes());
    }
    file.extend_from_slice(b"data");
    file.extend_from_slice(&404u64.to_be_bytes());
    file.extend_from_slice(&[0; 404]);
    file
}

/// FLAC of digital silence: `seconds` of eight channels at 48 kHz in 40 bytes per 1.4 s, which
/// decode to 1.5 MB per second.
pub fn silent_flac(seconds: u64) -> Vec<u8> {
    const BLOCK: u64 = 65_535;
    let (rate, channels, bits) = (48_000u64, 8u64, 16u64);
    let blocks = seconds * rate / BLOCK;
    let mut file = b"fLaC\x80\0\0\x22".to_vec();
    file.extend_from_slice(&[0xff; 4]); // shortest and longest block
    file.extend_from_slice(&[0; 6]); // sizes of frames: unknown
    let packed = (rate << 44) | ((channels - 1) << 41) | ((bits - 1) << 36) | (blocks * BLOCK);
    file.extend_from_slice(&packed.to_be_bytes());
    file.extend_from_slice(&[0; 16]); // digest: unknown
    for number in 0..blocks {
        // Fixed blocks with a 16-bit length, 48 kHz, eight channels, 16 bits.
        let mut frame = vec![0xff, 0xf8, 0x7a, 0x78];
        frame.extend(char::from_u32(number as u32).unwrap().to_string().bytes());
        frame.extend_from_slice(&(BLOCK as u16 - 1).to_be_bytes());
        frame.push(crc(&frame, 8, 0x07) as u8);
        frame.extend_from_slice(&[0; 3 * 8]); // per channel: constant, 0
        let check = crc(&frame, 16, 0x8005);
        frame.extend_from_slice(&check.to_be_bytes());
        file.extend(frame);
    }
    file
}

fn crc(bytes: &[u8], width: u32, polynomial: u16) -> u16 {
    let (top, mask) = (1u32 << (width - 1), (1u32 << width) - 1);
    let sum = bytes.iter().fold(0u32, |mut sum, &byte| {
        sum ^= u32::from(byte) << (width - 8);
        for _ in 0..8 {
            let carry = sum & top > 0;
            sum = sum << 1 & mask;
            if carry {
                sum ^= u32::from(polynomial);
            }
        }
        sum
    });
    sum as u16
}
