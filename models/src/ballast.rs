//! As much work as a large speech recogniser's encoder, with random weights: to learn how a layout
//! fares under a model of that size before there is one. What it hears means nothing.
//!
//! ```text
//! 24 s of samples, folded to [mel, 3000] ─▶ 2 convolutions ─▶ [1500, width] ─▶ layers of attention ─▶ mean
//! ```
//!
//! Shapes: Whisper's audio encoders (<https://arxiv.org/abs/2212.04356>), whose weights no package
//! registry holds.

use std::str::FromStr;

use tch::{Kind, Tensor};

use crate::device::{Placement, bytes};
use crate::error::ModelError;

/// Frames that a window is folded to.
const FRAMES: i64 = 3000;

/// Seed of the weights and spread of their values, which keeps activations finite in 16 bits.
const SEED: i64 = 17;
const SPREAD: f64 = 0.02;

/// How large the encoder is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Its name among Whisper's.
    pub name: &'static str,
    mel: i64,
    layers: usize,
    width: i64,
    heads: i64,
}

impl Size {
    /// Those of Whisper, `large` being the third.
    pub const ALL: [Self; 4] = [
        Self { name: "tiny", mel: 80, layers: 4, width: 384, heads: 6 },
        Self { name: "base", mel: 80, layers: 6, width: 512, heads: 8 },
        Self { name: "small", mel: 80, layers: 12, width: 768, heads: 12 },
        Self { name: "large", mel: 128, layers: 32, width: 1280, heads: 20 },
    ];

    /// Floating-point operations for one window, a multiplication and an addition being two.
    pub fn operations(self) -> f64 {
        let (tokens, width) = ((FRAMES / 2) as f64, self.width as f64);
        let layer = 2.0 * tokens * 12.0 * width * width + 4.0 * tokens * tokens * width;
        let convolutions = 2.0 * 3.0 * width * (FRAMES as f64 * self.mel as f64 + tokens * width);
        self.layers as f64 * layer + convolutions
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let known = || Self::ALL.map(|size| size.name).join(", ");
        Self::ALL
            .into_iter()
            .find(|size| size.name == name)
            .ok_or_else(|| format!("no encoder is called `{name}`; there are {}", known()))
    }
}

/// The encoder on one device; one handle per lane.
pub struct Ballast {
    size: Size,
    at: Placement,
    first: Linear,
    second: Linear,
    places: Tensor,
    layers: Vec<Layer>,
}

struct Linear {
    weight: Tensor,
    bias: Tensor,
}

struct Layer {
    query_key_value: Linear,
    attended: Linear,
    feed_in: Linear,
    feed_out: Linear,
}

impl Linear {
    fn new(shape: &[i64], at: Placement) -> Result<Self, ModelError> {
        let (kind, device) = (at.precision.kind(), at.device.torch());
        let weight = Tensor::f_randn(shape, (Kind::Float, device))?.f_mul_scalar(SPREAD)?.f_to_kind(kind)?;
        Ok(Self { weight, bias: Tensor::f_zeros([shape[0]], (kind, device))? })
    }

    fn apply(&self, input: &Tensor) -> Result<Tensor, ModelError> {
        Ok(input.f_linear(&self.weight, Some(&self.bias))?)
    }

    fn share(&self) -> Self {
        Self { weight: self.weight.shallow_clone(), bias: self.bias.shallow_clone() }
    }
}

impl Layer {
    fn new(width: i64, at: Placement) -> Result<Self, ModelError> {
        Ok(Self {
            query_key_value: Linear::new(&[3 * width, width], at)?,
            attended: Linear::new(&[width, width], at)?,
            feed_in: Linear::new(&[4 * width, width], at)?,
            feed_out: Linear::new(&[width, 4 * width], at)?,
        })
    }

    /// [windows, tokens, width] -> the same.
    fn apply(&self, x: &Tensor, heads: i64) -> Result<Tensor, ModelError> {
        let (windows, tokens, width) = x.size3()?;
        let norm = |x: &Tensor| x.f_layer_norm::<Tensor>([width], None, None, 1e-5, false);
        let split = self.query_key_value.apply(&norm(x)?)?.f_view([windows, tokens, 3, heads, width / heads])?;
        // [windows, heads, tokens, width / heads] each
        let part = |index: i64| split.f_select(2, index)?.f_transpose(1, 2);
        let seen = Tensor::f_scaled_dot_product_attention::<Tensor>(
            &part(0)?,
            &part(1)?,
            &part(2)?,
            None,
            0.0,
            false,
            None,
            false,
        )?;
        let seen = seen.f_transpose(1, 2)?.f_reshape([windows, tokens, width])?;
        let x = x.f_add(&self.attended.apply(&seen)?)?;
        let inner = self.feed_in.apply(&norm(&x)?)?.f_gelu("none")?;
        Ok(x.f_add(&self.feed_out.apply(&inner)?)?)
    }

