# SPDX-License-Identifier: MIT
"""Tensors as NumPy arrays: views of the mapped file where they can be."""
from __future__ import annotations

import dataclasses
from typing import Any, Optional, Tuple

import numpy

from ._core import UnsupportedError, ffi, lib, text, word

_PLAIN = {"float64": "f8", "float32": "f4", "float16": "f2", "int64": "i8", "int32": "i4", "int16": "i2", "int8": "i1", "uint64": "u8",
          "uint32": "u4", "uint16": "u2", "uint8": "u1", "bool": "?", "complex64": "c8", "complex128": "c16", "qint8": "i1", "quint8": "u1",
          "qint32": "i4"}
# Types that NumPy has from the package ml_dtypes, under its names.
_ML = {"bfloat16": "bfloat16", "float8_e5m2": "float8_e5m2", "float8_e4m3fn": "float8_e4m3fn", "float8_e5m2fnuz": "float8_e5m2fnuz",
       "float8_e4m3fnuz": "float8_e4m3fnuz", "float8_e8m0fnu": "float8_e8m0fnu"}


@dataclasses.dataclass
class Quantized:
    """A quantised tensor: real value = scale * (values - zero_point), per tensor or along axis."""
    values: numpy.ndarray[Any, Any]
    scheme: str
    scale: Any
    zero_point: Any
    axis: Optional[int] = None


@dataclasses.dataclass
class Sparse:
    """A sparse or nested tensor by its parts, in the order of ptm/weights.h (COO: indices, values)."""
    layout: str
    shape: Tuple[int, ...]
    parts: Tuple[Any, ...]


class Maker:
    def __init__(self, handle: Any):
        self.handle = handle

    def dtype(self, tensor: Any) -> Tuple[Any, bool]:
        """(dtype, whether bfloat16 is to be widened because NumPy has none here)"""
        name = word(lib.ptm_dtype_info(tensor.dtype).name)
        if name in _PLAIN:
            return numpy.dtype(_PLAIN[name]), False
        if name in _ML:
            try:
                import ml_dtypes
                return numpy.dtype(getattr(ml_dtypes, _ML[name])), False
            except (ImportError, AttributeError):
                if name == "bfloat16":
                    return numpy.dtype("u2"), True
        hint = "; the package ml_dtypes brings it" if name in _ML else ""
        raise UnsupportedError(f"tensor {text(tensor.name)}: NumPy has no dtype {name}{hint}", "unsupported")

    def strided(self, tensor: Any) -> numpy.ndarray[Any, Any]:
        dtype, widen = self.dtype(tensor)
        shape = tuple(tensor.shape[i] for i in range(tensor.n_dims))
        if tensor.nbytes == 0:
            return numpy.empty(shape, numpy.float32 if widen else dtype)
        if tensor.byte_offset % dtype.alignment:  # between two elements of its storage
            array = numpy.frombuffer(self.handle.read(tensor), dtype).reshape(shape)
        else:
            unit = dtype.itemsize // 2 if dtype.kind == "c" else dtype.itemsize
            buffer, strides = self.handle.elements(tensor.storage, unit), None
            if tensor.stride != ffi.NULL:
                strides = tuple(tensor.stride[i] * dtype.itemsize for i in range(tensor.n_dims))
            array = numpy.ndarray(shape, dtype, buffer, tensor.byte_offset, strides)
        if widen:  # a bfloat16 is the upper half of a float32: every value stays what it is
            self.handle.check_copy(tensor)
            array = (array.astype(numpy.uint32) << 16).view(numpy.float32)
        return array

    def values(self, tensor: Any) -> numpy.ndarray[Any, Any]:
        array = self.strided(tensor)
        if tensor.conj or tensor.neg:
            self.handle.check_copy(tensor)
        if tensor.conj:
            array = array.conj()
        return -array if tensor.neg else array

    def tensor(self, tensor: Any) -> Any:
        shape = tuple(tensor.shape[i] for i in range(tensor.n_dims))
        if tensor.layout != lib.PTM_STRIDED:
            parts = tuple(self.tensor(ffi.addressof(tensor.parts, i)) for i in range(tensor.n_parts))
            return Sparse(word(lib.ptm_layout_name(tensor.layout)), shape, parts)
        if not tensor.qscheme:
            return self.values(tensor)
        scheme = word(lib.ptm_qscheme_name(tensor.qscheme))
        if tensor.n_parts < 2:
            return Quantized(self.values(tensor), scheme, tensor.scale, tensor.zero_point)
        scales, zeros = (self.tensor(ffi.addressof(tensor.parts, i)) for i in range(2))
        return Quantized(self.values(tensor), scheme, scales, zeros, tensor.axis)

    def named(self, name: str) -> Any:
        """What a class or function that is only named stands for; None: nothing here."""
        return None

    def known(self, name: str, args: Tuple[Any, ...]) -> Any:
        return None

    def size(self, items: Tuple[Any, ...]) -> Tuple[Any, ...]:
        return items
