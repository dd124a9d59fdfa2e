//! A print as bytes, for collections that keep and exchange it.
//!
//! ```text
//! version u16 │ seconds f64 │ landmarks: key u32, at u32 …      little-endian
//! ```

use super::print::{Landmark, PRINT_VERSION, Print};
use crate::fault::Fault;
use crate::units::Seconds;

const HEAD: usize = size_of::<u16>() + size_of::<f64>();
const LANDMARK: usize = 2 * size_of::<u32>();

impl Print {
    /// The print as bytes: [`Print::from_bytes`] gives it back.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEAD + self.landmarks().len() * LANDMARK);
        bytes.extend_from_slice(&self.version().to_le_bytes());
        bytes.extend_from_slice(&self.seconds().0.to_le_bytes());
        for landmark in self.landmarks() {
            bytes.extend_from_slice(&landmark.key.to_le_bytes());
            bytes.extend_from_slice(&landmark.at.to_le_bytes());
        }
        bytes
    }

    /// The print that [`Print::to_bytes`] wrote.
    ///
    /// # Errors
    /// `likeness.version` for bytes of another version, `likeness.bytes` for what is no print.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Fault> {
        let broken = || {
            let message = format!("{} bytes are not a print", bytes.len());
            Fault::poison("likeness", "bytes", message, "make the print again from the episode's audio")
        };
        let (version, rest) = bytes.split_first_chunk().ok_or_else(broken)?;
        let version = u16::from_le_bytes(*version);
        if version != PRINT_VERSION {
            let message = format!("a print of version {version} was met, this hark makes and reads {PRINT_VERSION}");
            let remedy = "make the print again from the episode's audio";
            return Err(Fault::poison("likeness", "version", message, remedy));
        }
        let (seconds, rest) = rest.split_first_chunk().ok_or_else(broken)?;
        let (landmarks, odd) = rest.as_chunks::<LANDMARK>();
        if !odd.is_empty() {
            return Err(broken());
        }
        let number = |four: &[u8]| u32::from_le_bytes(four.try_into().expect("half of eight bytes"));
        let landmark = |eight: &[u8; LANDMARK]| Landmark { key: number(&eight[..4]), at: number(&eight[4..]) };
        Ok(Print::new(Seconds(f64::from_le_bytes(*seconds)), landmarks.iter().map(landmark).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print() -> Print {
        Print::new(Seconds(61.5), (0..100).map(|n| Landmark { key: n * 7_777 % 1009, at: n * 19 }).collect())
    }

    #[test]
    fn a_print_is_given_back_as_it_was() {
        assert_eq!(Print::from_bytes(&print().to_bytes()).expect("just written"), print());
        let silent = Print::new(Seconds(0.0), Vec::new());
        assert_eq!(Print::from_bytes(&silent.to_bytes()).expect("just written"), silent);
    }

    #[test]
    fn another_version_and_broken_bytes_are_refused() {
        let mut bytes = print().to_bytes();
        assert_eq!(Print::from_bytes(&bytes[..bytes.len() - 3]).expect_err("cut off").code, "likeness.bytes");
        assert_eq!(Print::from_bytes(&[]).expect_err("nothing").code, "likeness.bytes");
        bytes[0] ^= 2;
        assert_eq!(Print::from_bytes(&bytes).expect_err("another version").code, "likeness.version");
    }
}
