"""A plugin's own code run, whatever it raises being its indexer's fault."""

from __future__ import annotations

import multiprocessing
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from kymflow.errors import IndexerError
from kymflow_zarr.errors import StoreUnavailableError


class Fault(Protocol):
    """Words the errors of a call."""

    def extraction_error(self, cause: BaseException) -> IndexerError:
        """Return the error for an indexer that raised."""


@contextmanager
def blaming(fault: Fault) -> Iterator[None]:
    """Run a plugin's own code; whatever it raises becomes its error."""
    try:
        yield
    except (GeneratorExit, StoreUnavailableError):
        # The last is no matter of one call.
        raise
    # A panic of a library in another language, a cancelled task or sys.exit() is no Exception.
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt) and _may_be_users():
            raise
        raise fault.extraction_error(error) from error


def _may_be_users() -> bool:
    """Tell whether Ctrl-C may have raised a KeyboardInterrupt here, and not the indexer."""
    if threading.current_thread() is not threading.main_thread():
        return False
    # The workers of the command line do not heed it.
    is_worker = multiprocessing.parent_process() is not None
    return not is_worker or signal.getsignal(signal.SIGINT) is signal.default_int_handler
