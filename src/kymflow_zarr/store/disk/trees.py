"""Folders with all that is below them: written beside the old one, swapped in, deleted."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress

from kymflow_zarr.store.disk import files


def swap(staged: str, target: str) -> None:
    """Put a tree that is written in the place of another, or of nothing."""
    for attempt in range(files.REPLACE_ATTEMPTS):
        old = os.path.join(os.path.dirname(target), files.temporary_name())
        with suppress(FileNotFoundError):
            os.rename(target, old)
        try:
            os.rename(staged, target)
        except OSError:
            # Another writer put its own tree there in between.
            if attempt + 1 == files.REPLACE_ATTEMPTS or not os.path.isdir(target):
                with suppress(OSError):
                    os.rename(old, target)
                raise
        else:
            return
        finally:
            with suppress(FileNotFoundError):
                remove_tree(old)


def remove_tree(path: str) -> None:
    """Delete a folder with all that is below it, or a file; links are removed, never followed."""
    if os.path.islink(path) or os.path.isfile(path):
        os.unlink(path)
    else:
        shutil.rmtree(path)
