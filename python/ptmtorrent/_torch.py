# SPDX-License-Identifier: MIT
"""Tensors as torch's own: one storage over the mapped bytes for all views of it, as torch.load makes them, without a copy."""
from __future__ import annotations

from typing import Any, Dict, List, Tuple

import torch

from ._core import FormatError, UnsupportedError, ffi, lib, text, word


def _restore(map_location: Any) -> Any:
    """(storage, location) -> storage: torch's own rules for None, a device, a string, a dict and a function."""
    return torch.serialization._get_restore_location(map_location)


def _untyped(data: Any) -> Any:
    """An untyped storage over a buffer, which it keeps alive."""
    if len(data) == 0:
        tensor = torch.empty(0, dtype=torch.uint8)
    else:
        tensor = torch.frombuffer(data, dtype=torch.uint8)
    if hasattr(tensor, "untyped_storage"):
        return tensor.untyped_storage()
    return tensor.storage()._untyped() if hasattr(tensor.storage(), "_untyped") else tensor.storage().untyped()


class Maker:
    def __init__(self, handle: Any, map_location: Any):
        self.handle, self.restore = handle, _restore(map_location)
        self.storages: Dict[Tuple[int, int], Any] = {}

    def dtype(self, tensor: Any) -> torch.dtype:
        name = word(lib.ptm_dtype_info(tensor.dtype).name)
        found = getattr(torch, name, None)
        packed = tensor.dtype in (lib.PTM_INT4_PACKED, lib.PTM_UINT4_PACKED, lib.PTM_INT2_PACKED, lib.PTM_UINT2_PACKED)
        if not isinstance(found, torch.dtype) or packed:
            raise UnsupportedError(f"tensor {text(tensor.name)}: torch {torch.__version__} has no dtype {name}", "unsupported")
        return found

    def storage(self, number: int, unit: int) -> Any:
        """The storage a tensor is a view of, at the place map_location says; one for all views whose elements are alike."""
        data = self.handle.elements(number, unit)
        key = (number, id(data))
        if key not in self.storages:
            self.storages[key] = self.restore(_untyped(data), self.handle.device(number))
        return self.storages[key]

    def strided(self, tensor: Any) -> Any:
        dtype = self.dtype(tensor)
        shape = [tensor.shape[i] for i in range(tensor.n_dims)]
        stride = _contiguous(shape) if tensor.stride == ffi.NULL else [tensor.stride[i] for i in range(tensor.n_dims)]
        if tensor.storage == 2 ** (8 * ffi.sizeof("size_t")) - 1:
            return torch.empty_strided(shape, stride, dtype=dtype, device="meta")
        info = lib.ptm_dtype_info(tensor.dtype)
        unit = info.bytes // 2 if dtype.is_complex else info.bytes
        if tensor.byte_offset % info.bytes:  # between two elements of its own storage: a copy has a storage of its own
            storage, offset, stride = self.restore(_untyped(self.handle.read(tensor)), self.handle.device(tensor.storage)), 0, _contiguous(shape)
        else:
            storage, offset = self.storage(tensor.storage, unit), tensor.byte_offset // info.bytes * info.elements
        return self.empty(tensor, dtype, storage).set_(storage, offset, shape, stride)

    def empty(self, tensor: Any, dtype: torch.dtype, storage: Any) -> Any:
        """A tensor without elements, of the dtype and quantiser, to be set on a storage."""
        if not tensor.qscheme:
            return torch.empty((0,), dtype=dtype, device=storage.device)
        if tensor.n_parts < 2:
            return torch._empty_affine_quantized((0,), scale=tensor.scale, zero_point=tensor.zero_point, dtype=dtype, device=storage.device)
        self.handle.check_copy(tensor)  # torch makes room for all elements before it is told where they are
        scales, zeros = (self.tensor(ffi.addressof(tensor.parts, i)) for i in range(2))
        shape = [tensor.shape[i] for i in range(tensor.n_dims)]
        return torch._empty_per_channel_affine_quantized(shape, scales=scales, zero_points=zeros, axis=tensor.axis, dtype=dtype,
                                                         device=storage.device)

    def sparse(self, tensor: Any) -> Any:
        shape = [tensor.shape[i] for i in range(tensor.n_dims)]
        parts = [self.tensor(ffi.addressof(tensor.parts, i)) for i in range(tensor.n_parts)]
        if tensor.layout == lib.PTM_NESTED:
            if not hasattr(torch, "_nested_view_from_buffer"):
                raise UnsupportedError(f"tensor {text(tensor.name)}: torch {torch.__version__} cannot make a nested one", "unsupported")
            _check_nested(*parts)
            return torch._nested_view_from_buffer(*parts)
        # Since 2.0 torch believes any indices unless it is asked not to.
        checked = {"check_invariants": True} if hasattr(torch.sparse, "check_sparse_tensor_invariants") else {}
        try:
            if tensor.layout == lib.PTM_SPARSE_COO:
                made = torch.sparse_coo_tensor(*parts, torch.Size(shape), **checked)
                return made._coalesced_(True) if tensor.coalesced else made
            layout = getattr(torch, word(lib.ptm_layout_name(tensor.layout)))
            return torch.sparse_compressed_tensor(*parts, torch.Size(shape), layout=layout, **checked)
        except RuntimeError as error:
            raise FormatError(f"tensor {text(tensor.name)}: {error}", "format") from None

    def tensor(self, tensor: Any) -> Any:
        with torch.no_grad():
            made = self.strided(tensor) if tensor.layout == lib.PTM_STRIDED else self.sparse(tensor)
            if tensor.conj:
                torch._C._set_conj(made, True)
            if tensor.neg:
                torch._C._set_neg(made, True)
        if tensor.is_parameter:
            return torch.nn.Parameter(made, requires_grad=bool(tensor.requires_grad))
        if tensor.requires_grad and (made.is_floating_point() or made.is_complex()):
            made.requires_grad_(True)
        return made

    def named(self, name: str) -> Any:
        """A dtype, layout or quantisation scheme that is only named."""
        module, _, last = name.rpartition(".")
        found = getattr(torch, last, None) if module == "torch" else None
        return found if isinstance(found, (torch.dtype, torch.layout, torch.qscheme, torch.memory_format)) else None

    def known(self, name: str, args: Tuple[Any, ...]) -> Any:
        if name == "torch.device" and args and all(isinstance(arg, (str, int)) for arg in args):
            try:
                return torch.device(*args)
            except (RuntimeError, TypeError, ValueError):
                return None  # no device of this torch: told, not made
        if name == "torch.serialization._get_layout" and len(args) == 1:
            found = getattr(torch, str(args[0]).rpartition(".")[2], None)
            return found if isinstance(found, torch.layout) else None
        return None

    def size(self, items: Tuple[Any, ...]) -> Any:
        return torch.Size(items) if all(isinstance(item, int) and -2 ** 63 <= item < 2 ** 63 for item in items) else items


def _check_nested(buffer: Any, sizes: Any, strides: Any, offsets: Any) -> None:
    """torch believes these numbers, wherever they lead."""
    for size, stride, offset in zip(sizes.tolist(), strides.tolist(), offsets.tolist()):
        last = offset + sum((n - 1) * step for n, step in zip(size, stride))
        if min(size + stride + [offset]) < 0 or (0 not in size and last >= buffer.numel()):
            raise FormatError("a nested tensor reaches over the end of its buffer", "format")


def _contiguous(shape: List[int]) -> List[int]:
    stride, step = [], 1
    for size in reversed(shape):
        stride.append(step)
        step *= max(size, 1)
    return stride[::-1]