    fn share(&self) -> Self {
        Self {
            query_key_value: self.query_key_value.share(),
            attended: self.attended.share(),
            feed_in: self.feed_in.share(),
            feed_out: self.feed_out.share(),
        }
    }
}

impl Ballast {
    /// Draws the weights.
    ///
    /// Errors: `OutOfMemory`.
    pub fn new(size: Size, at: Placement) -> Result<Self, ModelError> {
        let _no_grad = tch::no_grad_guard();
        tch::manual_seed(SEED);
        Ok(Self {
            size,
            at,
            first: Linear::new(&[size.width, size.mel, 3], at)?,
            second: Linear::new(&[size.width, size.width, 3], at)?,
            places: Linear::new(&[FRAMES / 2, size.width], at)?.weight,
            layers: (0..size.layers).map(|_| Layer::new(size.width, at)).collect::<Result<_, _>>()?,
        })
    }

    /// Another handle to the same weights, for another lane.
    pub fn share(&self) -> Self {
        Self {
            size: self.size,
            at: self.at,
            first: self.first.share(),
            second: self.second.share(),
            places: self.places.shallow_clone(),
            layers: self.layers.iter().map(Layer::share).collect(),
        }
    }

    /// Bytes of its weights on its device; handles share them.
    pub fn weight_bytes(&self) -> usize {
        let linears = self
            .layers
            .iter()
            .flat_map(|layer| [&layer.query_key_value, &layer.attended, &layer.feed_in, &layer.feed_out])
            .chain([&self.first, &self.second]);
        linears.flat_map(|linear| [&linear.weight, &linear.bias]).chain([&self.places]).map(bytes).sum()
    }

    /// Windows of any lengths, shorter ones filled up with silence, longer ones cut off -> per window
    /// the mean of what the encoder makes of it, a number without meaning.
    ///
    /// Errors: `OutOfMemory`, `Torch`.
    pub fn weigh(&self, windows: &[&[i16]]) -> Result<Vec<f32>, ModelError> {
        let _no_grad = tch::no_grad_guard();
        let mut found = vec![0.0; windows.len()];
        if !windows.is_empty() {
            self.encode(windows)?.f_copy_data(&mut found, windows.len())?;
        }
        Ok(found)
    }

    fn encode(&self, windows: &[&[i16]]) -> Result<Tensor, ModelError> {
        let each = (self.size.mel * FRAMES) as usize;
        let mut samples: Vec<i16> = Vec::with_capacity(windows.len() * each);
        for (row, window) in windows.iter().enumerate() {
            samples.extend_from_slice(&window[..window.len().min(each)]);
            samples.resize((row + 1) * each, 0);
        }
        let folded = Tensor::f_from_slice(&samples)?
            .f_to_device(self.at.device.torch())?
            .f_view([windows.len() as i64, self.size.mel, FRAMES])?
            .f_to_kind(self.at.precision.kind())?
            .f_div_scalar(32_768.0)?;
        let convolved = |x: &Tensor, linear: &Linear, stride: i64| {
            x.f_conv1d(&linear.weight, Some(&linear.bias), [stride], [1], [1], 1)?.f_gelu("none")
        };
        let x = convolved(&convolved(&folded, &self.first, 1)?, &self.second, 2)?;
        let mut x = x.f_transpose(1, 2)?.f_add(&self.places)?;
        for layer in &self.layers {
            x = layer.apply(&x, self.size.heads)?;
        }
        let means = x.f_mean_dim([1_i64, 2].as_slice(), false, Kind::Float)?;
        Ok(means.f_to_device(tch::Device::Cpu)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_weights_are_as_many_as_those_of_the_encoder_that_it_stands_for() {
        // Whisper's tiny encoder: 8,208,384 parameters, of which norms, which are left out here, 7,680.
        let tiny = Ballast::new("tiny".parse().unwrap(), Placement::CPU).unwrap();
        let parameters = tiny.weight_bytes() / 4;
        assert!(parameters.abs_diff(8_208_384) < 20_000, "{parameters}");
    }

    #[test]
    fn windows_of_any_length_give_a_finite_number_each() {
        let tiny = Ballast::new("tiny".parse().unwrap(), Placement::CPU).unwrap();
        let long = vec![900; 500_000];
        let found = tiny.weigh(&[&[], &long[..16_000], &long]).unwrap();
        assert_eq!(found.len(), 3);
        assert!(found.iter().all(|value| value.is_finite()), "{found:?}");
    }
}
