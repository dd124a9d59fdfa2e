//! The files of the US English model, and the proof that they are the released ones.
//!
//! The C library reads its model trusting it: a wrong version line makes it call `exit`, a wrong count
//! makes it read past a mapping. Neither can be caught in Rust, so no byte reaches it unchecked.

use std::fs::File;
use std::io;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::RecogniserError;

/// Pronunciations, 134,000 entries.
pub const DICTIONARY: &str = "cmudict-en-us.dict";
/// Trigram language model.
pub const LANGUAGE: &str = "en-us.lm.bin";
/// Folder of the phonetically tied acoustic model.
pub const ACOUSTIC: &str = "en-us";

/// Each file that a load opens, below the model directory, with the SHA-256 it has in release 5.1.1.
pub const FILES: [(&str, &str); 9] = [
    (DICTIONARY, "20b5c293e1f311fb375fe067e500ec5636f4fc7af5594967263696def9b23bfe"),
    (LANGUAGE, "db21d0642286677699e6dbc859d2e5395570222361999387ce60f6e1d01995d6"),
    ("en-us/feat.params", "c982c5f75e2a30c34d2c9ef1f6b129a5a00e67e3e927565076b58664cc2404c9"),
    ("en-us/mdef", "2360f9a86889c1cfee8bd618a0269387911e5fb2920a594f506b18b8c79683b0"),
    ("en-us/means", "832019e32cac12eb318964f96f469034acb12d0348eeddc3831831a100cb4dd4"),
    ("en-us/noisedict", "7295b07df2c204c4f87c6782b6be1a3859d7006d4e3864181c955d6dab105a33"),
    ("en-us/sendump", "8c9564c0d5bef69ca9d9bf1014abe162f071644cf02cf1fa8a483c3dc165a7a8"),
    ("en-us/transition_matrices", "c1f7f28ea43177be734be1f88bd7f1b9a853d0e660f8599c67c6eaeca8bb539a"),
    ("en-us/variances", "b00d696f85e96834fc10f8e5f06428d8c4db6bffdbe5845b6f69bf6efbc48fa5"),
];

/// Reads all files once (35 MB). Errors: `Missing`, `Damaged`, naming the first such file.
pub fn verify(directory: &Path) -> Result<(), RecogniserError> {
    for (name, expected) in FILES {
        let path = directory.join(name);
        let mut hash = Sha256::new();
        match File::open(&path).and_then(|mut file| io::copy(&mut file, &mut hash)) {
            Err(source) => return Err(RecogniserError::Missing { path, source }),
            Ok(_) if hex::encode(hash.finalize()) != expected => {
                return Err(RecogniserError::Damaged { path });
            }
            Ok(_) => {}
        }
    }
    Ok(())
}
