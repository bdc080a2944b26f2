"""The same tasks here or on a Dask cluster; whoever calls merges what comes back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from embedding_audit.cloud.progress import track
from paper_utils.results import dask_client


@dataclass
class Workers:
    """Where tasks run: on a Dask client, or (None) in this process, one after the other."""

    client: Any = None

    def map(
        self, function: Callable[..., Any], shared: Any, tasks: Sequence[Any], what: str
    ) -> Iterator[Any]:
        """Yield ``function(shared, task)`` for each task, in the order of the tasks.
        `function` must be one that another process can import; `shared` is sent there once; `what`
        is for the progress bar.
        """
        if self.client is None:
            for task in track(tasks, what):
                yield function(shared, task)
            return
        handle = self.client.scatter(shared, broadcast=True, hash=False)
        futures = [self.client.submit(function, handle, task, pure=False) for task in tasks]
        for future in track(futures, what):
            yield future.result()
            future.release()


@contextmanager
def workers(scheduler: str = "") -> Iterator[Workers]:
    """Give the workers of the Dask scheduler at the address `scheduler`; here where it is empty.

    The workers need this package, and the files under the same paths. PaperError where Dask is
    not installed or nobody answers.
    """
    if not scheduler:
        yield Workers()
        return
    with dask_client(scheduler) as client:
        yield Workers(client)
