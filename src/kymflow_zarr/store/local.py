"""A store on the local disk, built on `os`; what differs between file systems is dealt with here."""

from __future__ import annotations

import hashlib
import logging
import os
import stat as stat_module
from collections.abc import Callable, Iterable, Iterator, MutableSequence, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from kymflow_zarr.errors import InvalidNameError, LockTimeoutError, StoreError, StorePermissionError
from kymflow_zarr.layout import is_key, is_litter
from kymflow_zarr.store.base import LOCK_TIMEOUT_S, Change, Fingerprint, Listing, OutdatedError, Store
from kymflow_zarr.store.disk import expected, files, trees
from kymflow_zarr.store.disk.files import TEMPORARY_SUFFIX
from kymflow_zarr.store.disk.lock import LockHeldError, file_lock

if TYPE_CHECKING:
    from zarr.abc.store import Store as ZarrStore

logger = logging.getLogger(__name__)

_TO_READ = os.O_RDONLY | getattr(os, "O_BINARY", 0)


class LocalStore(Store):
    """Keys are files below a folder."""

    def __init__(self, root: Path) -> None:
        # The root may be a link; links below it are not followed.
        self.root = os.path.realpath(root)
        self.url = self.root

    def __reduce__(self) -> tuple[type[LocalStore], tuple[Path]]:
        return (LocalStore, (Path(self.root),))

    def _path(self, key: str) -> str:
        if not is_key(key):
            raise InvalidNameError(f"{key!r} is no key of a dataset", dataset=self.url)
        return f"{self.root}{os.sep}{key if os.sep == '/' else key.replace('/', os.sep)}"

    def _refusal(self, error: OSError, doing: str, key: str) -> StoreError:
        kind = StorePermissionError if isinstance(error, PermissionError) else StoreError
        refusal = kind(f"cannot {doing} {key!r} in {self.url}: {error.strerror or error}", dataset=self.url)
        refusal.errno = error.errno
        return refusal

    def read(self, key: str) -> tuple[bytes, Fingerprint]:
        answer = self._read_or_none(key)
        if answer is None:
            raise FileNotFoundError(f"no {key!r} in {self.url}")
        return answer

    def _read_or_none(self, key: str) -> tuple[bytes, Fingerprint] | None:
        try:
            # `open` would take half as long again, and artifacts are many and small.
            descriptor = os.open(self._path(key), _TO_READ)
            try:
                info = os.fstat(descriptor)
                return files.read_whole(descriptor, info.st_size), Fingerprint(
                    key, info.st_size, info.st_mtime_ns
                )
            finally:
                os.close(descriptor)
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            return None
        except OSError as error:
            raise self._refusal(error, "read", key) from error

    @contextmanager
    def open(self, key: str) -> Iterator[tuple[BinaryIO, Fingerprint]]:
        try:
            file = open(self._path(key), "rb")  # noqa: SIM115 - what reads it fails in its own words
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            raise FileNotFoundError(f"no {key!r} in {self.url}") from None
        except OSError as error:
            raise self._refusal(error, "read", key) from error
        with file:
            info = os.fstat(file.fileno())
            yield file, Fingerprint(key, info.st_size, info.st_mtime_ns)

    def stat(self, key: str) -> Fingerprint | None:
        try:
            info = os.stat(self._path(key))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise self._refusal(error, "look at", key) from error
        if not stat_module.S_ISREG(info.st_mode):
            return None
        return Fingerprint(key, info.st_size, info.st_mtime_ns)

    def put(self, key: str, data: bytes, *, flush: bool = False) -> Fingerprint:
        path = self._path(key)
        folder = os.path.dirname(path)
        temporary = os.path.join(folder, files.temporary_name())
        try:
            info = files.write_new(temporary, data, flush=flush)
            files.replace(temporary, path)
            if flush:
                files.flush_folder(folder)
        except OSError as error:
            raise self._refusal(error, "write", key) from error
        finally:
            with suppress(OSError):
                os.unlink(temporary)
        return Fingerprint(key, info.st_size, info.st_mtime_ns)

    def list(self, prefix: str = "") -> Iterator[Fingerprint]:
        folder = self._path(prefix) if prefix else self.root
        for key, size, mtime_ns in self._walk(folder, f"{prefix}/" if prefix else ""):
            yield Fingerprint(key, size, mtime_ns)

    def unreadable(self, prefix: str) -> Sequence[str]:
        keys: list[str] = []
        for _ in self._walk(self._path(prefix), f"{prefix}/", refused=keys):
            pass
        return keys

    def list_records(self, prefix: str, mark: str, folder: str) -> Listing:
        seen_ns = self.now_ns()
        names = self.children(prefix, having=[mark])
        below = self._path(prefix)
        found = [
            one
            for name in names
            for one in self._walk(os.path.join(below, name, folder), f"{prefix}/{name}/{folder}/")
        ]
        keys, sizes, mtimes_ns = (
            (list(values) for values in zip(*found, strict=True)) if found else ([], [], [])
        )
        return Listing(list(names), keys, sizes, mtimes_ns, [None] * len(keys), seen_ns)

    def _walk(
        self, folder: str, before: str, refused: MutableSequence[str] | None = None
    ) -> Iterator[tuple[str, int, int]]:
        """Yield key, size and modification time of every file below a folder."""
        stack = [(folder, before)]
        while stack:
            folder, before = stack.pop()
            for entry in self._scan(folder):
                key = before + entry.name
                if entry.is_dir(follow_symlinks=False):
                    stack.append((entry.path, key + "/"))
                    continue
                try:
                    info = entry.stat()
                except FileNotFoundError:
                    if entry.is_symlink():
                        logger.warning("ignoring the broken link %r in %s", key, self.url)
                    continue
                except OSError as error:
                    logger.warning("ignoring %r in %s: %s", key, self.url, error)
                    if refused is not None:
                        refused.append(key)
                    continue
                if stat_module.S_ISREG(info.st_mode):
                    yield key, info.st_size, info.st_mtime_ns
                else:
                    logger.warning("ignoring %r in %s: neither file nor folder", key, self.url)

    def _scan(self, folder: str) -> Iterator[os.DirEntry[str]]:
        try:
            scan = os.scandir(folder)
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise self._refusal(error, "list", os.path.relpath(folder, self.root)) from error
        with scan:
            for entry in scan:
                try:
                    # Nearly all names are ASCII, and isascii() is the faster check.
                    if not entry.name.isascii():
                        entry.name.encode("utf-8")
                except UnicodeEncodeError:
                    logger.warning("ignoring %r in %s: its name is no UTF-8", entry.name, folder)
                    continue
                if not entry.name.endswith(TEMPORARY_SUFFIX):
                    yield entry

    def children(self, prefix: str, having: Sequence[str] = ()) -> Sequence[str]:
        names = []
        for entry in self._scan(self._path(prefix)):
            if entry.name.startswith(".") or not entry.is_dir(follow_symlinks=False):
                continue
            if not having or any(files.is_file(f"{entry.path}{os.sep}{name}") for name in having):
                names.append(entry.name)
        return sorted(names)

    def delete(self, key: str) -> bool:
        path = self._path(key)
        folder = os.path.dirname(path)
        if os.path.realpath(folder) != folder or os.path.isdir(path):
            # What lies behind a link belongs to somebody else, and a folder is no key.
            return False
        try:
            os.unlink(path)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            raise self._refusal(error, "delete", key) from error
        return True

    def replace(self, key: str, data: bytes | None, sha256: str) -> None:
        path = self._path(key)
        temporary = os.path.join(os.path.dirname(path), files.temporary_name())

        def is_expected(place: str) -> bool:
            return _digest_at(place) == sha256

        try:
            if data is None:
                done = expected.delete_expected(path, temporary, is_expected)
            else:
                files.write_new(temporary, data, flush=False)
                done = expected.replace_expected(temporary, path, is_expected)
        except OSError as error:
            raise self._refusal(error, "write", key) from error
        finally:
            if data is not None:
                with suppress(OSError):
                    os.unlink(temporary)
        if not done:
            raise OutdatedError

    def delete_tree(self, prefix: str, *, first: Sequence[str] = ()) -> None:
        path = self._path(prefix)
        try:
            trees.delete(path)
        except FileNotFoundError:
            return
        except OSError as error:
            raise self._refusal(error, "delete", prefix) from error

    def put_tree(
        self,
        prefix: str,
        blobs: Iterable[tuple[str, bytes]],
        *,
        last: str,
        before_swap: Callable[[], None] | None = None,
    ) -> None:
        target = self._path(prefix)
        staged = os.path.join(os.path.dirname(target), files.temporary_name())
        try:
            # An error of `blobs` itself is not the disk's.
            for name, data in blobs:
                with self._refusing("write", prefix):
                    files.write_new(os.path.join(staged, *name.split("/")), data, flush=False)
            if before_swap is not None:
                before_swap()
            with self._refusing("write", prefix):
                trees.swap(staged, target)
        finally:
            # The old tree, after an exchange.
            with suppress(OSError):
                trees.remove_tree(staged)

    def put_back_tree(self, prefix: str, last: str) -> bool:
        with self._refusing("write", prefix):
            return trees.put_back(self._path(prefix), last)

    def is_replacing(self, prefix: str) -> bool:
        return trees.is_between_steps(self._path(prefix))

    @contextmanager
    def _refusing(self, doing: str, key: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self._refusal(error, doing, key) from error

    @property
    def keeps_others_out(self) -> bool:
        return True

    def update(self, key: str, change: Change, *, timeout_s: float = LOCK_TIMEOUT_S) -> Fingerprint | None:
        with self._locked(key, timeout_s):
            # Not kept in a variable, so that `change` can free the bytes of a large table.
            changed = change(self._bytes_or_none(key))
            return None if changed is None else self.put(key, changed, flush=True)

    def _bytes_or_none(self, key: str) -> bytes | None:
        answer = self._read_or_none(key)
        return None if answer is None else answer[0]

    @contextmanager
    def _locked(self, key: str, timeout_s: float) -> Iterator[None]:
        with ExitStack() as held:
            try:
                held.enter_context(file_lock(self._path(key), timeout_s))
            except LockHeldError as error:
                raise LockTimeoutError(
                    f"waited {timeout_s:g} s for {key!r} in {self.url}: {error} is writing it. Try again "
                    "when it is done.",
                    dataset=self.url,
                ) from error
            except OSError as error:
                raise self._refusal(error, "lock", key) from error
            yield

    def leftovers(self) -> Sequence[Fingerprint]:
        found = []
        stack = [self.root]
        while stack:
            folder = stack.pop()
            try:
                with os.scandir(folder) as scan:
                    entries = list(scan)
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                raise self._refusal(error, "list", os.path.relpath(folder, self.root)) from error
            for entry in entries:
                if entry.name.endswith(TEMPORARY_SUFFIX):
                    with suppress(FileNotFoundError):
                        info = entry.stat(follow_symlinks=False)
                        key = os.path.relpath(entry.path, self.root).replace(os.sep, "/")
                        found.append(Fingerprint(key, info.st_size, info.st_mtime_ns))
                elif entry.is_dir(follow_symlinks=False):
                    stack.append(entry.path)
        return found

    def is_empty(self) -> bool:
        try:
            with os.scandir(self.root) as scan:
                return all(is_litter(entry.name) for entry in scan)
        except FileNotFoundError:
            return True
        except NotADirectoryError:
            return False
        except OSError as error:
            raise self._refusal(error, "list", ".") from error

    def zarr_store(self) -> ZarrStore:
        from zarr.storage import LocalStore as ZarrLocalStore

        return ZarrLocalStore(self.root, read_only=True)


def _digest_at(path: str) -> str:
    """Return the SHA-256 of a file's bytes; empty where there is none."""
    try:
        descriptor = os.open(path, _TO_READ)
    except FileNotFoundError:
        return ""
    try:
        return hashlib.sha256(files.read_whole(descriptor, os.fstat(descriptor).st_size)).hexdigest()
    finally:
        os.close(descriptor)
