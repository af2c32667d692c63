"""Where a dataset can be, and the store for it: a local path or a URL."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote, urlparse
from urllib.request import url2pathname

from kymflow_zarr._store_local import LocalStore
from kymflow_zarr.store import Store


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
    """
    if is_url(location):
        # Imported here: a process that has used obstore cannot fork safely.
        from kymflow_zarr._store_object import ObjectStore

        return ObjectStore(str(location))
    text = os.fspath(location)
    if text.startswith("file://"):
        text = url2pathname(unquote(urlparse(text).path))
    return LocalStore(Path(text))
