"""How a pipeline is fitted into the memory there is: value type, place, offloading, tiling."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ROOM = 0.7
"""Share of the free memory that weights may take; the rest is for what is computed with them."""
TILING_BELOW = 40e9
"""Free bytes below which the VAE decodes in tiles: decoding all of a video at once takes tens of gigabytes."""
GIGABYTE = 1e9

NONE, MODEL, SEQUENTIAL = "NONE", "MODEL", "SEQUENTIAL"

DENOISERS = ("transformer", "transformer_2", "unet")
LARGE_PARTS = (*DENOISERS, "text_encoder")


@dataclass(frozen=True)
class Quantization:
    """A way to keep weights in fewer bits. share: of their size at 16 bits. parts: those that are kept so."""

    share: float
    parts: tuple[str, ...]


QUANTIZATIONS = {
    "OFF": Quantization(1.0, ()),
    "FP8": Quantization(0.5, DENOISERS),
    "INT8": Quantization(0.5, LARGE_PARTS),
    "NF4": Quantization(0.3, LARGE_PARTS),
}
"""By the setting's name. FP8 is diffusers' own casting layer by layer and runs anywhere; the others are bitsandbytes', on CUDA."""


@dataclass(frozen=True)
class Device:
    """Where torch computes. name: cuda, mps, xpu or cpu. free: bytes of its memory. bfloat16: whether it computes with that."""

    name: str
    free: float
    bfloat16: bool


@dataclass(frozen=True)
class MemoryPlan:
    """How a pipeline is loaded.

    device: see `Device`. dtype: bfloat16, float16 or float32. offload: NONE (all on the device), MODEL (one part at a time) or
    SEQUENTIAL (one layer at a time, slow). tiling: whether the VAE works in tiles and slices. quantize: of `QUANTIZATIONS`.
    """

    device: str = "cpu"
    dtype: str = "float32"
    offload: str = NONE
    tiling: bool = False
    quantize: str = "OFF"

    @property
    def torch_dtype(self) -> Any:
        """torch's own."""
        import torch

        return getattr(torch, self.dtype)

    def describe(self) -> str:
        """In one line, for the log and the report."""
        offload = {NONE: "all of it on the device", MODEL: "one part on the device at a time", SEQUENTIAL: "one layer on the device at a time (slow)"}[self.offload]
        quantize = "" if self.quantize == "OFF" else f", weights as {self.quantize}"
        return f"{self.device}, {self.dtype}{quantize}, {offload}, VAE {'in tiles' if self.tiling else 'as a whole'}"

    def apply(self, pipeline: Any) -> None:
        """Cast a loaded pipeline's weights, place it and switch its VAE."""
        if self.quantize == "FP8":
            self._cast(pipeline)
        if self.offload == MODEL:
            pipeline.enable_model_cpu_offload(device=self.device)
        elif self.offload == SEQUENTIAL:
            pipeline.enable_sequential_cpu_offload(device=self.device)
        else:
            pipeline.to(self.device)
        vae = getattr(pipeline, "vae", None)
        for switch in ("enable_tiling", "enable_slicing"):
            if self.tiling and hasattr(vae, switch):
                with contextlib.suppress(NotImplementedError):  # what some VAEs have in place of it
                    getattr(vae, switch)()

    def _cast(self, pipeline: Any) -> None:
        import torch

        for part in QUANTIZATIONS["FP8"].parts:
            model = getattr(pipeline, part, None)
            if model is not None:
                model.enable_layerwise_casting(storage_dtype=torch.float8_e4m3fn, compute_dtype=self.torch_dtype)


def plan_memory(weights: Mapping[str, int], device: Device, quantize: str = "OFF") -> MemoryPlan:
    """Choose by free memory.

    weights: bytes of each part at 16 bits. All on the device where that leaves room, else one part at a time where the largest
    leaves room, else one layer at a time. On the processor there is nothing to offload to, and 32 bits are what it computes with.
    """
    if device.name == "cpu":
        return MemoryPlan("cpu", "float32", NONE, device.free < TILING_BELOW, quantize)
    kept = QUANTIZATIONS[quantize]
    sizes = [size * (kept.share if part in kept.parts else 1.0) for part, size in weights.items()]
    room = ROOM * device.free
    offload = NONE if sum(sizes) <= room else MODEL if max(sizes, default=0.0) <= room else SEQUENTIAL
    tiling = offload != NONE or device.free - sum(sizes) < TILING_BELOW
    return MemoryPlan(device.name, "bfloat16" if device.bfloat16 else "float16", offload, tiling, quantize)


def this_device() -> Device:
    """What this machine has: CUDA (or ROCm), Apple's MPS, Intel's XPU, else the processor."""
    import torch

    if torch.cuda.is_available():
        return Device("cuda", float(torch.cuda.mem_get_info()[0]), torch.cuda.is_bf16_supported())
    if torch.backends.mps.is_available():
        return Device("mps", ROOM * free_memory(), True)
    if hasattr(torch, "xpu") and torch.xpu.is_available():
        return Device("xpu", float(torch.xpu.get_device_properties().total_memory), True)
    return Device("cpu", free_memory(), True)


def free_memory() -> float:
    """Bytes of the machine's memory that programs can have; 0 where the system does not tell."""
    import psutil

    return float(psutil.virtual_memory().available)
