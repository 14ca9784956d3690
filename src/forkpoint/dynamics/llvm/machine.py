"""From LLVM text to a function of this processor: compiled once, kept in the user's cache folder as object code."""

from __future__ import annotations

import ctypes
import hashlib
import os
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from forkpoint.dynamics.extras import load
from forkpoint.errors import InputError
from forkpoint.files import write_atomically

OPTIMISE = 2
"""LLVM's optimisation level."""
_numbers = count()
"""Every library needs a name of its own, also after others are gone."""
_DIGEST = hashlib.sha256().digest_size


@cache
def target() -> Any:
    """The target machine of this processor. Raises MissingExtra."""
    llvm = load("llvmlite.binding")
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    features = llvm.get_host_cpu_features().flatten()
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=features, opt=OPTIMISE, reloc="pic", codemodel="small"
    )


@cache
def _jit() -> Any:
    # JITLink lays an object out in one piece; the older linker ended a process that held much else.
    return load("llvmlite.binding").create_lljit_compiler(target(), use_jit_link=True)


class Compiled:
    """One function of compiled code; it is valid as long as this object lives."""

    def __init__(self, text: str, name: str, arrays: int, numbers: int) -> None:
        llvm = load("llvmlite.binding")
        builder = llvm.JITLibraryBuilder().add_object_img(object_code(text)).add_current_process().export_symbol(name)
        self._library = builder.link(_jit(), f"{name}-{next(_numbers)}")
        kinds = [ctypes.c_void_p] * arrays + [ctypes.c_int64] * numbers
        # CFUNCTYPE gives the interpreter's lock away during the call, so that threads run side by side.
        self._function = ctypes.CFUNCTYPE(None, *kinds)(self._library[name])

    def __call__(self, *arguments: Any) -> None:
        """Call it with arrays (contiguous, of doubles) or their addresses, then whole numbers."""
        self._function(*(a.ctypes.data if isinstance(a, np.ndarray) else int(a) for a in arguments))


def object_code(text: str) -> bytes:
    """Object code of a module's text, from the cache where it is known and whole."""
    llvm = load("llvmlite.binding")
    about = (llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten(), llvm.llvm_version_info, OPTIMISE, text)
    try:
        path = cache_folder() / hashlib.sha256(repr(about).encode()).hexdigest()
        known = path.read_bytes()
        # Damaged object code would crash the process: the file starts with the digest of what follows.
        if known[:_DIGEST] == hashlib.sha256(known[_DIGEST:]).digest():
            return known[_DIGEST:]
    except (OSError, RuntimeError):
        pass
    module = llvm.parse_assembly(text)
    module.verify()
    passes = llvm.create_new_module_pass_manager()
    passes.add_always_inliner_pass()
    passes.run(module, llvm.create_pass_builder(target(), llvm.create_pipeline_tuning_options()))
    code = bytes(target().emit_object(module))
    try:
        cache_folder().mkdir(parents=True, exist_ok=True)
        write_atomically(path, hashlib.sha256(code).digest() + code)
    except (OSError, RuntimeError, InputError):
        pass  # a cache that cannot be written costs time, no result
    return code


def cache_folder() -> Path:
    """Where object code is kept. Raises RuntimeError where the user has no home."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "forkpoint" / "llvm"
