//! What a GPU's own instruments say: memory and utilisation, by NVML.

use nvml_wrapper::Nvml;

use crate::device::Device;

/// The instruments of one GPU.
pub struct Gauge {
    nvml: Nvml,
    index: u32,
}

impl Gauge {
    /// `None` for the processor, and where there is no driver's library to ask. GPUs are counted as
    /// the driver counts them, which is libtorch's order where `CUDA_VISIBLE_DEVICES` is not set.
    pub fn open(device: Device) -> Option<Self> {
        let Device::Cuda(index) = device else { return None };
        // The context takes some hundreds of megabytes: let it be there before anything is read.
        // Where that fails, loading a model fails next, and says why.
        let _context = tch::Tensor::f_zeros([1], (tch::Kind::Float, device.torch()));
        Some(Self { nvml: Nvml::init().ok()?, index: u32::try_from(index).ok()? })
    }

    /// As its maker calls it.
    pub fn name(&self) -> Option<String> {
        self.nvml.device_by_index(self.index).ok()?.name().ok()
    }

    /// Bytes in use, by whatever process.
    pub fn used_bytes(&self) -> Option<usize> {
        let memory = self.nvml.device_by_index(self.index).ok()?.memory_info().ok()?;
        usize::try_from(memory.used).ok()
    }

    /// Bytes that the GPU has.
    pub fn total_bytes(&self) -> Option<usize> {
        let memory = self.nvml.device_by_index(self.index).ok()?.memory_info().ok()?;
        usize::try_from(memory.total).ok()
    }

    /// Bytes that nobody uses; what CUDA itself takes of them for this process is taken already.
    pub fn free_bytes(&self) -> Option<usize> {
        let memory = self.nvml.device_by_index(self.index).ok()?.memory_info().ok()?;
        usize::try_from(memory.free).ok()
    }

    /// Share of the last sample period (a sixth of a second to a second) in which kernels ran, 0 to 1.
    pub fn utilisation(&self) -> Option<f64> {
        let rates = self.nvml.device_by_index(self.index).ok()?.utilization_rates().ok()?;
        Some(f64::from(rates.gpu) / 100.0)
    }
}
