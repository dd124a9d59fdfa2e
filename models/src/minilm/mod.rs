//! Sentence embeddings by all-MiniLM-L6-v2 (Apache-2.0): a BERT of 6 layers, its token vectors
//! averaged and brought to unit length.
//!
//! ```text
//! texts ─▶ word pieces ─▶ longest first ─▶ batches of tokens, no padding ─▶ [6 layers] ─▶ mean ─▶ unit
//! ```
//!
//! Nine tenths of the work treat each token by itself, so the tokens of a batch lie in one
//! matrix, sentence after sentence; only attention looks at sentences, and takes those of one length
//! together. There is no padding: nothing is computed for it and no mask is needed.
//!
//! Invariant: an embedding is bit for bit the same whatever other texts share the call. The
//! matrix kernels keep this for 16 rows or more, so fewer are filled up.

mod encoder;

use std::sync::Arc;

use tokenizers::{Tokenizer, TruncationParams};

use crate::device::{Device, lane_thread_setup};
use crate::error::ModelError;
use crate::manifest::ModelFiles;
use encoder::{Encoder, Run};

/// Numbers in an embedding.
pub const DIMENSIONS: usize = 384;

/// Word pieces of a text that are read, its two marks included; the rest is cut off, as by the
/// model's authors.
pub const MOST_PIECES: usize = 256;

/// Tokens per batch. What a layer touches stays near the core; more brings nothing.
const BATCH_TOKENS: usize = 1024;

/// Rows below which the matrix kernels sum in another order than above.
const LEAST_TOKENS: usize = 16;

/// An embedder on one device; one handle per lane.
pub struct Embedder {
    encoder: Encoder,
    tokenizer: Arc<Tokenizer>,
}

/// Texts that go through the encoder together: their tokens end to end, in runs of equal length.
#[derive(Default)]
struct Batch {
    tokens: Vec<i64>,
    runs: Vec<Run>,
}

impl Embedder {
    /// Reads weights and tokenizer onto `device`.
    ///
    /// Errors: `Tokenizer`, `Torch`, `Shape` for weights of another network.
    pub fn load(files: &ModelFiles, device: Device) -> Result<Self, ModelError> {
        let _lane = lane_thread_setup();
        let failed = |error: tokenizers::Error| ModelError::Tokenizer(error.to_string());
        let mut tokenizer = Tokenizer::from_file(files.dir.join("tokenizer.json")).map_err(failed)?;
        tokenizer
            .with_padding(None)
            .with_truncation(Some(TruncationParams { max_length: MOST_PIECES, ..TruncationParams::default() }))
            .map_err(failed)?;
        Ok(Self {
            encoder: Encoder::load(&files.dir.join("model.safetensors"), device)?,
            tokenizer: Arc::new(tokenizer),
        })
    }

    /// Another handle to the same weights, for another lane.
    pub fn share(&self) -> Self {
        Self { encoder: self.encoder.share(), tokenizer: Arc::clone(&self.tokenizer) }
    }

    /// Texts -> per text [`DIMENSIONS`] numbers of unit length, in the order of the texts. Any
    /// number of texts, any lengths; beyond [`MOST_PIECES`] word pieces a text is cut off.
    ///
    /// Errors: `Tokenizer`, `OutOfMemory`, `Torch`.
    pub fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, ModelError> {
        let _no_grad = tch::no_grad_guard();
        let mut pieces = Vec::with_capacity(texts.len());
        for text in texts {
            let encoding =
                self.tokenizer.encode_fast(*text, true).map_err(|error| ModelError::Tokenizer(error.to_string()))?;
            pieces.push(encoding.get_ids().iter().map(|&id| i64::from(id)).collect::<Vec<i64>>());
        }
        let mut order: Vec<usize> = (0..pieces.len()).collect();
        order.sort_by_key(|&text| std::cmp::Reverse(pieces[text].len()));
        let mut found = vec![Vec::new(); texts.len()];
        let mut rest = order.as_slice();
        while !rest.is_empty() {
            let (batch, taken) = Batch::fill(rest, &pieces);
            let vectors = self.encoder.encode(&batch.tokens, &batch.runs)?;
            let (here, later) = rest.split_at(taken);
            for (&text, vector) in here.iter().zip(vectors.chunks_exact(DIMENSIONS)) {
                found[text] = unit(vector);
            }
            rest = later;
        }
        Ok(found)
    }
}

impl Batch {
    /// Takes texts from the front of `order` (longest first) until the batch is full; at least one.
    /// Returns how many it took.
    fn fill(order: &[usize], pieces: &[Vec<i64>]) -> (Self, usize) {
        let mut batch = Self::default();
        let mut taken = 0;
        for &text in order {
            let text = &pieces[text];
            if taken > 0 && batch.tokens.len() + text.len() > BATCH_TOKENS {
                break;
            }
            batch.tokens.extend(text);
            match batch.runs.last_mut() {
                Some(run) if run.length == text.len() => run.texts += 1,
                _ => batch.runs.push(Run { length: text.len(), texts: 1 }),
            }
            taken += 1;
        }
        // Token 0 is the padding piece; no run covers it, so nobody attends to it.
        batch.tokens.resize(batch.tokens.len().max(LEAST_TOKENS), 0);
        (batch, taken)
    }
}

/// The vector at length one; the floor is that of the reference.
fn unit(vector: &[f32]) -> Vec<f32> {
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt().max(1e-12);
    vector.iter().map(|value| value / length).collect()
}
