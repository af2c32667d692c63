"""Where a dataset can be, and the store for it: a local path or a URL."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import unquote, urlparse
from urllib.request import url2pathname

from kymflow_zarr.errors import DatasetError, InstallationError
from kymflow_zarr.store.base import Store
from kymflow_zarr.store.local import LocalStore

# pathlib makes one slash of two. A single letter before the colon is a Windows drive.
_MANGLED_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/[^/]")
# Of a text, only what nobody would call a folder: the schemes that there are.
_ONE_SLASH = re.compile(r"(?i)(s3a?|gs|gcs|az|adl|azure|abfss?|https?|memory|file):/(?!/)")


def is_url(location: object) -> bool:
    """Tell whether `location` is a URL (``s3://...``, ``memory://...``) and not a local path."""
    if not isinstance(location, str):
        return False
    scheme, separator, _ = location.partition("://")
    return bool(separator) and scheme.isalnum() and scheme.lower() != "file"


def open_store(location: str | os.PathLike[str]) -> Store:
    """Open the store at a local path or URL; nothing is created or checked.

    Parameters
    ----------
    location : str or path
        A local path, ``file://`` URL, or a URL that obstore knows: ``s3://bucket/prefix``
        (configured by the usual ``AWS_*`` environment variables) or ``memory://name``
        (shared within this process).

    Raises
    ------
    DatasetError
        It can be neither.
    InstallationError
        It is a URL, and obstore, of the extra ``s3``, is not installed.
    """
    if isinstance(location, os.PathLike) and _MANGLED_URL.match(os.fspath(location)):
        raise DatasetError(
            f"{os.fspath(location)!r} was a URL before it became a path; pass URLs as str",
            dataset=os.fspath(location),
        )
    if is_url(location):
        return _object_store(str(location))
    text = os.fspath(location)
    if not isinstance(text, str) or not text or "\0" in text:
        # An empty path would mean the present folder, which nobody who passes one wants.
        raise DatasetError(f"a dataset needs a path or URL, got {location!r}", dataset=str(location))
    if one_slash := _ONE_SLASH.match(text):
        scheme, rest = one_slash[1].lower(), text[one_slash.end() :]
        # A file:// URL has the path's own slash, too.
        meant = f"{scheme}://{'/' if scheme == 'file' else ''}{rest}"
        raise DatasetError(f"{text!r} has one slash where a URL has two: did you mean {meant}?", dataset=text)
    try:
        os.fsencode(text)
    except UnicodeEncodeError as error:
        raise DatasetError(f"{text!r} cannot be a path on this system", dataset=text) from error
    if text.startswith("file://"):
        text = url2pathname(unquote(urlparse(text).path))
    return LocalStore(Path(text).expanduser())


def _object_store(url: str) -> Store:
    try:
        # Imported here: not everybody has it, and a process that has used obstore cannot fork safely.
        from kymflow_zarr.store.object import ObjectStore
    except ModuleNotFoundError as error:
        if error.name != "obstore":
            raise
        raise InstallationError(
            f"cannot open {url!r}: obstore, which reads and writes at URLs, is not installed. It is the "
            'extra named s3: pip install "kymflow[s3]"',
            dataset=url,
        ) from error
    return ObjectStore(url)
