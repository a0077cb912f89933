"""Make shards on a Dask cluster, by Dask's own client."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from codecnn.codecs.codec import Codec
from codecnn.codecs.libavcodec import decoder_version
from codecnn.dataset.build import ShardTask, build_shard
from codecnn.errors import InputError
from codecnn.io.files import PartialFile

POLL_SECONDS = 0.5


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
            yield _reason(future, futures[future], address)


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
    try:
        from distributed import Client
    except ImportError as error:
        raise InputError("--dask needs Dask: pip install 'codecnn[dask]'") from error
    logger = logging.getLogger("distributed")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)  # what is wrong is said here, in one line
    begin = time.monotonic()
    try:
        try:
            client = Client(address, timeout=seconds, set_as_default=False)
        except (OSError, ValueError) as error:
            raise InputError(f"{address}: no Dask scheduler answers ({' '.join(str(error).split())})") from error
        try:
            while not client.nthreads():
                if time.monotonic() - begin > seconds:
                    raise InputError(f"{address}: no worker within {seconds:g} s")
                time.sleep(POLL_SECONDS)
            yield client
        finally:
            client.close(timeout=1)
    finally:
        logger.setLevel(level)


@contextmanager
def _mark(tasks: Sequence[ShardTask]) -> Iterator[Path]:
    """Make a file beside the shards for a while, by which a worker tells that it sees the same folder."""
    with PartialFile(tasks[0].path.with_name("cluster")) as file:
        yield file.partial


def _next(done: "SimpleQueue[Any]", client: Any, address: str, seconds: float) -> Any:  # noqa: ANN401
    """Return the next future that is finished; InputError if scheduler or workers are away for too long."""
    good = time.monotonic()
    while True:
        try:
            return done.get(timeout=POLL_SECONDS)
        except Empty:
            running = client.status == "running"
            if running and client.nthreads():
                good = time.monotonic()
            elif time.monotonic() - good > seconds:
                what = "no worker" if running else "the Dask scheduler has not answered"
                raise InputError(
                    f"{address}: {what} for {seconds:g} s; the same command makes what is missing"
                ) from None


def _reason(future: Any, task: ShardTask, address: str) -> str | None:  # noqa: ANN401
    """Return what a worker returned, or in one line why it has returned nothing."""
    from distributed import KilledWorker

    if future.status == "cancelled":
        raise InputError(f"{address}: the Dask scheduler is lost; the same command makes what is missing")
    error = future.exception()
    if error is None:
        returned: str | None = future.result()
        return returned
    if isinstance(error, KilledWorker):
        return f"{task.clip.path}: every worker of the cluster that coded it at QP {task.info.qp} has died"
    return f"the workers of the cluster fail: {type(error).__name__}: {' '.join(str(error).split())}"
