//! The BERT encoder over tokens that lie end to end: `[tokens, 384]` all the way, heads and
//! sentences only inside attention.
//!
//! Architecture: BERT (<https://arxiv.org/abs/1810.04805>) with 6 layers, 12 heads of 32, feed-forward
//! 1536, as `transformers.BertModel` computes it in evaluation mode.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use tch::{Kind, Tensor};

use super::{DIMENSIONS, MOST_PIECES};
use crate::device::{Device, Placement, bytes};
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

/// Neighbouring texts of one length, or filled up to one.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Run {
    /// Tokens per text, what fills up included.
    pub(super) length: usize,
    /// Tokens of each text alone.
    pub(super) filled: Vec<usize>,
}

impl Run {
    /// Texts and tokens per text.
    fn size(&self) -> (i64, i64) {
        (self.filled.len() as i64, self.length as i64)
    }

    /// Which of its rows are tokens of a text: [texts, length], `None` where all are.
    fn mask(&self, device: tch::Device) -> Result<Option<Tensor>, ModelError> {
        if self.filled.iter().all(|&filled| filled == self.length) {
            return Ok(None);
        }
        let filled: Vec<i64> = self.filled.iter().map(|&filled| filled as i64).collect();
        let filled = Tensor::f_from_slice(&filled)?.f_to_device(device)?.f_unsqueeze(1)?;
        let places = Tensor::f_arange(self.length as i64, (Kind::Int64, device))?;
        Ok(Some(places.f_lt_tensor(&filled)?))
    }
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
    at: Placement,
    words: Tensor,
    /// Position plus segment 0, which every token of a single text has.
    places: Tensor,
    norm: Norm,
    layers: Vec<Layer>,
    /// Whose texts a GPU is at, of all handles. Lanes cut texts side by side; their kernels would share one
    /// stream, and every copy of one lane wait for whatever others had queued before it.
    turn: Arc<Mutex<()>>,
}

/// The tensors of the weights file, each taken once.
struct Weights {
    named: HashMap<String, Tensor>,
    at: Placement,
}

