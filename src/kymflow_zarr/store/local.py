"""A store on the local disk, built on `os`; what differs between file systems is dealt with here."""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import stat as stat_module
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from kymflow_zarr import limits
from kymflow_zarr.errors import LockTimeoutError, StoreError
from kymflow_zarr.layout import FILE_ENDINGS, IMAGES, is_litter, is_name
from kymflow_zarr.store.base import (
    LINKED_SIZE,
    LOCK_TIMEOUT_S,
    UNREADABLE_SIZE,
    Change,
    Fingerprint,
    Listing,
    OutdatedError,
    Store,
)
from kymflow_zarr.store.disk import entries, expected, files, links, trees
from kymflow_zarr.store.disk.files import TEMPORARY_SUFFIX
from kymflow_zarr.store.disk.lock import LockHeldError, file_lock
from kymflow_zarr.store.disk.paths import DiskPaths

if TYPE_CHECKING:
    from zarr.abc.store import Store as ZarrStore

logger = logging.getLogger(__name__)

# What a record has is compared with a limit from here on; tables have none.
_LARGE_BYTES = 2**20
_RECORDS = f"{IMAGES}/"
# How often a change starts again whose lock was deleted while it was held.
_LOCK_ATTEMPTS = 10


class LocalStore(DiskPaths, Store):
    """Keys are files below a folder."""

    def __reduce__(self) -> tuple[type[LocalStore], tuple[Path]]:
        return (LocalStore, (Path(self.root),))

    def read(self, key: str) -> tuple[bytes, Fingerprint]:
        answer = self._read_or_none(key)
        if answer is None:
            raise FileNotFoundError(f"no {key!r} in {self.url}")
        return answer

    def _read_or_none(self, key: str) -> tuple[bytes, Fingerprint] | None:
        try:
            # `open` would take half as long again, and artifacts are many and small.
            descriptor, info = self._open(key)
            try:
                if info.st_size > _LARGE_BYTES and key.startswith(_RECORDS):
                    _refuse_large(info.st_size)
                settled = self._clock.settled(info, look=self.writable)
                found = Fingerprint(key, info.st_size, info.st_mtime_ns, None, settled)
                return files.read_whole(descriptor, info.st_size), found
            finally:
                os.close(descriptor)
        except FileNotFoundError:
            return None
        except StoreError:
            raise
        except OSError as error:
            if isinstance(error, NotADirectoryError) and not os.path.isdir(self.root):
                return None
            raise self._refusal(error, "read", key) from error

    @contextmanager
    def open(self, key: str) -> Iterator[tuple[BinaryIO, Fingerprint]]:
        try:
            descriptor, info = self._open(key)
            file = open(descriptor, "rb")  # noqa: SIM115 - what reads it fails in its own words
        except FileNotFoundError:
            raise FileNotFoundError(f"no {key!r} in {self.url}") from None
        except StoreError:
            raise
        except OSError as error:
            raise self._refusal(error, "read", key) from error
        try:
            yield file, entries.fingerprint(key, info, settled=self._clock.settled(info, look=self.writable))
        finally:
            # A disk that fails at the end of reading has told all that was wanted.
            with suppress(OSError):
                file.close()

    def stat(self, key: str) -> Fingerprint | None:
        path = self._path(key)
        if self._link_to(key, path) is not None:
            return Fingerprint(key, UNREADABLE_SIZE, 0)
        try:
            info = os.lstat(path)
        except FileNotFoundError:
            return None
        except NotADirectoryError:
            return Fingerprint(key, UNREADABLE_SIZE, 0) if os.path.isdir(self.root) else None
        except OSError as error:
            raise self._refusal(error, "look at", key) from error
        if stat_module.S_ISLNK(info.st_mode):
            try:
                info = os.stat(path)
            except OSError:
                return Fingerprint(key, UNREADABLE_SIZE, 0)
        return entries.fingerprint(key, info)

    def put(self, key: str, data: bytes, *, flush: bool = False) -> Fingerprint:
        path = self._path_to_change(key, "write")
        folder = os.path.dirname(path)
        temporary = os.path.join(folder, files.temporary_name())
        try:
            info = files.write_new(temporary, data, flush=flush)
            lock = self._held.get(key)
            if lock is not None and not lock.still_holds:
                raise OutdatedError
            files.replace(temporary, path)
            if flush:
                files.flush_folder(folder)
        except OSError as error:
            raise self._refusal(error, "write", key) from error
        finally:
            with suppress(OSError):
                os.unlink(temporary)
        return entries.fingerprint(key, info, settled=False)

    def list(self, prefix: str = "") -> Iterator[Fingerprint]:
        folder = self._folder_to_list(prefix) if prefix else self.root
        for key, size, mtime_ns in self._walk(folder, f"{prefix}/" if prefix else ""):
            yield Fingerprint(key, size, mtime_ns)

    def _folder_to_list(self, prefix: str) -> str:
        path = self._path(prefix)
        if (link := links.linked_folder(path + os.sep, len(self.root) + 1)) is not None:
            raise self._refused_link(link, "list", prefix)
        return path

    def list_records(self, prefix: str, mark: str, folder: str) -> Listing:
        seen_ns = self.now_ns()
        names = self.children(prefix, having=[mark])
        below = self._path(prefix)
        odd = set()
        if self._without_links is None:
            odd = {name for name in names if links.is_link(f"{below}{os.sep}{name}")}
        found: list[tuple[str, int, int]] = []
        for name in names:
            path = f"{below}{os.sep}{name}{os.sep}{folder}"
            # Whoever reads what is behind a link is refused.
            if name not in odd and not links.is_link(path):
                found += self._walk(path, f"{prefix}/{name}/{folder}/")
            else:
                odd.add(name)
        if not odd and all(size != LINKED_SIZE for _, size, _ in found):
            self._without_links = (f"{prefix}/", f"/{folder}/")
        keys, sizes, mtimes_ns = (
            (list(values) for values in zip(*found, strict=True)) if found else ([], [], [])
        )
        return Listing(list(names), keys, sizes, mtimes_ns, [None] * len(keys), seen_ns)

    def _walk(self, folder: str, before: str) -> Iterator[tuple[str, int, int]]:
        """Yield key, size and modification time of every file below a folder, and of what cannot be read."""
        stack = [(folder, before)]
        while stack:
            folder, before = stack.pop()
            for entry in self._scan(folder):
                key = before + entry.name
                if entry.is_dir(follow_symlinks=False) and not entries.is_linked(entry):
                    stack.append((entry.path, key + "/"))
                    if entry.name.endswith(FILE_ENDINGS):
                        # Where a file of this name is asked for, it cannot be read.
                        yield key, UNREADABLE_SIZE, 0
                    continue
                size, mtime_ns = entries.look_at(entry)
                if size < 0 and files.is_absent(entry.path):
                    continue
                if size < 0:
                    logger.info("%r in %s is no regular file, or a link that is not followed", key, self.url)
                yield key, size, mtime_ns

    def _scan(self, folder: str) -> Iterator[os.DirEntry[str]]:
        try:
            # A disk may fail in the middle of a folder, too.
            with os.scandir(folder) as scan:
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
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise self._refusal(error, "list", os.path.relpath(folder, self.root)) from error

    def children(self, prefix: str, having: Sequence[str] = ()) -> Sequence[str]:
        names, odd = [], []
        for entry in self._scan(self._folder_to_list(prefix)):
            if entry.name.startswith("."):
                continue
            if entries.is_linked(entry) or not entry.is_dir(follow_symlinks=False):
                # Nobody can look into it, and it must not pass for absent.
                if files.is_odd(entry.path):
                    odd.append(entry.name)
            elif (
                not having
                or any(files.is_file(f"{entry.path}{os.sep}{name}") for name in having)
                or not is_name(entry.name)
            ):
                names.append(entry.name)
        self._without_links = None if odd else (f"{prefix}/", "")
        return sorted(names + odd)

    def delete(self, key: str) -> bool:
        path = self._path_to_change(key, "delete")
        if os.path.isdir(path):
            # A folder is no key.
            return False
        try:
            os.unlink(path)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            raise self._refusal(error, "delete", key) from error
        return True

    def replace(self, key: str, data: bytes | None, sha256: str) -> None:
        path = self._path_to_change(key, "write")
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
        path = self._path_to_change(prefix, "delete")
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
        target = self._path_to_change(prefix, "write")
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
            return trees.put_back(self._path_to_change(prefix, "write"), last)

    def is_replacing(self, prefix: str) -> bool:
        return trees.is_between_steps(self._path(prefix))

    @property
    def keeps_others_out(self) -> bool:
        return True

    def update(self, key: str, change: Change, *, timeout_s: float = LOCK_TIMEOUT_S) -> Fingerprint | None:
        mine: bytes | None = None
        written: Fingerprint | None = None
        for _ in range(_LOCK_ATTEMPTS):
            with self._locked(key, timeout_s):
                if written is not None and self._bytes_or_none(key) == mine:
                    return written
                # Not kept in a variable, so that `change` can free the bytes of a large table.
                mine = change(self._bytes_or_none(key))
                if mine is None:
                    return written
                try:
                    written = self.put(key, mine, flush=True)
                except OutdatedError:
                    continue
                if self._held[key].still_holds:
                    return written
                # Somebody deletes lock files. Another writer may have read before this was written, and
                # have written since: so it is looked at again, under a new lock.
        raise LockTimeoutError(
            f"cannot write {key!r} in {self.url}: {_LOCK_ATTEMPTS} times its lock was deleted while it was "
            "held. Stop what deletes lock files (a cleanup tool, perhaps), and try again.",
            dataset=self.url,
        )

    def _bytes_or_none(self, key: str) -> bytes | None:
        answer = self._read_or_none(key)
        return None if answer is None else answer[0]

    @contextmanager
    def _locked(self, key: str, timeout_s: float) -> Iterator[None]:
        with ExitStack() as held:
            try:
                lock = held.enter_context(file_lock(self._path_to_change(key, "lock"), timeout_s))
            except LockHeldError as error:
                raise LockTimeoutError(
                    f"waited {timeout_s:g} s for {key!r} in {self.url}: {error}", dataset=self.url
                ) from error
            except OSError as error:
                raise self._refusal(error, "lock", key) from error
            self._held[key] = lock
            try:
                yield
            finally:
                del self._held[key]

    def leftovers(self) -> Sequence[Fingerprint]:
        try:
            found = list(entries.temporaries(self.root))
        except OSError as error:
            folder = os.path.relpath(error.filename or self.root, self.root)
            raise self._refusal(error, "list", folder) from error
        keys = [os.path.relpath(path, self.root).replace(os.sep, "/") for path, _ in found]
        return [
            Fingerprint(key, info.st_size, info.st_mtime_ns)
            for key, (_, info) in zip(keys, found, strict=True)
        ]

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
        # Imported here: zarr takes long, and few need pixels.
        from kymflow_zarr.store.disk.pixel_files import PixelFiles

        return PixelFiles(self.root, read_only=True)


def _digest_at(path: str) -> str:
    """Return the SHA-256 of a file's bytes; empty where there is none."""
    try:
        descriptor, info = files.open_regular(path)
    except FileNotFoundError:
        return ""
    try:
        return hashlib.sha256(files.read_whole(descriptor, info.st_size)).hexdigest()
    finally:
        os.close(descriptor)


def _refuse_large(n_bytes: int) -> None:
    try:
        limits.check_bytes(n_bytes, "it takes")
    except limits.TooLargeError as error:
        raise OSError(errno.EFBIG, str(error)) from error
