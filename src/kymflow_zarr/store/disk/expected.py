"""Files replaced or deleted only if they are still those that were looked at."""

from __future__ import annotations

import os
from collections.abc import Callable

from kymflow_zarr.store.disk import exchange, files

# Told what a path holds, None for nothing; whether that is what was looked at.
IsExpected = Callable[[str], bool]


def replace_expected(temporary: str, path: str, is_expected: IsExpected) -> bool:
    """Put a file in the place of another, or of nothing, if that is the expected one; tell whether it was.

    What somebody writes at the last moment is found in what comes out, and goes back.
    """
    if not is_expected(path):
        return False
    if not os.path.lexists(path):
        try:
            # Fails where there is one by now, which a rename would replace.
            os.link(temporary, path)
        except FileExistsError:
            return False
        except OSError:
            files.replace(temporary, path)
        return True
    ours = os.stat(temporary)
    try:
        if not exchange.exchange(temporary, path):
            files.replace(temporary, path)
            return True
        if _came_out(temporary, is_expected):
            return True
        for _ in range(files.REPLACE_ATTEMPTS):
            exchange.exchange(temporary, path)
            if os.path.samestat(os.stat(temporary), ours):
                break
    except FileNotFoundError:
        # Somebody has deleted it meanwhile.
        pass
    return False


def delete_expected(path: str, aside: str, is_expected: IsExpected) -> bool:
    """Delete a file if it is the expected one; tell whether it was. Another one goes back to its place."""
    if not is_expected(path):
        return False
    try:
        os.rename(path, aside)
    except FileNotFoundError:
        return False
    if not _came_out(aside, is_expected):
        _put_back(aside, path)
        return False
    os.unlink(aside)
    return True


def _came_out(path: str, is_expected: IsExpected) -> bool:
    """Tell whether what was taken out is the expected one; what cannot be read is somebody else's."""
    try:
        return is_expected(path)
    except FileNotFoundError:
        raise
    except OSError:
        return False


def _put_back(aside: str, path: str) -> None:
    try:
        # Fails where there is another one by now, which is newer.
        os.link(aside, path)
    except FileExistsError:
        pass
    except OSError:
        # File systems without hard links, as those of memory cards.
        if not os.path.lexists(path):
            os.rename(aside, path)
            return
    os.unlink(aside)
