//! TEMPORARY
#![allow(missing_docs)]
use std::path::*; use crate::fault::Fault; use crate::record::{TranscriptSource, finding::LocalAudio};
#[derive(Clone, Default)] pub struct FetchPolicy { pub roots: Vec<PathBuf>, pub allow_private: bool }
#[derive(Clone)] pub struct Fetcher;
impl Fetcher { pub fn new(_: FetchPolicy) -> Self { Self }
 pub fn audio(&self, uri: &str, base: &str, _into: &Path) -> Result<LocalAudio, Fault> { let path = Path::new(base).join(uri); let b = std::fs::read(&path).map_err(|e| Fault::poison("fetch","not_found",e.to_string(),"x"))?; Ok(LocalAudio{ bytes: b.len() as u64, digest: blake3::hash(&b).to_hex().to_string(), path}) }
 pub fn transcript(&self, s: &TranscriptSource, base: &str) -> Result<(Vec<u8>, Option<String>), Fault> { match s { TranscriptSource::At{uri, media_type} => { let p = Path::new(base).join(uri); Ok((std::fs::read(&p).map_err(|e| Fault::poison("fetch","not_found",e.to_string(),"x"))?, media_type.clone().or(Some(uri.clone())))) } TranscriptSource::Inline{text, media_type} => Ok((text.clone().into_bytes(), media_type.clone())) } } }
