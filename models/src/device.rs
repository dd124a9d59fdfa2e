//! Where a model computes: a value at run time, not a build feature.
//!
//! One binary serves machines with and without CUDA: it links the CPU libraries only, and opens
//! `libtorch_cuda.so` by itself where there is one. That must happen before libtorch is first asked
//! about CUDA, because it remembers a "no" for good; hence [`Device::select`] comes before any
//! other call of this crate.

use std::ffi::c_void;
use std::sync::OnceLock;

use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
use serde::{Deserialize, Serialize};

use crate::error::ModelError;

/// A device that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Device {
    /// The processor, one thread per lane.
    Cpu,
    /// The CUDA device of this index.
    Cuda(usize),
}

impl Device {
    /// The device of this name: `cpu`, `cuda:0` and so on, or `auto`, which is `cuda:0` where CUDA
    /// works and `cpu` elsewhere.
    ///
    /// Errors: `Device` for a name or an index that does not exist here.
    pub fn select(name: &str) -> Result<Self, ModelError> {
        let count = cuda_devices();
        let refuse = |message: String| Err(ModelError::Device { name: name.to_owned(), message });
        match name {
            "cpu" => Ok(Self::Cpu),
            "auto" => Ok(if count > 0 { Self::Cuda(0) } else { Self::Cpu }),
            _ => match name.strip_prefix("cuda:").map(str::parse::<usize>) {
                Some(Ok(index)) if index < count => Ok(Self::Cuda(index)),
                Some(Ok(_)) => refuse(format!("this machine has {count} CUDA devices; use cpu or auto")),
                _ => refuse("not a device; use cpu, cuda:0 or auto".to_owned()),
            },
        }
    }

    /// The same in libtorch's words.
    pub(crate) fn torch(self) -> tch::Device {
        match self {
            Self::Cpu => tch::Device::Cpu,
            Self::Cuda(index) => tch::Device::Cuda(index),
        }
    }
}

/// How exactly a model counts: the numbers that its weights and activations are kept in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// 32 bits: the reference that others are measured against.
    #[default]
    F32,
    /// 16 bits, the exponent of 32: fast on matrix units, three decimal digits.
    Bf16,
    /// 16 bits, half an exponent: four digits, but overflows beyond 65,504.
    F16,
}

impl Precision {
    /// The same in libtorch's words.
    pub(crate) fn kind(self) -> tch::Kind {
        match self {
            Self::F32 => tch::Kind::Float,
            Self::Bf16 => tch::Kind::BFloat16,
            Self::F16 => tch::Kind::Half,
        }
    }

    /// Its name in layouts and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::F16 => "f16",
        }
    }
}

impl std::fmt::Display for Precision {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(self.name())
    }
}

/// Where and how exactly a model computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Placement {
    /// Where its weights lie.
    pub device: Device,
    /// What they are kept in.
    pub precision: Precision,
}

impl Placement {
    /// The reference: 32 bits on the processor.
    pub const CPU: Self = Self { device: Device::Cpu, precision: Precision::F32 };
}

impl From<Device> for Placement {
    /// In 32 bits.
    fn from(device: Device) -> Self {
        Self { device, precision: Precision::F32 }
    }
}

impl std::fmt::Display for Placement {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} in {}", self.device, self.precision)
    }
}

impl std::fmt::Display for Device {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Cpu => out.write_str("cpu"),
            Self::Cuda(index) => write!(out, "cuda:{index}"),
        }
    }
}

/// How many CUDA devices libtorch can use; 0 without its CUDA library.
fn cuda_devices() -> usize {
    static COUNT: OnceLock<usize> = OnceLock::new();
    *COUNT.get_or_init(|| {
        // SAFETY: the library's initialisers only register kernels with libtorch. It stays open for
        // the life of the process, so nothing registered can dangle.
        let opened = unsafe { Library::open(Some("libtorch_cuda.so"), RTLD_NOW | RTLD_GLOBAL) };
        match opened {
            Ok(library) => {
                let _for_good: *mut c_void = library.into_raw();
                usize::try_from(tch::Cuda::device_count()).unwrap_or(0)
            }
            Err(_) => 0,
        }
    })
}

/// Keeps CUDA's libraries from rounding products of 32-bit numbers to ten bits of mantissa, as cuDNN does
/// unless it is told otherwise (on an H100 it moved probabilities of speech by up to 1.4e-3, without it
/// by 7e-6). Who wants speed asks for 16 bits.
///
/// # Safety
/// No other thread may run: call it first in `main`.
pub unsafe fn keep_f32_exact() {
    // SAFETY: the caller promises that nobody reads the environment at this moment.
    unsafe { std::env::set_var("NVIDIA_TF32_OVERRIDE", "0") };
}

/// Bytes that a tensor's values take.
pub(crate) fn bytes(tensor: &tch::Tensor) -> usize {
    tensor.numel() * tensor.kind().elt_size_in_bytes()
}

/// Keeps a lane thread in inference mode; drop it on the same thread.
#[must_use]
pub struct LaneThread {
    _no_grad: tch::NoGradGuard,
}

/// Makes the calling thread a lane: one intra-op thread, because lanes are the parallelism (a team
/// per lane would contend for the same cores), and no gradient book-keeping. OpenMP counts its
/// threads per calling thread, so each lane must do this by itself. Loading a model does it, too:
/// the threads of a team spin while they wait for each other, which on a busy machine stalls them.
pub fn lane_thread_setup() -> LaneThread {
    tch::set_num_threads(1);
    LaneThread { _no_grad: tch::no_grad_guard() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_is_not_here_is_a_typed_error() {
        assert!(matches!(Device::select("cuda:99"), Err(ModelError::Device { .. })));
        assert!(matches!(Device::select("tpu"), Err(ModelError::Device { .. })));
    }

    #[test]
    fn auto_always_finds_a_device() {
        let device = Device::select("auto").unwrap();
        assert_eq!(Device::select(&device.to_string()).unwrap(), device);
    }
}
