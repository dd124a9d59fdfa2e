//! The network after the spectrum: four convolutions over the 4 frames of a chunk, an LSTM over the
//! chunks of a stream, one output.
//!
//! ```text
//! frames     0    1    2    3      [129]
//! conv 1     0    1    2    3      [128]  stride 1
//! conv 2     0         2           [64]   stride 2
//! conv 3     0                     [64]   stride 2
//! conv 4     0                     [128]  stride 1
//! ```
//!
//! A chunk is so short that its convolutions are nine matrix products whose inputs lie side by side
//! in a row already: a tap that would reach outside the chunk is left out of the matrix, rather than
//! multiplied with zeros, and nothing is copied into columns.
//!
//! Architecture: `silero_vad/tinygrad_model.py` of the package `silero-vad` 6.2.3.

use std::path::Path;

use tch::{CModule, Kind, Tensor};

use super::spectrum::ROW;
use super::{State, WIDTH};
use crate::device::{Placement, bytes};
use crate::error::ModelError;

/// Rows below which the matrix kernels sum in another order than above: fewer rows are filled up,
/// so that a row's result does not tell how many others there were.
const LEAST_ROWS: usize = 16;

/// What cuDNN calls an LSTM.
const CUDNN_LSTM: i64 = 2;

/// The same for the streams of an LSTM step.
const LEAST_STREAMS: i64 = 2;

/// A matrix product with inputs `from..from + K` of a row, outputs `to..to + N` of the next.
struct Product {
    from: i64,
    to: i64,
    /// [K, N]
    weight: Tensor,
    /// [N]
    bias: Tensor,
}

/// Products that read one row and fill the next.
struct Layer {
    products: Vec<Product>,
    width: i64,
}

/// The weights on one device.
pub(super) struct Network {
    device: tch::Device,
    kind: Kind,
    encoder: Vec<Layer>,
    /// Input and recurrent weights, then their biases, as libtorch orders them.
    lstm: Vec<Tensor>,
    output_weight: Tensor,
    output_bias: Tensor,
}

impl Product {
    /// Reads taps `first..=last` of a `[N, channels, 3]` convolution as one matrix. The row holds
    /// `channels` values per frame; the taps lie on frames `frame` and up.
    fn taps(
        weight: &Tensor,
        bias: &Tensor,
        (first, last): (i64, i64),
        frame: i64,
        to: i64,
    ) -> Result<Self, ModelError> {
        let (outputs, channels, _) = weight.size3()?;
        let matrix = weight
            .f_narrow(2, first, last - first + 1)?
            .f_permute([2, 1, 0])?
            .f_reshape([-1, outputs])?
            .f_contiguous()?;
        Ok(Self { from: frame * channels, to: to * outputs, weight: matrix, bias: bias.shallow_clone() })
    }

    fn share(&self) -> Self {
        Self { from: self.from, to: self.to, weight: self.weight.shallow_clone(), bias: self.bias.shallow_clone() }
    }
}

impl Layer {
    fn new(products: Vec<Product>) -> Result<Self, ModelError> {
        let mut width = 0;
        for product in &products {
            width = width.max(product.to + product.weight.size2()?.1);
        }
        Ok(Self { products, width })
    }

    /// [rows, inputs] -> `out` [rows, width], rectified.
    fn apply(&self, input: &Tensor, out: &Tensor) -> Result<(), ModelError> {
        for Product { from, to, weight, bias } in &self.products {
            let (inputs, outputs) = weight.size2()?;
            drop(bias.f_addmm_out(&out.f_narrow(1, *to, outputs)?, &input.f_narrow(1, *from, inputs)?, weight)?);
        }
        drop(out.shallow_clone().f_relu_()?);
        Ok(())
    }

    fn share(&self) -> Self {
        Self { products: self.products.iter().map(Product::share).collect(), width: self.width }
    }
}

