//! The BERT encoder over tokens that lie end to end: `[tokens, 384]` all the way, heads and
//! sentences only inside attention.
//!
//! Architecture: BERT (<https://arxiv.org/abs/1810.04805>) with 6 layers, 12 heads of 32, feed-forward
//! 1536, as `transformers.BertModel` computes it in evaluation mode.

use std::collections::HashMap;
use std::path::Path;

use tch::{Kind, Tensor};

use super::{DIMENSIONS, MOST_PIECES};
use crate::device::Device;
use crate::error::ModelError;

const LAYERS: usize = 6;
const HEADS: i64 = 12;
const HIDDEN: i64 = DIMENSIONS as i64;
const HEAD: i64 = HIDDEN / HEADS;
const INNER: i64 = 1536;
const NORM_FLOOR: f64 = 1e-12;

/// Tokens that go through a feed-forward layer at a time: its inner rows (1.5 MB) stay near the
/// core.
const FEED_ROWS: i64 = 256;

/// Neighbouring texts of one length.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Run {
    /// Tokens per text.
    pub(super) length: usize,
    /// How many texts.
    pub(super) texts: usize,
}

/// `x` -> `x * weight + bias`, with the weight turned once at loading: [inputs, outputs].
struct Linear {
    weight: Tensor,
    bias: Tensor,
}

struct Norm {
    weight: Tensor,
    bias: Tensor,
}

struct Layer {
    /// Query, key and value in one product: [384, 3 x 384].
    query_key_value: Linear,
    attended: Linear,
    attended_norm: Norm,
    feed_in: Linear,
    feed_out: Linear,
    feed_norm: Norm,
}

/// The weights on one device.
pub(super) struct Encoder {
    device: tch::Device,
    words: Tensor,
    /// Position plus segment 0, which every token of a single text has.
    places: Tensor,
    norm: Norm,
    layers: Vec<Layer>,
}

/// The tensors of the weights file, each taken once.
struct Weights {
    named: HashMap<String, Tensor>,
    device: tch::Device,
}

impl Weights {
    fn take(&mut self, name: &str, shape: &[i64]) -> Result<Tensor, ModelError> {
        match self.named.remove(name) {
            Some(tensor) if tensor.size() == shape => Ok(tensor.f_to_device(self.device)?),
            other => Err(ModelError::Shape {
                what: format!("weights {name}"),
                expected: format!("{shape:?}"),
                found: other.map_or("nothing".to_owned(), |tensor| format!("{:?}", tensor.size())),
            }),
        }
    }

    fn linear(&mut self, names: &[String], inputs: i64, outputs: i64) -> Result<Linear, ModelError> {
        let mut weights = Vec::new();
        let mut biases = Vec::new();
        for name in names {
            weights.push(self.take(&format!("{name}.weight"), &[outputs, inputs])?);
            biases.push(self.take(&format!("{name}.bias"), &[outputs])?);
        }
        Ok(Linear {
            weight: Tensor::f_cat(&weights, 0)?.f_transpose(0, 1)?.f_contiguous()?,
            bias: Tensor::f_cat(&biases, 0)?,
        })
    }

    fn norm(&mut self, name: &str) -> Result<Norm, ModelError> {
        Ok(Norm {
            weight: self.take(&format!("{name}.weight"), &[HIDDEN])?,
            bias: self.take(&format!("{name}.bias"), &[HIDDEN])?,
        })
    }
}

impl Linear {
    fn apply(&self, input: &Tensor) -> Result<Tensor, ModelError> {
        Ok(self.bias.f_addmm(input, &self.weight)?)
    }

    fn share(&self) -> Self {
        Self { weight: self.weight.shallow_clone(), bias: self.bias.shallow_clone() }
    }
}

impl Norm {
    fn apply(&self, input: &Tensor) -> Result<Tensor, ModelError> {
        Ok(input.f_layer_norm([HIDDEN], Some(&self.weight), Some(&self.bias), NORM_FLOOR, false)?)
    }

    fn share(&self) -> Self {
        Self { weight: self.weight.shallow_clone(), bias: self.bias.shallow_clone() }
    }
}

impl Layer {
    fn load(weights: &mut Weights, index: usize) -> Result<Self, ModelError> {
        let at = |part: &str| format!("encoder.layer.{index}.{part}");
        let query_key_value = ["query", "key", "value"].map(|part| at(&format!("attention.self.{part}")));
        Ok(Self {
            query_key_value: weights.linear(&query_key_value, HIDDEN, HIDDEN)?,
            attended: weights.linear(&[at("attention.output.dense")], HIDDEN, HIDDEN)?,
            attended_norm: weights.norm(&at("attention.output.LayerNorm"))?,
            feed_in: weights.linear(&[at("intermediate.dense")], HIDDEN, INNER)?,
            feed_out: weights.linear(&[at("output.dense")], INNER, HIDDEN)?,
            feed_norm: weights.norm(&at("output.LayerNorm"))?,
        })
    }

