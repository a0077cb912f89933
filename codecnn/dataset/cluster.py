"""Make shards on a Dask cluster, by Dask's own client."""

import asyncio
import concurrent.futures
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from importlib.metadata import version
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from codecnn.codecs.codec import Codec
from codecnn.codecs.libavcodec import decoder_version
from codecnn.dataset.build import ShardTask, build_shard
from codecnn.errors import InputError
from codecnn.io.files import PartialFile, remove_abandoned

POLL_SECONDS = 0.5
GRACE_SECONDS = 2  # for Dask, which has the same time limit, to say why it could not connect
AGAIN = "the same command makes what is missing"


def build_on_cluster(tasks: Sequence[ShardTask], address: str, seconds: float) -> Iterator[str | None]:
    """Make shards on the workers of a scheduler; all paths are absolute.

    Gives for each shard, as it is finished, None, or in one line the reason why it could not be made. Raises InputError
    if the scheduler does not answer, or if there is no worker, for as long as `seconds`.
    """
    if not tasks:
        return
    with _connected(address, seconds) as client, _mark(tasks) as mark:
        done: SimpleQueue[Any] = SimpleQueue()
        futures = {client.submit(*_call(task, mark), pure=False): task for task in tasks}
        for future in futures:
            future.add_done_callback(done.put)
        for _ in tasks:
            future = _next(done, client, address, seconds)
            yield _reason(future, futures[future], address, seconds)


def build_on_worker(task: ShardTask, mark: Path) -> str | None:
    """Make one shard on a worker that has the same files and programs as the client.

    `mark` is a file that the client has made in the folder of the shard. Returns as build_shard does.
    """
    info = task.info
    try:
        if not mark.exists():
            return f"{mark.parent}: a worker of the cluster does not see this folder, but another or none"
        if task.clip.sha256() != info.source_sha256:
            return f"{task.clip.path}: a worker of the cluster sees another file of this name"
        for name, found in _versions(task.codec).items():
            if found != (wanted := getattr(info, name)):
                return f"a worker of the cluster has another {name}: {found}, here it is {wanted}"
    except OSError as error:
        return f"{error.filename}: a worker of the cluster cannot read it ({error.strerror})"
    except InputError as error:
        return f"a worker of the cluster: {error}"
    return build_shard(task)


def _call(task: ShardTask, mark: Path) -> tuple[Callable[[bytes], str | None], bytes]:
    """Return a function and its argument that make a shard.

    The function itself goes to the worker, not its name: a worker on which this package cannot be imported would end if
    it could not even read what to call. Here the task fails, with the reason.
    """
    import cloudpickle

    def unpack_and_call(call: bytes) -> str | None:
        import pickle

        returned: str | None = pickle.loads(call)()
        return returned

    return unpack_and_call, cloudpickle.dumps(partial(build_on_worker, task, mark))


def _versions(codec: Codec) -> dict[str, str]:
    """Return the versions of the programs on this machine, by their names in a shard."""
    return {
        "codec_version": codec.version(),
        "decoder_version": decoder_version(codec.decoder),
        "package_version": version("codecnn"),
    }


@contextmanager
def _connected(address: str, seconds: float) -> Iterator[Any]:
    """Connect to a scheduler that has a worker; InputError if there is none."""
    logger = logging.getLogger("distributed")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)  # what is wrong is said here, in one line
    try:
        begin, client = time.monotonic(), _open_client(address, seconds)
        try:
            while lack := _lack(client):
                if time.monotonic() - begin > seconds:
                    raise InputError(f"{address}: {lack} within {seconds:g} s")
                time.sleep(POLL_SECONDS)
            yield client
        finally:
            with suppress(OSError):  # the scheduler is lost
                client.close(timeout=1)
    finally:
        logger.setLevel(level)


def _open_client(address: str, seconds: float) -> Any:  # noqa: ANN401
    """Return a client of a scheduler; InputError if none answers.

    A thread of its own opens it: Dask waits without a limit for a server that listens but is no scheduler.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise InputError("--dask needs Dask: pip install 'codecnn[dask]'") from error
    client, answer = Client.__new__(Client), SimpleQueue[Exception | None]()

    def connect() -> None:
        try:
            client.__init__(address, timeout=seconds, set_as_default=False)
            answer.put(None)
        except Exception as error:  # another one for each kind of address that it does not understand
            answer.put(error)

    threading.Thread(target=connect, daemon=True).start()
    try:
        failed = answer.get(timeout=seconds + GRACE_SECONDS)
    except Empty:
        failed = TimeoutError(f"nothing within {seconds:g} s")
    if failed:
        client.status = "closed"  # else it would try to say farewell, and print that it could not
        raise InputError(f"{address}: no Dask scheduler answers ({' '.join(str(failed).split())})") from failed
    return client


def _lack(client: Any) -> str:  # noqa: ANN401
    """Return what a cluster lacks to work, in words; empty if nothing."""
    try:
        workers = client.status == "running" and client.sync(client.scheduler.ncores, workers=None, callback_timeout=2)
    except OSError:  # it is lost, or does not answer in time
        workers = False
    return "no answer of the Dask scheduler" if workers is False else "" if workers else "no worker"


@contextmanager
def _mark(tasks: Sequence[ShardTask]) -> Iterator[Path]:
    """Make a file beside the shards for a while, by which a worker tells that it sees the same folder."""
    path = tasks[0].path.with_name("cluster")
    remove_abandoned(path)
    with PartialFile(path) as file:
        yield file.partial


def _next(done: "SimpleQueue[Any]", client: Any, address: str, seconds: float) -> Any:  # noqa: ANN401
    """Return the next future that is finished; InputError if scheduler or workers are away for too long."""
    good = time.monotonic()
    while True:
        try:
            return done.get(timeout=POLL_SECONDS)
        except Empty:
            if not (lack := _lack(client)):
                good = time.monotonic()
            elif time.monotonic() - good > seconds:
                raise InputError(f"{address}: {lack} for {seconds:g} s; {AGAIN}") from None


def _reason(future: Any, task: ShardTask, address: str, seconds: float) -> str | None:  # noqa: ANN401
    """Return what a worker returned, or in one line why it has returned nothing."""
    from distributed import KilledWorker

    try:
        error = future.exception(timeout=seconds)
        if future.status == "cancelled":
            raise concurrent.futures.CancelledError
        if error is None:
            returned: str | None = future.result(timeout=seconds)  # it comes from the worker, by the scheduler
            return returned
    except (asyncio.CancelledError, concurrent.futures.CancelledError, OSError) as lost:
        raise InputError(f"{address}: no answer of the Dask scheduler; {AGAIN}") from lost
    if isinstance(error, KilledWorker):
        return f"{task.clip.path}: every worker of the cluster that coded it at QP {task.info.qp} has died"
    return f"the workers of the cluster fail: {type(error).__name__}: {' '.join(str(error).split())}"
