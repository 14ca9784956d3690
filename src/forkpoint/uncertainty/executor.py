"""Where the chunks of an ensemble run: a pool of processes here, or a Dask cluster, behind the same ``submit``.

Each process has one thread of arithmetic, so that a chunk's bytes do not depend on the machine's number of cores.
Nothing heavy is imported here: the settings must stand before NumPy loads in a new process.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import connection, get_context
from typing import Any, Protocol

from forkpoint.dynamics.extras import load
from forkpoint.errors import InputError, RunError

ONE_THREAD = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}
"""Environment of a worker: give it to the workers of a cluster too."""
PATIENCE = 3.0
"""Seconds in which a scheduler that has just been started must listen."""
LOST = 5
"""A task whose worker dies this often in a row is given up."""


class Executor(Protocol):
    """Runs tasks somewhere and gives back their results as they come."""

    def results(self, function: Callable[..., Any], tasks: Iterable[tuple[Any, ...]]) -> Iterator[Any]:
        """Results of ``function`` on each task, in the order in which they are done."""
        ...

    def close(self) -> None:
        """Let the workers go."""
        ...


class LocalPool:
    """Processes on this machine, one a core. A process that is killed is replaced and its task runs again."""

    def __init__(self, workers: int) -> None:
        if workers < 1:
            raise InputError(f"an ensemble needs at least one worker, not {workers}")
        self.workers = workers
        self._pool: ProcessPoolExecutor | None = None
        self._leash: connection.Connection | None = None
        """Processes end when it is closed."""

    def results(self, function: Callable[..., Any], tasks: Iterable[tuple[Any, ...]]) -> Iterator[Any]:
        """Results as they come; raises what a task raises, RunError where processes keep dying."""
        waiting, running, lost = list(tasks)[::-1], dict[Future[Any], tuple[Any, ...]](), 0
        while waiting or running:
            try:
                while waiting and len(running) < 2 * self.workers:
                    running[self._submit(function, waiting[-1])] = waiting[-1]
                    waiting.pop()
                done = wait(running, return_when=FIRST_COMPLETED).done
                for future in done:
                    result = future.result()
                    del running[future]
                    lost = 0
                    yield result
            except BrokenProcessPool as error:
                lost += 1
                if lost >= LOST:
                    raise RunError(
                        "worker processes keep being killed (out of memory?); use fewer --workers"
                    ) from error
                waiting += list(running.values())
                running.clear()
                self.close()

    def _submit(self, function: Callable[..., Any], task: tuple[Any, ...]) -> Future[Any]:
        if self._pool is None:
            spawn = get_context("spawn")
            leash, self._leash = spawn.Pipe(duplex=False)
            self._pool = ProcessPoolExecutor(self.workers, spawn, initializer=prepare_worker, initargs=(leash,))
        with _ctrl_c_withheld():
            return self._pool.submit(function, *task)

    def close(self) -> None:
        """End the processes at once, whatever they are at: what is half done counts as not done."""
        if self._leash is not None:
            self._leash.close()
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = self._leash = None


class DaskCluster:
    """A Dask cluster by the address of its scheduler. A task whose worker is lost runs on another."""

    def __init__(self, address: str) -> None:
        self._distributed = load("distributed", "cluster")
        _reach(address)
        try:
            self._client = self._distributed.Client(address, timeout="20s", set_as_default=False)
        except (OSError, ValueError, TimeoutError) as error:
            raise InputError(f"no Dask scheduler answers at {address}: {error}") from error

    def results(self, function: Callable[..., Any], tasks: Iterable[tuple[Any, ...]]) -> Iterator[Any]:
        """Results as they come; raises what a task raises."""
        futures = [self._client.submit(function, *task, pure=False, retries=LOST) for task in tasks]
        for future in self._distributed.as_completed(futures, loop=self._client.loop):
            yield future.result()
            future.release()

    def close(self) -> None:
        """Leave the cluster; it stays as it was."""
        self._client.close()


def _reach(address: str) -> None:
    """Wait a little for a scheduler to listen; Dask's own client takes a minute to give up, and not in one sentence.

    Raises InputError for what is no address, and where nothing listens.
    """
    scheme, _, place = address.rpartition("://")
    host, _, port = place.strip("/").rpartition(":")
    if scheme not in ("", "tcp", "tls"):
        return  # other transports are Dask's own affair
    if not host or not port.isdigit():
        raise InputError(f"--cluster {address}: write the scheduler's address, such as tcp://scheduler:8786")
    until = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=PATIENCE).close()
            return
        except (OSError, OverflowError) as error:
            if time.monotonic() > until or not isinstance(error, ConnectionRefusedError):
                reason = getattr(error, "strerror", None) or str(error)
                raise InputError(f"no Dask scheduler answers at {address}: {reason}") from error
            time.sleep(0.2)


@contextmanager
def _ctrl_c_withheld() -> Iterator[None]:
    """Processes started here never hear Ctrl-C: it is this process that answers, after this block if it comes now.

    (A handler of their own would come too late: they load for a second, and would print where they were.)
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def prepare_worker(leash: connection.Connection) -> None:
    """Give a new process one thread of arithmetic, and let it end when the other end of ``leash`` is closed.

    It closes when the pool does, or with the process that holds it (even by ``kill -9``).
    """
    os.environ.update(ONE_THREAD)

    def end_when_let_go() -> None:
        connection.wait([leash])
        os._exit(1)

    threading.Thread(target=end_when_let_go, daemon=True).start()


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
