"""Names of files as people, file systems and file services write them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection

# As Dropbox, Syncthing, ownCloud, Nextcloud and OneDrive (with the name that Windows gives a computer)
# mark the copies that they make where two people have changed one file.
_CONFLICTED_COPY = re.compile(
    r" \([^()]*conflict[^()]*\)|[._]sync-conflict-\d{8}-\d{6}(?:-\w+)?|_conflict-\d{8}-\d{6}|"
    r"[ _]conflicted copy[^().]*|-(?:DESKTOP|LAPTOP)-[0-9A-Z]{7}(?:-\d+)?",
    re.IGNORECASE,
)


def path_key(path: str) -> str:
    """Return the form in which two spellings of one path are equal.

    File systems give the same accented name back composed or decomposed.
    """
    return path if path.isascii() else unicodedata.normalize("NFC", path)


def same_name(name: str) -> str:
    """Return the form in which names are equal that a person takes for the same.

    Windows and macOS do not tell upper from lower case, and macOS gives accents back decomposed.
    """
    return path_key(name).casefold()


def is_conflicted_copy(path: str, names: Collection[str]) -> bool:
    """Tell whether a file is named as a conflicted copy of another that is there, too.

    Parameters
    ----------
    path : str
        Its name, or its path with ``/``.
    names : collection of str
        Those that are there, as :func:`same_name` gives them.
    """
    folder, slash, name = path.rpartition("/")
    original, found = _CONFLICTED_COPY.subn("", name)
    return bool(found) and same_name(folder + slash + original) in names


def placeholder(name: str) -> str:
    """Return the name of what iCloud leaves in place of a file that it keeps elsewhere."""
    return f".{name}.icloud"


def evicted(name: str) -> str:
    """Return the name of the file in whose place iCloud has left `name`; empty if it is no such thing."""
    is_placeholder = name.startswith(".") and name.endswith(".icloud")
    return name[1 : -len(".icloud")] if is_placeholder else ""
