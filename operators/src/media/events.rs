//! TEMPORARY
#![allow(missing_docs)]
pub fn events(samples: &[i16]) -> (Vec<i8>, Vec<u8>) { (samples.chunks(160).map(|c| { let e: f64 = c.iter().map(|&s| (s as f64/32768.0).powi(2)).sum::<f64>()/c.len() as f64; if e <= 0.0 { -127 } else { (10.0*e.log10()).round().max(-127.0) as i8 } }).collect(), samples.chunks(8000).map(|_| 0u8).collect()) }
