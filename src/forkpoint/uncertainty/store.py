"""An ensemble on disk or in an object store: a Zarr group, chunk by chunk, with a mark for every chunk that is whole.

::

    ensemble.json                   what was asked: scenarios, outputs, seed, model version, parameter hash
    draws.npz                       the distribution that draws come from
    <scenario>/<output>             float32 (time, draw), one chunk for every 4,096 draws
    done/<scenario>/<chunk>.json    written after a chunk: draws in it, checksums, model version, parameter hash
    ranges.csv, differences.csv     quantiles at the end

A chunk without its mark, or whose bytes do not fit the mark's checksums, is computed again.
"""

from __future__ import annotations

import io
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from forkpoint.dynamics.extras import load
from forkpoint.errors import InputError
from forkpoint.files import write_atomically
from forkpoint.uncertainty.draws import CHUNK, Draws
from forkpoint.uncertainty.outputs import Output, outputs_of
from forkpoint.world.levers import Setting
from forkpoint.world.model import START, STEP
from forkpoint.world.scenario import Scenario

Array: TypeAlias = NDArray[Any]
SCHEMA = "forkpoint.ensemble.v1"


@dataclass(frozen=True)
class Request:
    """Everything that decides an ensemble's bytes, and how many draws there are."""

    scenarios: tuple[Scenario, ...]
    outputs: tuple[Output, ...]
    draws: int
    seed: int
    stop: float
    model: str
    parameters: str
    engine: str
    chunk: int = CHUNK

    @property
    def time(self) -> NDArray[np.float64]:
        """Times of the outputs, in years."""
        return np.asarray(START + STEP * np.arange(round((self.stop - START) / STEP) + 1))

    @property
    def chunks(self) -> range:
        """Numbers of the chunks."""
        return range(-(-self.draws // self.chunk))

    def span(self, chunk: int) -> tuple[int, int]:
        """First draw of a chunk and the first after it."""
        return chunk * self.chunk, min((chunk + 1) * self.chunk, self.draws)

    def to_json(self) -> str:
        """The request as text."""
        scenarios = [asdict(s) for s in self.scenarios]
        outputs = [o.name for o in self.outputs]
        return json.dumps({"schema": SCHEMA, **vars(self), "scenarios": scenarios, "outputs": outputs}, indent=1)

    @classmethod
    def from_json(cls, text: str, where: str) -> Request:
        """A request from its text. Raises InputError where it is none of this version."""
        try:
            words = json.loads(text)
            if words.pop("schema") != SCHEMA:
                raise InputError(f"{where}: the schema is not {SCHEMA!r}")
            settings = [
                [Setting(**{**s, "labels": tuple(s["labels"])}) for s in one["settings"]] for one in words["scenarios"]
            ]
            words["scenarios"] = tuple(
                Scenario(**{**one, "settings": tuple(s)}) for one, s in zip(words["scenarios"], settings, strict=True)
            )
            words["outputs"] = outputs_of(words["outputs"])
            return cls(**words)
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{where}: not the description of an ensemble ({error})") from error

    def must_match(self, other: Request, where: str) -> None:
        """Raise InputError where ``other``, which ``where`` holds, would not give the same bytes."""
        told = {
            "model": "version of the model", "parameters": "set of parameters", "seed": "seed", "engine": "engine",
            "outputs": "set of outputs", "scenarios": "set of scenarios", "stop": "last year", "chunk": "chunk size",
        }  # fmt: skip
        for key, name in told.items():
            mine, theirs = _shown(getattr(self, key)), _shown(getattr(other, key))
            if getattr(self, key) != getattr(other, key):
                seen = f" ({theirs} there, {mine} asked for)" if mine != theirs else ""
                raise InputError(
                    f"{where} holds an ensemble with another {name}{seen}; they are never mixed: "
                    "choose another folder with --out, or delete this one"
                )
        if self.draws < other.draws:
            raise InputError(f"{where} holds {other.draws:,} draws already: ask for at least as many, or delete it")


class Store:
    """A folder or a URL of an object store (``s3://…``, anything that fsspec opens)."""

    def __init__(self, url: str | Path) -> None:
        self.url = str(url)

    @cached_property
    def remote(self) -> bool:
        """Whether this is a URL."""
        return "://" in self.url

    @cached_property
    def _files(self) -> Any:
        fsspec = load("fsspec", "uncertainty")
        return fsspec.core.url_to_fs(self.url)

    @cached_property
    def _zarr(self) -> Any:
        zarr = load("zarr", "uncertainty")
        if self.remote:
            return zarr.storage.FsspecStore.from_url(self.url)
        return zarr.storage.LocalStore(self.url)

    def read_bytes(self, name: str) -> bytes | None:
        """A file's bytes, or None where there is no such file. Raises InputError."""
        try:
            if self.remote:
                files, root = self._files
                return bytes(files.cat_file(f"{root}/{name}"))
            return (Path(self.url) / name).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except Exception as error:
            raise self._error("read", name, error) from error

    def write_bytes(self, name: str, content: bytes | str) -> None:
        """Write a file whole or not at all. Raises InputError where the folder is read-only, full or out of reach."""
        data = content.encode() if isinstance(content, str) else content
        try:
            if self.remote:
                files, root = self._files
                files.pipe_file(f"{root}/{name}", data)
                return
            path = Path(self.url) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, data)
        except InputError:
            raise
        except Exception as error:
            raise self._error("write", name, error) from error

    def array(self, scenario: str, output: Output) -> Any:
        """The Zarr array of an output."""
        return load("zarr", "uncertainty").open_array(store=self._zarr, path=f"{scenario}/{output.key}", mode="r+")

    def create(self, request: Request, draws: Draws) -> None:
        """Lay out the store for a request, or check that what is there belongs to it. Raises InputError."""
        stored = self.read_bytes("ensemble.json")
        if stored is not None:
            request.must_match(Request.from_json(stored.decode(), f"{self.url}/ensemble.json"), self.url)
        try:
            self._lay_out(request)
        except InputError:
            raise
        except Exception as error:
            raise self._error("write", "", error) from error
        stream = io.BytesIO()
        np.savez(
            stream, origin=np.array(draws.origin), mode=draws.mode, directions=draws.directions, shrink=draws.shrink
        )
        self.write_bytes("draws.npz", stream.getvalue())
        self.write_bytes("ensemble.json", request.to_json())

    def _lay_out(self, request: Request) -> None:
        zarr = load("zarr", "uncertainty")
        self._drop_damaged_layouts(request)
        attributes = {"schema": SCHEMA, "model": request.model, "parameters": request.parameters, "seed": request.seed}
        zarr.open_group(store=self._zarr, mode="a").update_attributes(attributes)
        size = (len(request.time), request.draws)
        for one in request.scenarios:
            group = zarr.open_group(store=self._zarr, path=one.name, mode="a")
            group.update_attributes({"title": one.title, "question": one.question, "law": one.law})
            if "time" not in group:
                time = group.create_array("time", data=request.time, dimension_names=("time",))
                time.update_attributes({"units": "year"})
            for output in request.outputs:
                if output.key in group:
                    if group[output.key].shape != size:
                        group[output.key].resize(size)
                    continue
                group.create_array(
                    output.key, shape=size, chunks=(size[0], request.chunk), dtype="float32", fill_value=float("nan"),
                    compressors=None, dimension_names=("time", "draw"), attributes={"units": output.unit},
                )  # fmt: skip

    def _drop_damaged_layouts(self, request: Request) -> None:
        """Remove layouts of groups and arrays that cannot be read, so that they are written anew; chunks stay."""
        arrays = ("time", *(o.key for o in request.outputs))
        parts = [f"{s.name}{part}/" for s in request.scenarios for part in ("", *(f"/{a}" for a in arrays))]
        for name in ("zarr.json", *(f"{part}zarr.json" for part in parts)):
            content = self.read_bytes(name)
            try:
                json.loads("{}" if content is None else content)
            except ValueError:
                self._remove(name)

    def _remove(self, name: str) -> None:
        if self.remote:
            files, root = self._files
            files.rm_file(f"{root}/{name}")
        else:
            (Path(self.url) / name).unlink()

    def request(self) -> Request:
        """What the store holds. Raises InputError where it is no ensemble."""
        stored = self.read_bytes("ensemble.json")
        if stored is None:
            raise InputError(f"{self.url}: no ensemble is here (ensemble.json is missing)")
        return Request.from_json(stored.decode(), f"{self.url}/ensemble.json")

    def draws(self) -> Draws:
        """The distribution that the store's draws come from. Raises InputError."""
        content = self.read_bytes("draws.npz")
        try:
            with np.load(io.BytesIO(content or b""), allow_pickle=False) as kept:
                return Draws(str(kept["origin"]), kept["mode"], kept["directions"], kept["shrink"])
        except (OSError, ValueError, KeyError, EOFError) as error:
            raise InputError(f"{self.url}/draws.npz: missing or damaged ({error}); run the command again") from error

    def write_chunk(self, request: Request, which: int, chunk: int, values: Array) -> None:
        """Write a chunk's outputs (output, time, draw), then its mark. Raises InputError."""
        low, high = request.span(chunk)
        name, sums = request.scenarios[which].name, []
        for output, block in zip(request.outputs, np.asarray(values, dtype="<f4"), strict=True):
            block = np.ascontiguousarray(block)
            padded = np.full((len(block), request.chunk), np.nan, dtype="<f4")
            padded[:, : high - low] = block
            self.write_bytes(f"{name}/{output.key}/c/0/{chunk}", padded.tobytes())
            sums.append(zlib.crc32(block.tobytes()))
        mark = {"draws": high - low, "sums": sums, "model": request.model, "parameters": request.parameters}
        self.write_bytes(_mark(name, chunk), json.dumps(mark))

    def read_chunk(self, request: Request, which: int, output: int, chunk: int) -> Array:
        """One output's chunk (time, draw), checked against its mark. Raises InputError where missing or damaged."""
        mark = self.mark(request, which, chunk)
        name, key = request.scenarios[which].name, request.outputs[output].key
        low, high = request.span(chunk)
        content = self.read_bytes(f"{name}/{key}/c/0/{chunk}") if mark else None
        shape = (len(request.time), request.chunk)
        if mark and content is not None and len(content) == 4 * shape[0] * shape[1]:
            block = np.ascontiguousarray(np.frombuffer(content, dtype="<f4").reshape(shape)[:, : high - low])
            if zlib.crc32(block.tobytes()) == mark["sums"][output]:
                return block
        state = "damaged" if mark else "not computed yet"
        raise InputError(
            f"{self.url}: chunk {chunk} of {name}/{key} is {state}; "
            "run the same 'forkpoint ensemble' again, it computes what is missing"
        )

    def mark(self, request: Request, which: int, chunk: int) -> Mapping[str, Any] | None:
        """A chunk's mark, or None where there is none for this request."""
        content = self.read_bytes(_mark(request.scenarios[which].name, chunk))
        try:
            mark = json.loads(content) if content else None
        except ValueError:
            return None
        low, high = request.span(chunk)
        wanted = {"draws": high - low, "model": request.model, "parameters": request.parameters}
        if not isinstance(mark, dict) or any(mark.get(k) != v for k, v in wanted.items()):
            return None
        return mark if len(mark.get("sums", ())) == len(request.outputs) else None

    def missing(self, request: Request) -> tuple[list[tuple[int, int]], int]:
        """Chunks (scenario, chunk) to compute, and how many of them were there but damaged."""
        found, damaged = [], 0
        for chunk in request.chunks:
            for which in range(len(request.scenarios)):
                if self.mark(request, which, chunk) is None:
                    found.append((which, chunk))
                elif not self._whole(request, which, chunk):
                    found.append((which, chunk))
                    damaged += 1
        return found, damaged

    def _whole(self, request: Request, which: int, chunk: int) -> bool:
        try:
            for output in range(len(request.outputs)):
                self.read_chunk(request, which, output, chunk)
        except InputError:
            return False
        return True

    def blocks(self, request: Request, which: int, output: int) -> Iterator[Array]:
        """One output's chunks in order, each checked."""
        for chunk in request.chunks:
            yield self.read_chunk(request, which, output, chunk)

    def tidy(self, before: float) -> None:
        """Remove what writes that were killed left half done in a folder: temporary files older than ``before`` (a time
        as of ``time.time()``, so that nothing another process writes now is touched). An object store has none."""
        if self.remote:
            return
        for path in Path(self.url).rglob(".*"):
            with suppress(OSError):  # somebody else was quicker
                if path.is_file() and path.stat().st_mtime < before:
                    path.unlink()

    def _error(self, verb: str, name: str, error: Exception) -> InputError:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return InputError(f"cannot {verb} {self.url}/{name}: {reason}")


def _mark(scenario: str, chunk: int) -> str:
    return f"done/{scenario}/{chunk}.json"


def _shown(value: Any) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(str(getattr(v, "name", v)) for v in value)
    return f"{value}"
