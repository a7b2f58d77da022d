"""What the codec tests share: TensorFlow, where it is installed, and any tensor at all."""

from __future__ import annotations

import math
import os
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st

from tfsclient._codec.tensor import Tensor
from tfsclient.dtypes import STRING, DType

DTYPES = [d for d in map(DType.of_number, range(1, 64)) if d.sendable]


@pytest.fixture(scope="session")
def tf() -> Any:
    """The TensorFlow module."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        import tensorflow as tf
    except ImportError:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip("tensorflow, the oracle of these tests, is not installed")
    return tf


@pytest.fixture(scope="session")
def any_tensor() -> st.SearchStrategy[Tensor]:
    """Tensors of every dtype, rank up to 4, all bit patterns, all memory layouts."""
    return _tensors()


@st.composite
def _tensors(draw: st.DrawFn) -> Tensor:
    dtype = draw(st.sampled_from(DTYPES))
    shape = tuple(draw(st.lists(st.integers(0, 4), max_size=4)))
    size = math.prod(shape)
    array: np.ndarray[Any, Any]
    if dtype == STRING:
        array = np.empty(size, object)
        array[:] = draw(st.lists(st.binary(max_size=200), min_size=size, max_size=size))
    else:
        want = dtype.numpy
        bits = {"bool": 1, "int4": 15, "uint4": 15, "int2": 3, "uint2": 3}.get(dtype, 255)
        memory = draw(st.binary(min_size=size * want.itemsize, max_size=size * want.itemsize))
        array = (np.frombuffer(memory, np.uint8) & bits).view(want)
    array = array.reshape(shape)
    if not shape:
        return Tensor(dtype, array)
    layout = draw(st.sampled_from(["C", "Fortran", "reversed", "strided", "big-endian"]))
    if layout == "Fortran":
        array = np.asfortranarray(array)
    elif layout == "reversed":
        array = array[(slice(None, None, -1),) * array.ndim]
    elif layout == "strided":
        array = np.repeat(array, 2, axis=-1)[..., ::2]
    elif layout == "big-endian" and array.dtype.kind in "iufc":
        array = array.astype(array.dtype.newbyteorder(">"))
    return Tensor(dtype, array)
