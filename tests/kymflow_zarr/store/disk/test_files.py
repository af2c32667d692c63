"""Files: only regular ones are opened, and nothing is waited for."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from kymflow_zarr import StoreError
from kymflow_zarr.store.base import UNREADABLE_SIZE, Store
from kymflow_zarr.store.disk import files
from support.odd_files import ODD_FILES, put_odd_file


@pytest.mark.parametrize("kind", ODD_FILES)
def test_what_is_no_regular_file_is_named_and_not_read(disk: Store, kind: str) -> None:
    disk.put("a/b", b"x")
    what = put_odd_file(kind, Path(disk.url) / "a" / "odd")
    refused = rf"cannot read 'a/odd' in .*root: it is {what}"
    with pytest.raises(StoreError, match=refused):
        disk.read("a/odd")
    with pytest.raises(StoreError, match=refused), disk.open("a/odd"):
        pass
    with pytest.raises(StoreError, match=refused):
        disk.update("a/odd", lambda _: b"x")
    assert disk.exists("a/odd")
    assert disk.stat("a/odd").size == UNREADABLE_SIZE


def test_what_is_absent_is_absent(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="No such file"):
        files.open_regular(str(tmp_path / "absent"))
    with pytest.raises(FileNotFoundError, match="No such file"):
        files.open_regular(str(tmp_path / "absent" / "deeper"))


def test_a_file_in_the_place_of_a_folder_does_not_make_what_was_in_it_absent(disk: Store) -> None:
    disk.put("a", b"file")
    with pytest.raises(StoreError, match="cannot read 'a/b' in .*: Not a directory"):
        disk.read("a/b")
    assert disk.stat("a/b").size == UNREADABLE_SIZE


def test_a_linked_file_is_read(disk: Store, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(b"content")
    disk.put("a/b", b"x")
    (Path(disk.url) / "a" / "link").symlink_to(tmp_path / "elsewhere")
    assert disk.read("a/link")[0] == b"content"
    assert disk.stat("a/link") == disk.read("a/link")[1]
    with disk.open("a/link") as (file, found):
        assert (file.read(), found.size) == (b"content", 7)


def test_a_file_that_another_machine_holds_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "leased"
    path.write_bytes(b"content")
    really_open = os.open

    def leased(path: str, flags: int, mode: int = 0o777) -> int:
        if flags & os.O_NONBLOCK:
            raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
        return really_open(path, flags, mode)

    monkeypatch.setattr(os, "open", leased)
    descriptor, info = files.open_regular(str(path))
    os.close(descriptor)
    assert info.st_size == 7


def test_links_that_lead_nowhere_are_known_without_the_flag_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_NO_FOLLOW", 0)
    (tmp_path / "link").symlink_to("nowhere")
    with pytest.raises(files.IrregularFileError, match="a link to 'nowhere', where nothing is"):
        files.open_regular(str(tmp_path / "link"))
    with pytest.raises(FileNotFoundError, match="No such file"):
        files.open_regular(str(tmp_path / "absent"))


def test_a_folder_that_cannot_be_looked_at_is_not_said_to_exist(tmp_path: Path, monkeypatch) -> None:
    files.make_folder(str(tmp_path / "a" / "b"))
    files.make_folder(str(tmp_path / "a" / "b"))
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError):
        files.make_folder(str(tmp_path / "file"))

    def failing(path: str, **options: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO), path)

    monkeypatch.setattr(os, "stat", failing)
    with pytest.raises(OSError, match="Input/output error"):
        files.make_folder(str(tmp_path / "a"))


def test_what_cannot_be_looked_at_is_not_absent(tmp_path: Path, monkeypatch) -> None:
    assert files.is_absent(str(tmp_path / "a"))
    assert not files.is_absent(str(tmp_path))

    def failing(path: str) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO), path)

    monkeypatch.setattr(os, "lstat", failing)
    assert not files.is_absent(str(tmp_path / "a"))