impl Network {
    /// Reads the 16 kHz half of the shipped TorchScript file.
    pub(super) fn load(path: &Path, at: Placement) -> Result<Self, ModelError> {
        let (device, kind) = (at.device.torch(), at.precision.kind());
        let named = CModule::load(path)?.named_parameters()?;
        let take = |name: &str, shape: &[i64]| -> Result<Tensor, ModelError> {
            let full = format!("_model.{name}");
            let found = named.iter().find(|(name, _)| *name == full).map(|(_, tensor)| tensor);
            match found {
                Some(tensor) if tensor.size() == shape => {
                    Ok(tensor.f_detach()?.f_to_device(device)?.f_to_kind(kind)?)
                }
                other => Err(ModelError::Shape {
                    what: format!("weights {full}"),
                    expected: format!("{shape:?}"),
                    found: other.map_or("nothing".to_owned(), |tensor| format!("{:?}", tensor.size())),
                }),
            }
        };
        let conv = |index: usize, outputs: i64, inputs: i64| -> Result<(Tensor, Tensor), ModelError> {
            let name = format!("encoder.{index}.reparam_conv");
            Ok((take(&format!("{name}.weight"), &[outputs, inputs, 3])?, take(&format!("{name}.bias"), &[outputs])?))
        };
        let (weight, bias) = conv(0, 128, 129)?;
        let first = Layer::new(vec![
            Product::taps(&weight, &bias, (1, 2), 0, 0)?,
            Product::taps(&weight, &bias, (0, 2), 0, 1)?,
            Product::taps(&weight, &bias, (0, 2), 1, 2)?,
            Product::taps(&weight, &bias, (0, 1), 2, 3)?,
        ])?;
        let (weight, bias) = conv(1, 64, 128)?;
        let second = Layer::new(vec![
            Product::taps(&weight, &bias, (1, 2), 0, 0)?,
            Product::taps(&weight, &bias, (0, 2), 1, 1)?,
        ])?;
        let (weight, bias) = conv(2, 64, 64)?;
        let third = Layer::new(vec![Product::taps(&weight, &bias, (1, 2), 0, 0)?])?;
        let (weight, bias) = conv(3, 128, 64)?;
        let fourth = Layer::new(vec![Product::taps(&weight, &bias, (1, 1), 0, 0)?])?;
        let gates = 4 * WIDTH as i64;
        let lstm = vec![
            take("decoder.rnn.weight_ih", &[gates, 128])?,
            take("decoder.rnn.weight_hh", &[gates, 128])?,
            take("decoder.rnn.bias_ih", &[gates])?,
            take("decoder.rnn.bias_hh", &[gates])?,
        ];
        if let tch::Device::Cuda(_) = device {
            // cuDNN wants them end to end in one piece, and would copy them so at every call.
            let _no_grad = tch::no_grad_guard();
            let width = WIDTH as i64;
            drop(Tensor::f_internal_cudnn_rnn_flatten_weight(&lstm, 4, 128, CUDNN_LSTM, width, 0, 1, false, false)?);
        }
        Ok(Self {
            device,
            kind,
            encoder: vec![first, second, third, fourth],
            lstm,
            output_weight: take("decoder.decoder.2.weight", &[1, 128, 1])?.f_reshape([128])?,
            output_bias: take("decoder.decoder.2.bias", &[1])?,
        })
    }

    pub(super) fn share(&self) -> Self {
        Self {
            device: self.device,
            kind: self.kind,
            encoder: self.encoder.iter().map(Layer::share).collect(),
            lstm: self.lstm.iter().map(Tensor::shallow_clone).collect(),
            output_weight: self.output_weight.shallow_clone(),
            output_bias: self.output_bias.shallow_clone(),
        }
    }

    /// Room for the encodings of `rows` chunks and for what fills up the last few: [more, 128].
    pub(super) fn room(&self, rows: usize) -> Result<Tensor, ModelError> {
        Ok(Tensor::f_empty([(rows + LEAST_ROWS) as i64, WIDTH as i64], (self.kind, self.device))?)
    }

    /// Magnitudes of `rows` chunks, row after row -> their encodings, in `room` from row `first`.
    /// `magnitudes` has room for the rows that fill up, too; `room` may have them at its end.
    pub(super) fn encode(
        &self,
        magnitudes: &mut Vec<f32>,
        rows: usize,
        room: &Tensor,
        first: usize,
    ) -> Result<(), ModelError> {
        let filled = rows.max(LEAST_ROWS);
        magnitudes.resize(filled * ROW, 0.0);
        let size = [filled as i64, ROW as i64];
        let mut input =
            Tensor::f_from_slice(magnitudes)?.f_view(size)?.f_to_device(self.device)?.f_to_kind(self.kind)?;
        let (last, before) = self.encoder.split_last().expect("load makes four layers");
        for layer in before {
            let out = Tensor::f_empty([size[0], layer.width], (self.kind, self.device))?;
            layer.apply(&input, &out)?;
            input = out;
        }
        last.apply(&input, &room.f_narrow(0, first as i64, size[0])?)
    }