    /// [tokens, 384] -> [tokens, 384]
    fn apply(&self, input: &Tensor, runs: &[Run]) -> Result<Tensor, ModelError> {
        let attended = self.attended.apply(&self.attend(input, runs)?)?;
        let middle = self.attended_norm.apply(&attended.f_add(input)?)?;
        let out = middle.f_empty_like()?;
        let rows = middle.size2()?.0;
        let mut start = 0;
        while start < rows {
            // The last two share, so that none has too few rows.
            let left = rows - start;
            let here = if left < 2 * FEED_ROWS && left > FEED_ROWS { (left + 1) / 2 } else { left.min(FEED_ROWS) };
            let mut inner = self.feed_in.apply(&middle.f_narrow(0, start, here)?)?;
            drop(inner.f_gelu_("none")?);
            drop(self.feed_out.bias.f_addmm_out(&out.f_narrow(0, start, here)?, &inner, &self.feed_out.weight)?);
            start += here;
        }
        self.feed_norm.apply(&out.f_add(&middle)?)
    }

    /// Each text over its own tokens; texts of one length together. Rows that belong to no text
    /// come out as zero.
    fn attend(&self, input: &Tensor, runs: &[Run]) -> Result<Tensor, ModelError> {
        let projected = self.query_key_value.apply(input)?;
        let mut out = Vec::with_capacity(runs.len() + 1);
        let mut start = 0;
        for &Run { length, texts } in runs {
            let (length, texts) = (length as i64, texts as i64);
            let heads = projected.f_narrow(0, start, texts * length)?.f_view([texts, length, 3, HEADS, HEAD])?;
            // [texts, heads, length, 32] each
            let part = |index: i64| heads.f_select(2, index)?.f_transpose(1, 2);
            let attended = Tensor::f_scaled_dot_product_attention::<Tensor>(
                &part(0)?,
                &part(1)?,
                &part(2)?,
                None,
                0.0,
                false,
                None,
                false,
            )?;
            out.push(attended.f_transpose(1, 2)?.f_reshape([texts * length, HIDDEN])?);
            start += texts * length;
        }
        let rows = input.size2()?.0;
        if start < rows {
            out.push(Tensor::f_zeros([rows - start, HIDDEN], (Kind::Float, input.device()))?);
        }
        Ok(Tensor::f_cat(&out, 0)?)
    }

    fn share(&self) -> Self {
        Self {
            query_key_value: self.query_key_value.share(),
            attended: self.attended.share(),
            attended_norm: self.attended_norm.share(),
            feed_in: self.feed_in.share(),
            feed_out: self.feed_out.share(),
            feed_norm: self.feed_norm.share(),
        }
    }
}

impl Encoder {
    pub(super) fn load(path: &Path, device: Device) -> Result<Self, ModelError> {
        let named = Tensor::read_safetensors(path)?.into_iter().collect();
        let mut weights = Weights { named, device: device.torch() };
        let words = weights.take("embeddings.word_embeddings.weight", &[30_522, HIDDEN])?;
        let positions = weights.take("embeddings.position_embeddings.weight", &[512, HIDDEN])?;
        let segments = weights.take("embeddings.token_type_embeddings.weight", &[2, HIDDEN])?;
        let places = positions.f_narrow(0, 0, MOST_PIECES as i64)?.f_add(&segments.f_select(0, 0)?)?;
        let norm = weights.norm("embeddings.LayerNorm")?;
        let layers = (0..LAYERS).map(|index| Layer::load(&mut weights, index)).collect::<Result<_, _>>()?;
        Ok(Self { device: weights.device, words, places, norm, layers })
    }

    pub(super) fn share(&self) -> Self {
        Self {
            device: self.device,
            words: self.words.shallow_clone(),
            places: self.places.shallow_clone(),
            norm: self.norm.share(),
            layers: self.layers.iter().map(Layer::share).collect(),
        }
    }

    /// Tokens of texts end to end, in runs of equal length, and perhaps some that belong to no text
    /// -> per text the mean of its token vectors, 384 numbers each, end to end.
    pub(super) fn encode(&self, tokens: &[i64], runs: &[Run]) -> Result<Vec<f32>, ModelError> {
        let mut places: Vec<i64> =
            runs.iter().flat_map(|run| std::iter::repeat_n(0..run.length as i64, run.texts).flatten()).collect();
        places.resize(tokens.len(), 0);
        let index = |values: &[i64]| Tensor::f_from_slice(values)?.f_to_device(self.device);
        let words = self.words.f_index_select(0, &index(tokens)?)?;
        let mut x = self.norm.apply(&words.f_add(&self.places.f_index_select(0, &index(&places)?)?)?)?;
        for layer in &self.layers {
            x = layer.apply(&x, runs)?;
        }
        let mut means = Vec::with_capacity(runs.len());
        let mut start = 0;
        for &Run { length, texts } in runs {
            let (length, texts) = (length as i64, texts as i64);
            let rows = x.f_narrow(0, start, texts * length)?.f_view([texts, length, HIDDEN])?;
            means.push(rows.f_mean_dim([1_i64].as_slice(), false, Kind::Float)?);
            start += texts * length;
        }
        let means = Tensor::f_cat(&means, 0)?.f_to_device(tch::Device::Cpu)?;
        let mut values = vec![0.0; means.numel()];
        means.f_copy_data(&mut values, means.numel())?;
        Ok(values)
    }
}
