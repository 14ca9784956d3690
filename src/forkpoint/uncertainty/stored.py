"""An ensemble that goes to a store: what is missing there is computed, wherever and by however many workers."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from forkpoint.errors import InputError, RunError
from forkpoint.uncertainty.batch import Batch, last_year
from forkpoint.uncertainty.draws import CHUNK, Draws
from forkpoint.uncertainty.ensemble import Array, Ensemble, Named, scenarios_of
from forkpoint.uncertainty.executor import DaskCluster, Executor, LocalPool, cores
from forkpoint.uncertainty.outputs import outputs_of
from forkpoint.uncertainty.store import Request, Store
from forkpoint.world.fitted import model_version
from forkpoint.world.run import inputs
from forkpoint.world.tables import csv_text


def run_stored(
    scenarios: Named | Iterable[Named],
    draws: int,
    out: str | Path,
    *,
    posterior: str | Path = "default",
    seed: int = 0,
    outputs: str | Iterable[str] | None = None,
    to: float | None = None,
    workers: int | None = None,
    cluster: str | None = None,
    chunk: int = CHUNK,
    progress: Callable[[int, int], None] = lambda done, total: None,
    tell: Callable[[str], None] = lambda words: None,
) -> Ensemble:
    """Compute what a store lacks of an ensemble, and open it. The arguments are those of the command;
    ``chunk``: draws in a chunk.

    ``progress`` hears runs done and to do; ``tell`` hears what was found there. Raises InputError, RunError.
    """
    began, source = time.time(), Draws.of(posterior)
    request = request_of(scenarios, draws, source, seed=seed, outputs=outputs, to=to, chunk=chunk)
    store = Store(out)
    # First of all: a scheduler that does not answer leaves no folder behind.
    executor: Executor = DaskCluster(cluster) if cluster else LocalPool(workers or cores())
    try:
        store.create(request, source)
        tasks, damaged = store.missing(request)
        total = request.draws * len(request.scenarios)
        done = total - sum(_size(request, chunk) for _, chunk in tasks)
        if damaged:
            tell(f"{damaged} damaged chunk{'s' * (damaged > 1)} in {store.url}: computed again")
        if done:
            tell(f"{done:,} of {total:,} runs are there already")
        progress(done, total)
        for size in executor.results(compute_chunk, [(store.url, request.to_json(), *task) for task in tasks]):
            done += size
            progress(done, total)
    finally:
        executor.close()
    store.tidy(began)
    return open_ensemble(out)


def request_of(
    scenarios: Named | Iterable[Named],
    draws: int,
    source: Draws,
    *,
    seed: int = 0,
    outputs: str | Iterable[str] | None = None,
    to: float | None = None,
    chunk: int = CHUNK,
) -> Request:
    """The request with the versions that its bytes rest on. Raises InputError."""
    if draws < 1:
        raise InputError(f"an ensemble has at least one draw, not {draws}")
    chosen = scenarios_of(scenarios)
    given = hashlib.sha256(source.digest.encode())
    for one in chosen:
        given.update(_canonical(inputs(one)))
    engine = f"llvmlite {version('llvmlite')}, numpy {version('numpy')}"
    stop = last_year(to)
    return Request(
        chosen, outputs_of(outputs), draws, seed, stop, model_version(), given.hexdigest()[:16], engine, chunk
    )


def open_ensemble(out: str | Path) -> Ensemble:
    """The ensemble in a store, to ask for ranges. Raises InputError where there is none, or when a chunk is damaged."""
    store = Store(out)
    request = store.request()

    def read(which: int, output: int) -> Iterator[Array]:
        return store.blocks(request, which, output)

    origin = store.draws().origin
    return Ensemble(request.scenarios, request.outputs, request.time, request.draws, origin, read)


def compute_chunk(url: str, request: str, which: int, chunk: int) -> int:
    """Run one chunk of one scenario and write it (in a worker). Returns the number of draws in it.

    Raises RunError where the worker's model is not the request's: versions are never mixed.
    """
    asked, source, batches = _prepared(url, request)
    low, high = asked.span(chunk)
    values = batches[which].run(source.parameters(asked.seed, chunk, high - low))
    Store(url).write_chunk(asked, which, chunk, values)
    return high - low


@lru_cache(maxsize=4)
def _prepared(url: str, request: str) -> tuple[Request, Draws, tuple[Batch, ...]]:
    asked = Request.from_json(request, f"{url}/ensemble.json")
    if asked.model != model_version():
        raise RunError(
            f"a worker has version {model_version()} of the model, the ensemble is of {asked.model}: "
            "install the same forkpoint everywhere"
        )
    return asked, Store(url).draws(), tuple(Batch(one, asked.outputs, asked.stop) for one in asked.scenarios)


def _canonical(value: Any) -> bytes:
    """Bytes that are the same for the same values, whatever order a table was filled in."""
    if isinstance(value, Mapping):
        return b"{" + b",".join(repr(k).encode() + b":" + _canonical(value[k]) for k in sorted(value)) + b"}"
    return value.tobytes() if isinstance(value, np.ndarray) else repr(value).encode()


def _size(request: Request, chunk: int) -> int:
    low, high = request.span(chunk)
    return high - low


def summarise(found: Ensemble, out: str | Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Quantiles of every output and difference, written to the store as ``ranges.csv`` and ``differences.csv``."""
    store, tables = Store(out), (found.rows(), found.difference_rows())
    for name, rows in zip(("ranges.csv", "differences.csv"), tables, strict=True):
        if rows:
            store.write_bytes(name, csv_text(tuple(rows[0]), rows))
    return tables