    /// Magnitudes [rows, [`ROW`]] on the device -> their encodings [rows, 128].
    pub(super) fn encode_on_device(&self, magnitudes: &Tensor) -> Result<Tensor, ModelError> {
        let rows = magnitudes.size2()?.0;
        let mut input = magnitudes.shallow_clone();
        for layer in &self.encoder {
            let out = Tensor::f_empty([rows, layer.width], (self.kind, self.device))?;
            layer.apply(&input, &out)?;
            input = out;
        }
        Ok(input)
    }

    pub(super) fn weight_bytes(&self) -> usize {
        let encoder = self.encoder.iter().flat_map(|layer| &layer.products);
        let encoder = encoder.flat_map(|product| [&product.weight, &product.bias]);
        encoder.chain(&self.lstm).chain([&self.output_weight, &self.output_bias]).map(bytes).sum()
    }

    /// Encodings [steps x streams, 128], the streams of a step side by side; `states` one per stream
    /// -> probabilities in the same order. The states go on to the end of the steps.
    pub(super) fn decide(
        &self,
        encodings: &Tensor,
        steps: usize,
        states: &mut [&mut State],
    ) -> Result<Vec<f32>, ModelError> {
        let (steps, streams, width) = (steps as i64, states.len() as i64, WIDTH as i64);
        let mut input = encodings.f_narrow(0, 0, steps * streams)?.f_view([steps, streams, width])?;
        let filled = streams.max(LEAST_STREAMS);
        if filled > streams {
            input = input.f_expand([steps, filled, width], false)?.f_contiguous()?;
        }
        let gather = |part: fn(&State) -> &[f32; WIDTH]| -> Result<Tensor, ModelError> {
            let mut rows: Vec<f32> = states.iter().flat_map(|state| *part(state)).collect();
            rows.resize((filled * width) as usize, 0.0);
            Ok(Tensor::f_from_slice(&rows)?
                .f_view([1, filled, width])?
                .f_to_device(self.device)?
                .f_to_kind(self.kind)?)
        };
        let start = [gather(|state| &state.hidden)?, gather(|state| &state.cell)?];
        let (output, hidden, cell) = input.f_lstm(&start, &self.lstm, true, 1, 0.0, false, false, false)?;
        for (tensor, part) in [(&hidden, hidden_of as fn(&mut State) -> &mut [f32; WIDTH]), (&cell, cell_of)] {
            let rows = plain(tensor)?;
            for (state, row) in states.iter_mut().zip(rows.chunks_exact(WIDTH)) {
                part(state).copy_from_slice(row);
            }
        }
        // As a product and a sum, because a matrix with one column takes a kernel that sums the last
        // rows of a batch in another order.
        let output = output.f_relu()?.f_mul(&self.output_weight)?;
        let output = output.f_sum_dim_intlist([2_i64].as_slice(), false, Kind::Float)?;
        let scores = plain(&output.f_add(&self.output_bias)?)?;
        // libtorch's own sigmoid rounds the last few values of a batch differently, too.
        Ok(scores
            .chunks_exact(filled as usize)
            .flat_map(|step| &step[..states.len()])
            .map(|score| 1.0 / (1.0 + (-score).exp()))
            .collect())
    }
}

fn hidden_of(state: &mut State) -> &mut [f32; WIDTH] {
    &mut state.hidden
}

fn cell_of(state: &mut State) -> &mut [f32; WIDTH] {
    &mut state.cell
}

fn plain(tensor: &Tensor) -> Result<Vec<f32>, ModelError> {
    let mut values = vec![0.0; tensor.numel()];
    let tensor = tensor.f_to_device(tch::Device::Cpu)?.f_to_kind(Kind::Float)?.f_contiguous()?;
    tensor.f_copy_data(&mut values, tensor.numel())?;
    Ok(values)
}
