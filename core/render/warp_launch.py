"""How our Warp kernels are run on torch's tensors, and what they are told of them."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
import warp as wp
from torch import Tensor

wp.init()

CPU = torch.device("cpu")


def array(tensor: Tensor, dtype: Any) -> Any:
    """What a kernel takes for a tensor's memory as one row of numbers or, for vector types, of vectors (the last axis)."""
    return descriptor(tensor.view(-1, *dtype._shape_) if hasattr(dtype, "_shape_") else tensor.view(-1), dtype)


def grid(tensor: Tensor, dtype: Any) -> Any:
    """The same as a table: all axes but the last run together, except that vectors take the last one up."""
    return descriptor(tensor if hasattr(dtype, "_shape_") else tensor.view(-1, tensor.shape[-1]), dtype)


def descriptor(tensor: Tensor, dtype: Any) -> Any:
    """Cheaper than a `wp.array`, but it does not keep the memory alive: the caller holds the tensor until the launch. Hence
    views above, which a tensor that is not contiguous refuses, where `reshape` would copy it into memory soon freed."""
    if not tensor.is_contiguous():
        raise ValueError("A kernel was given a tensor that is not contiguous.")
    return _place(tensor.data_ptr(), tuple(tensor.shape), dtype, tensor.device)


def numbers(values: np.ndarray, dtype: Any, axes: int = 1) -> Any:
    """The same for a numpy array: one row, or a table where `axes` is 2, of numbers, vectors or matrices."""
    if not values.flags.c_contiguous:
        raise ValueError("A kernel was given an array that is not contiguous.")
    rows = (len(values), -1) if axes == 2 else (-1,)
    shape = (*rows, *getattr(dtype, "_shape_", ()))
    return _place(values.ctypes.data, values.reshape(shape).shape, dtype, CPU)


@lru_cache(maxsize=4096)
def _place(pointer: int, shape: tuple[int, ...], dtype: Any, device: torch.device) -> Any:
    """The descriptor, remembered: most of what is drawn lies where the last frame's did, and telling it anew costs more than a small kernel."""
    outer = shape[: len(shape) - len(getattr(dtype, "_shape_", ()))]
    return wp.array(ptr=pointer, dtype=dtype, shape=outer, device=wp.device_from_torch(device), copy=False).__ctype__()


def launch_rows(kernel: Any, ids: Tensor, arguments: list[Any]) -> None:
    """Run a kernel with one thread a frame and row of pixels."""
    launch(kernel, ids.shape[:2], ids, arguments)


def launch(kernel: Any, size: Sequence[int], like: Tensor, arguments: list[Any]) -> None:
    """Run a kernel where `like` lies, on torch's stream there."""
    device = wp.device_from_torch(like.device)
    stream = wp.stream_from_torch(like.device) if like.is_cuda else None
    wp.launch(kernel, tuple(size), arguments, device=device, stream=stream)
