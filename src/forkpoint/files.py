"""Reading and writing files so that nothing is half-written and every failure is a sentence."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from forkpoint.errors import InputError


def write_atomically(path: Path | str, content: str | bytes) -> Path:
    """Write ``content`` (text as UTF-8) to ``path`` so that a reader sees the old file or the whole new one.

    Raises InputError when the folder is missing, read-only or full.
    """
    target = Path(path)
    data = content.encode("utf-8") if isinstance(content, str) else content
    temporary = ""
    try:
        descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, target)
    except OSError as error:
        if temporary and os.path.exists(temporary):
            os.unlink(temporary)
        raise InputError(f"cannot write {target}: {error.strerror or error}") from error
    return target


def read_text(path: Path | str) -> str:
    """The text of a UTF-8 file (a byte-order mark is dropped). Raises InputError in words."""
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text (byte {error.start} is {error.object[error.start]:#04x})") from error
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error


def read_yaml(path: Path | str) -> Any:
    """The content of a YAML file. Raises InputError with line and column where it is malformed."""
    return parse_yaml(read_text(path), str(path))


def parse_yaml(text: str, name: str) -> Any:
    """Parse YAML ``text``; ``name`` is what an error calls it."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return yaml.load(text, Loader=loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error)
        raise InputError(f"{name}:{where} is not valid YAML: {problem}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{name}: is not valid YAML: {error}") from error


def require_keys(
    mapping: object, name: str, *, required: Mapping[str, str], optional: Mapping[str, str]
) -> dict[str, Any]:
    """Check that ``mapping`` is a table with just these keys (key → meaning).

    Raises InputError that names the missing or unknown key and the nearest valid one.
    """
    from forkpoint.errors import UnknownName

    if not isinstance(mapping, dict):
        kinds = {"NoneType": "nothing", "list": "a list", "str": "a text"}
        found = kinds.get(type(mapping).__name__, repr(mapping)[:80])
        raise InputError(f"{name}: expected a table of keys, found {found}")
    for key in mapping:
        if key not in required and key not in optional:
            raise UnknownName("key", str(key), [*required, *optional], where=name)
    for key, meaning in required.items():
        if key not in mapping:
            raise InputError(f"{name}: the key '{key}' ({meaning}) is missing")
    return dict(mapping)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
