"""Files replaced or deleted only if they are still those that were looked at."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress

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
        if is_expected(temporary):
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
    if not is_expected(aside):
        with suppress(FileExistsError):
            os.link(aside, path)
        os.unlink(aside)
        return False
    os.unlink(aside)
    return True