impl Weights {
    fn take(&mut self, name: &str, shape: &[i64]) -> Result<Tensor, ModelError> {
        match self.named.remove(name) {
            Some(tensor) if tensor.size() == shape => {
                Ok(tensor.f_to_device(self.at.device.torch())?.f_to_kind(self.at.precision.kind())?)
            }
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

    /// [tokens, 384] -> [tokens, 384]; `masks` one per run.
    fn apply(&self, input: &Tensor, runs: &[Run], masks: &[Option<Tensor>]) -> Result<Tensor, ModelError> {
        let attended = self.attended.apply(&self.attend(input, runs, masks)?)?;
        let middle = self.attended_norm.apply(&attended.f_add(input)?)?;
        let out = middle.f_empty_like()?;
        let rows = middle.size2()?.0;
        let most = if middle.device() == tch::Device::Cpu { FEED_ROWS } else { rows };
        let mut start = 0;
        while start < rows {
            // The last two share, so that none has too few rows.
            let left = rows - start;
            let here = if left < 2 * most && left > most { (left + 1) / 2 } else { left.min(most) };
            let mut inner = self.feed_in.apply(&middle.f_narrow(0, start, here)?)?;
            drop(inner.f_gelu_("none")?);
            drop(self.feed_out.bias.f_addmm_out(&out.f_narrow(0, start, here)?, &inner, &self.feed_out.weight)?);
            start += here;
        }
        self.feed_norm.apply(&out.f_add(&middle)?)
    }

    /// Each text over its own tokens; texts of one run together. Rows after the last run come out as
    /// zero.
    fn attend(&self, input: &Tensor, runs: &[Run], masks: &[Option<Tensor>]) -> Result<Tensor, ModelError> {
        let projected = self.query_key_value.apply(input)?;
        let mut out = Vec::with_capacity(runs.len() + 1);
        let mut start = 0;
        for (run, mask) in runs.iter().zip(masks) {
            let (texts, length) = run.size();
            // [texts, 1, 1, length]: every query of a text sees its tokens, and nothing that fills up.
            let mask = mask.as_ref().map(|mask| mask.f_view([texts, 1, 1, length])).transpose()?;
            let heads = projected.f_narrow(0, start, texts * length)?.f_view([texts, length, 3, HEADS, HEAD])?;
            // [texts, heads, length, 32] each
            let part = |index: i64| heads.f_select(2, index)?.f_transpose(1, 2);
            let attended =
                Tensor::f_scaled_dot_product_attention(&part(0)?, &part(1)?, &part(2)?, mask, 0.0, false, None, false)?;
            out.push(attended.f_transpose(1, 2)?.f_reshape([texts * length, HIDDEN])?);
            start += texts * length;
        }
        let rows = input.size2()?.0;
        if start < rows {
            out.push(Tensor::f_zeros([rows - start, HIDDEN], (input.kind(), input.device()))?);
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
    pub(super) fn load(path: &Path, at: Placement) -> Result<Self, ModelError> {
        let named = Tensor::read_safetensors(path)?.into_iter().collect();
        let mut weights = Weights { named, at };
        let words = weights.take("embeddings.word_embeddings.weight", &[30_522, HIDDEN])?;
        let positions = weights.take("embeddings.position_embeddings.weight", &[512, HIDDEN])?;
        let segments = weights.take("embeddings.token_type_embeddings.weight", &[2, HIDDEN])?;
        let places = positions.f_narrow(0, 0, MOST_PIECES as i64)?.f_add(&segments.f_select(0, 0)?)?;
        let norm = weights.norm("embeddings.LayerNorm")?;
        let layers = (0..LAYERS).map(|index| Layer::load(&mut weights, index)).collect::<Result<_, _>>()?;
        Ok(Self { at, words, places, norm, layers, turn: Arc::default() })
    }

    pub(super) fn weight_bytes(&self) -> usize {
        let norms = self.layers.iter().flat_map(|layer| [&layer.attended_norm, &layer.feed_norm]);
        let norms = norms.chain([&self.norm]).flat_map(|norm| [&norm.weight, &norm.bias]);
        let linears = self
            .layers
            .iter()
            .flat_map(|layer| [&layer.query_key_value, &layer.attended, &layer.feed_in, &layer.feed_out])
            .flat_map(|linear| [&linear.weight, &linear.bias]);
        norms.chain(linears).chain([&self.words, &self.places]).map(bytes).sum()
    }

    pub(super) fn share(&self) -> Self {
        Self {
            at: self.at,
            words: self.words.shallow_clone(),
            places: self.places.shallow_clone(),
            norm: self.norm.share(),
            layers: self.layers.iter().map(Layer::share).collect(),
            turn: self.turn.clone(),
        }
    }

    /// Tokens of texts end to end, in runs, each text filled up to the length of its run, and perhaps
    /// some tokens that belong to no text -> per text the mean of its token vectors, 384 numbers each,
    /// end to end.
    pub(super) fn encode(&self, tokens: &[i64], runs: &[Run]) -> Result<Vec<f32>, ModelError> {
        let device = self.at.device.torch();
        let on_gpu = self.at.device != Device::Cpu;
        let _turn = on_gpu.then(|| self.turn.lock().unwrap_or_else(PoisonError::into_inner));
        let mut places: Vec<i64> =
            runs.iter().flat_map(|run| std::iter::repeat_n(0..run.length as i64, run.filled.len()).flatten()).collect();
        places.resize(tokens.len(), 0);
        let index = |values: &[i64]| Tensor::f_from_slice(values)?.f_to_device(device);
        let masks = runs.iter().map(|run| run.mask(device)).collect::<Result<Vec<_>, _>>()?;
        let words = self.words.f_index_select(0, &index(tokens)?)?;
        let mut x = self.norm.apply(&words.f_add(&self.places.f_index_select(0, &index(&places)?)?)?)?;
        for layer in &self.layers {
            x = layer.apply(&x, runs, &masks)?;
        }
        let mut means = Vec::with_capacity(runs.len());
        let mut start = 0;
        for (run, mask) in runs.iter().zip(&masks) {
            let (texts, length) = run.size();
            let rows = x.f_narrow(0, start, texts * length)?.f_view([texts, length, HIDDEN])?;
            let over = [1_i64];
            means.push(match mask {
                None => rows.f_mean_dim(over.as_slice(), false, Kind::Float)?,
                Some(mask) => {
                    let mask = mask.f_to_kind(rows.kind())?.f_unsqueeze(2)?;
                    let sum = rows.f_mul(&mask)?.f_sum_dim_intlist(over.as_slice(), false, Kind::Float)?;
                    sum.f_div(&mask.f_sum_dim_intlist(over.as_slice(), false, Kind::Float)?)?
                }
            });
            start += texts * length;
        }
        let means = Tensor::f_cat(&means, 0)?.f_to_device(tch::Device::Cpu)?;
        let mut values = vec![0.0; means.numel()];
        means.f_copy_data(&mut values, means.numel())?;
        Ok(values)
    }
}
