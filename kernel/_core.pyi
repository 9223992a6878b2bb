"""The extension module that csrc/build_core.py builds; its functions are declared in csrc/cdef/*.h."""

from typing import Any

from _cffi_backend import FFI

ffi: FFI
lib: Any
