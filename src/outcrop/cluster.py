"""Blocks on Dask: on a cluster that is there, or on worker processes of this machine.

The scheduler sees blocks, never pixels: a task is the place of a block. What is done to it (the
source and the fitted model) goes to each worker once, as a plugin, so that a worker that joins
later, or in the place of one that died, has it too. Workers read their own blocks and write their
own parts.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

from outcrop.engine import Executor, limited_threads, versions
from outcrop.errors import ClusterError, InputError, OutcropError, SceneError
from outcrop.interrupts import uncut
from outcrop.scratch import give_back

R = TypeVar("R")
T = TypeVar("T")

#: Blocks that are handed out ahead for each thread of the workers, so that none waits for us.
AHEAD = 4
#: Blocks in a row, at most, that are meant for one worker: as many results of each of the others
#: wait here for their turn.
RUN = 64
#: Seconds to wait for a scheduler, and for its first worker.
PATIENCE = 30

#: In a worker: what it does to blocks, by pass over a scene.
_tasks: dict[str, Callable[[Any], Any]] = {}
#: And what it did last: the next pass is over the same scene, whose tiles are remembered.
_last: list[Callable[[Any], Any]] = []


@contextmanager
def dask_pool(
    scheduler: str | None = None, workers: int | None = None
) -> Iterator[Executor | None]:
    """Connect to a cluster, or start one of worker processes here; None if neither is asked for.

    Parameters
    ----------
    scheduler : str, optional
        Address, such as ``tcp://10.0.0.1:8786``.
    workers : int, optional
        Processes to start on this machine, each of one thread.

    Raises
    ------
    InputError
        If both are given, Dask isn't installed, or the number is not positive.
    ClusterError
        If no scheduler answers, it has no workers, or they have other versions than we.
    """
    if scheduler is None and workers is None:
        yield None
        return
    _require(scheduler, workers)
    from distributed import Client

    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    with _local(workers) if workers else _remote(str(scheduler)) as address:
        try:
            connect: Any = Client
            client = connect(address, timeout=PATIENCE, set_as_default=False)
        except (OSError, ValueError) as error:
            raise ClusterError(
                f"no Dask scheduler answers at {scheduler} ({_first_line(error)}); check the "
                "address, and that `dask scheduler` runs there and can be reached from here"
            ) from None
        try:
            _require_workers(client, scheduler)
            _ready_workers(client)
            yield DaskPool(client)
        finally:
            with suppress(Exception):  # the cluster may be gone, and the error is another's
                client.run(_forget)
            client.close()


def _require(scheduler: str | None, workers: int | None) -> None:
    option = "--workers" if scheduler is None else "--scheduler"
    if scheduler is not None and workers is not None:
        raise InputError(
            f"--scheduler {scheduler} and --workers {workers}: give one of them; the number of "
            "workers of a cluster is its own"
        )
    if workers is not None and workers < 1:
        raise InputError(f"--workers {workers}: must be 1 or more")
    if not _is_installed():
        raise InputError(f'{option} needs Dask: pip install "outcrop[dask]"')


def _is_installed() -> bool:
    try:
        return find_spec("distributed") is not None
    except ValueError:  # marked as missing
        return False


@contextmanager
def _remote(address: str) -> Iterator[str]:
    yield address


@contextmanager
def _local(workers: int) -> Iterator[Any]:
    how = _forked()
    import dask

    import outcrop.pipeline  # noqa: F401 - meanwhile

    with dask.config.set(how):
        cluster = _started(workers)
        with cluster:
            yield cluster


@uncut  # half of a cluster can't be closed
def _started(workers: int) -> Any:
    from distributed import LocalCluster

    start: Any = LocalCluster
    return start(
        n_workers=workers, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0",
        silence_logs=logging.CRITICAL,
    )  # fmt: skip


def _forked() -> dict[str, Any]:
    """Return Dask's settings for workers that share one import, which begins now.

    A process of its own imports what mapping takes and is forked for each worker: where that is
    safe, which is on Linux. Elsewhere each worker imports for itself. A terminal sends Ctrl-C to
    all of them: they leave it to us, who end them.
    """
    if sys.platform != "linux":
        return {}
    from multiprocessing import forkserver, resource_tracker

    forkserver.set_forkserver_preload(["distributed", "outcrop.applying", "outcrop.sample"])
    resource_tracker.ensure_running()  # which would take the signal up again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return {"distributed.worker.multiprocessing-method": "forkserver"}


def _require_workers(client: Any, scheduler: str | None) -> None:
    try:
        client.wait_for_workers(1, timeout=PATIENCE)
    except TimeoutError:
        raise ClusterError(
            f"the scheduler at {scheduler} has no workers; start some with "
            f"`dask worker {scheduler} --nthreads 1`"
        ) from None
    mine = versions()
    try:
        found = client.run(versions)
    except Exception as error:  # what a worker without Outcrop raises is not ours to foresee
        raise ClusterError(
            f"the workers cannot load Outcrop ({_first_line(error)}); install the version of "
            "this machine on them"
        ) from None
    for address, theirs in found.items():
        for name, version in mine.items():
            if theirs.get(name) != version:
                raise ClusterError(
                    f"worker {address} has {name} {theirs.get(name)}, and here it is {version}: "
                    "the map would depend on which worker did what; install the same versions"
                )


def _ready_workers(client: Any) -> None:
    """Let each worker import what mapping takes, while this process does."""
    from distributed import fire_and_forget

    forget: Any = fire_and_forget
    for worker in client.nthreads():
        forget(client.submit(_import_all, workers=worker, pure=False))


def _import_all() -> None:
    import outcrop.applying
    import outcrop.sample  # noqa: F401


@dataclass(frozen=True)
class DaskPool:
    """Runs tasks on the workers of a Dask cluster.

    Parameters
    ----------
    client : distributed.Client
    """

    client: Any = field(repr=False)

    def map(
        self,
        task: Callable[[T], R],
        items: Sequence[T],
        in_flight: int,  # noqa: ARG002 - as Executor has it
    ) -> Iterator[R]:
        """Yield results in order; ``in_flight`` is the cluster's to say.

        A block whose worker dies is done again by another. Neighbours are meant for the same
        worker, which remembers the tiles that they share; others may take them off it.

        Raises
        ------
        ClusterError
            If a block ends one worker after the other, or the scheduler is lost.
        SceneError
            If a worker can't read what this machine can.
        """
        name = f"outcrop-{uuid.uuid4().hex[:12]}"
        waiting: dict[int, Any] = {}
        try:
            self.client.register_plugin(_plugin(name, task), name=name)
            to_do = shared_out(len(items), self._threads())
            for i in range(len(items)):
                ahead = AHEAD * max(1, len(self._threads()))
                while i not in waiting or sum(not f.done() for f in waiting.values()) < ahead:
                    place, worker = next(to_do, (-1, None))
                    if place < 0:
                        break
                    waiting[place] = self.client.submit(
                        _do, name, items[place], key=f"{name}-{place}", pure=False,
                        workers=worker, allow_other_workers=worker is not None,
                    )  # fmt: skip
                yield self._result(waiting.pop(i))
        finally:
            with suppress(Exception):  # the cluster may be gone, and the error is another's
                self.client.cancel(list(waiting.values()), force=True)
                self.client.unregister_worker_plugin(name)

    def _threads(self) -> list[str]:
        """Return the worker of each thread that there is now."""
        return [worker for worker, n in self.client.nthreads().items() for _ in range(n)]

    def _result(self, future: Any) -> Any:
        from concurrent.futures import CancelledError

        from distributed import KilledWorker
        from distributed.client import FutureCancelledError
        from distributed.comm.core import CommClosedError

        try:
            return future.result()
        except KilledWorker as error:
            raise ClusterError(
                f"a block ended {error.allowed_failures + 1} workers one after the other; most "
                "likely they have too little memory, so give them more, or make --block smaller"
            ) from None
        except (CancelledError, FutureCancelledError, CommClosedError) as error:
            raise ClusterError(
                f"the connection to the Dask scheduler was lost ({_first_line(error)})"
            ) from None

    def check(self, reads: Sequence[str], writes: Path) -> None:
        """Make sure that all workers see the inputs and the output folder.

        Raises
        ------
        ClusterError
            Naming the worker and the path.
        """
        here = [path for path in reads if os.path.exists(path)]
        for address, unseen in self.client.run(_unseen, here, str(writes)).items():
            if unseen:
                raise ClusterError(
                    f"worker {address} does not see {unseen[0]}: workers read their own blocks and "
                    "write their own parts, so scenes and output need to lie on storage that all "
                    "machines have under the same path (or scenes in an object store, as "
                    "/vsis3/bucket/scene.tif)"
                )


def shared_out(count: int, threads: Sequence[str]) -> Iterator[tuple[int, str | None]]:
    """Yield the places of items and the workers they are meant for, as they are handed out.

    Each thread has runs of `RUN` neighbours at most, and all threads have their turn.
    """
    workers: Sequence[str | None] = threads or [None]
    long = max(1, min(RUN, -(-count // len(workers))))
    for first in range(0, count, long * len(workers)):
        for step in range(long):
            for number, worker in enumerate(workers):
                place = first + number * long + step
                if place < count:
                    yield place, worker


def _plugin(name: str, task: Callable[[Any], Any]) -> Any:
    """Return what keeps a task in each worker, also in those that come later."""
    from distributed.diagnostics.plugin import WorkerPlugin

    class TaskPlugin(WorkerPlugin):
        task: Any

        def setup(self, worker: Any) -> None:  # noqa: ARG002 - as Dask calls it
            from outcrop import cluster

            cluster._tasks[name] = self.task
            # A class that travels lives until Python looks for cycles: it may not hold a scene.
            del self.task

        def teardown(self, worker: Any) -> None:  # noqa: ARG002
            from outcrop import cluster

            cluster._last[:] = [cluster._tasks.pop(name)] if name in cluster._tasks else []
            give_back()

    plugin = TaskPlugin()
    plugin.task = task
    return plugin


def _forget() -> None:
    """Let go of what was done last, in a worker."""
    _last.clear()


def _do(name: str, item: Any) -> Any:
    """Do a block, in a worker."""
    from distributed import get_worker
    from rasterio.errors import RasterioError

    here = get_worker().address
    try:
        with limited_threads():
            return _tasks[name](item)
    except OutcropError as error:
        failure: OutcropError = type(error)(f"{error} (on worker {here})")
    except (RasterioError, OSError) as error:
        failure = SceneError(
            f"worker {here} cannot read its block ({_first_line(error)}); the scenes need to lie "
            "under the same path on every machine"
        )
    # Out here, since GDAL's errors, which would hang on it as its context, don't travel.
    raise failure


def _unseen(reads: Sequence[str], folder: str) -> list[str]:
    """Return what is missing of some paths, in a worker."""
    missing = [path for path in reads if not os.path.exists(path)]
    return missing if os.access(folder, os.W_OK) else [*missing, folder]


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
