"""Disks that fail at a call of one's choice, and media that nobody can write."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import platformdirs
import pytest

from kymflow import KymDataset
from kymflow_zarr.errors import StoreError
from kymflow_zarr.store.disk import files, lock, trees


def litter(root: Path) -> list[Path]:
    """What an unfinished write would leave behind."""
    return list(root.rglob("*.kymflow-tmp*"))


def no_bytecode(patch: pytest.MonkeyPatch) -> None:
    """What Python and pytest keep of modules that are imported meanwhile is no write of ours."""
    patch.setattr(sys, "dont_write_bytecode", True)


class Disk:
    """Fails at the n-th call that changes it, with half of the bytes written; counts them all."""

    CODES = (errno.ENOSPC, errno.EIO, errno.EACCES, errno.EROFS)

    def __init__(self, patch: pytest.MonkeyPatch, fails_at: int) -> None:
        self.calls = 0
        self.fails_at = fails_at
        self.code = self.CODES[fails_at % len(self.CODES)]
        no_bytecode(patch)
        for name in ("replace", "rename", "fsync", "makedirs", "unlink"):
            patch.setattr(os, name, self._guarded(getattr(os, name)))
        patch.setattr(files, "write_new", self._guarded(files.write_new))
        patch.setattr(lock, "_locked", self._guarded(lock._locked))

    def _guarded(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(*arguments: Any, **options: Any) -> Any:
            self.calls += 1
            if self.calls == self.fails_at:
                if call.__name__ == "write_new":
                    path, data = arguments
                    Path(path).parent.mkdir(parents=True, exist_ok=True)
                    Path(path).write_bytes(data[: len(data) // 2])
                raise OSError(self.code, os.strerror(self.code))
            return call(*arguments, **options)

        return guarded


def calls_of(action: Callable[[], object]) -> int:
    with pytest.MonkeyPatch.context() as patch:
        disk = Disk(patch, 0)
        action()
    return disk.calls


def check_told(error: StoreError, disk: Disk, kd: KymDataset) -> None:
    """The error says where, and why in the system's words."""
    assert kd.ds.path in str(error)
    assert os.strerror(disk.code) in str(error)
    assert error.errno == disk.code


@contextmanager
def read_only_medium(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Refuse every write as a read-only file system does; list what was tried, but for the user's cache."""
    tried: list[str] = []
    cache = str(platformdirs.user_cache_path("kymflow", appauthor=False))

    def refuse(name: str) -> Callable[..., Any]:
        def refusing(*arguments: Any, **options: Any) -> Any:
            if not (arguments and str(arguments[0]).startswith(cache)):
                tried.append(name)
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))

        return refusing

    with monkeypatch.context() as patch:
        no_bytecode(patch)
        for name in ("replace", "rename", "fsync", "makedirs", "mkdir", "unlink", "rmdir"):
            patch.setattr(os, name, refuse(name))
        patch.setattr(files, "write_new", refuse("write_new"))
        patch.setattr(trees, "remove_tree", refuse("remove_tree"))
        patch.setattr(lock, "_locked", refuse("_locked"))
        yield tried
