"""Trees are replaced at once where that can be had; elsewhere, what a crash leaves is put back."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from kymflow_zarr.store.disk import exchange, trees
from support.odd_files import ODD_FILES, put_odd_file

DOCUMENT = "zarr.json"


def write(path: Path, content: str) -> Path:
    (path / "c").mkdir(parents=True)
    (path / DOCUMENT).write_text(content)
    (path / "c" / "0").write_text(content)
    return path


def content(path: Path) -> list[str]:
    return [(path / name).read_text() for name in (DOCUMENT, "c/0")]


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return write(tmp_path / "a" / "data", "old")


@pytest.fixture
def staged(target: Path) -> Path:
    return write(target.with_name(".0123456789abcdef.kymflow-tmp"), "new")


class Killed(BaseException):
    """Stands for the end of a process: nothing of it runs any more."""


def kill_after_the_first_rename(patch: pytest.MonkeyPatch) -> None:
    rename = os.rename

    def first(one: str, other: str) -> None:
        rename(one, other)

        def killed(*_: str) -> None:
            raise Killed

        patch.setattr(os, "rename", killed)

    patch.setattr(os, "rename", first)


def test_a_tree_is_exchanged_without_a_moment_in_between(target, staged, monkeypatch) -> None:
    monkeypatch.setattr(os, "rename", lambda *_: pytest.fail("two steps"))
    trees.swap(str(staged), str(target))
    assert (content(target), content(staged)) == (["new", "new"], ["old", "old"])


def test_a_tree_comes_to_where_nothing_is(staged, target) -> None:
    trees.remove_tree(str(target))
    trees.swap(str(staged), str(target))
    assert content(target) == ["new", "new"]
    assert not staged.exists()


def test_a_tree_is_replaced_in_two_steps_where_it_must_be(target, staged, in_two_steps) -> None:
    trees.swap(str(staged), str(target))
    assert content(target) == ["new", "new"]
    assert os.listdir(target.parent) == ["data"]


def test_a_tree_that_another_writer_puts_there_in_between_is_replaced_too(
    target, staged, in_two_steps, monkeypatch
) -> None:
    rename = os.rename
    calls = []

    def meet(one: str, other: str) -> None:
        calls.append(one)
        if len(calls) == 2:
            write(target, "theirs")
        rename(one, other)

    monkeypatch.setattr(os, "rename", meet)
    trees.swap(str(staged), str(target))
    assert content(target) == ["new", "new"]
    assert os.listdir(target.parent) == ["data"]


def test_what_a_killed_replacement_moved_away_is_put_back(target, staged, in_two_steps, monkeypatch) -> None:
    with monkeypatch.context() as patch:
        kill_after_the_first_rename(patch)
        with pytest.raises(Killed):
            trees.swap(str(staged), str(target))
    assert not target.exists()
    assert trees.is_between_steps(str(target))
    assert trees.put_back(str(target), DOCUMENT)
    assert content(target) == ["old", "old"]
    assert not trees.is_between_steps(str(target))
    assert not trees.put_back(str(target), DOCUMENT)


def test_an_old_tree_that_cannot_be_moved_back_is_not_deleted(
    target, staged, in_two_steps, monkeypatch
) -> None:
    rename = os.rename
    calls = []

    def fail(one: str, other: str) -> None:
        calls.append(one)
        if len(calls) > 1:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        rename(one, other)

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", fail)
        with pytest.raises(OSError, match="Input/output error"):
            trees.swap(str(staged), str(target))
    assert trees.put_back(str(target), DOCUMENT)
    assert content(target) == ["old", "old"]


def test_nothing_is_put_back_over_a_tree_nor_from_a_write_under_way(target, staged) -> None:
    assert not trees.put_back(str(target), DOCUMENT)
    trees.remove_tree(str(target))
    assert not trees.put_back(str(target), DOCUMENT)
    assert not trees.is_between_steps(str(target))


def test_an_old_tree_of_an_earlier_version_is_put_back_if_it_is_whole(target, staged) -> None:
    trees.remove_tree(str(target))
    half = write(staged.with_name(".fedcba9876543210.kymflow-tmp"), "half")
    (half / DOCUMENT).unlink()
    for tree in (staged, half):
        os.utime(tree, (0, 0))
    assert trees.put_back(str(target), DOCUMENT)
    assert content(target) == ["new", "new"]
    assert half.exists()


def test_a_tree_goes_out_of_sight_before_its_files_are_deleted(target, monkeypatch) -> None:
    seen = []
    remove_tree = trees.remove_tree

    def look(path: str) -> None:
        seen.append((target.exists(), os.path.exists(os.path.join(path, DOCUMENT))))
        remove_tree(path)

    monkeypatch.setattr(trees, "remove_tree", look)
    trees.delete(str(target))
    assert seen == [(False, True)]
    assert os.listdir(target.parent) == []


def test_a_tree_that_cannot_be_renamed_is_deleted_where_it_is(target, monkeypatch) -> None:
    def refuse(*_: str) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(os, "rename", refuse)
    trees.delete(str(target))
    assert not target.exists()


def test_a_folder_that_cannot_be_closed_is_the_cause_that_is_told(target, monkeypatch) -> None:
    close = os.close
    failures = iter([OSError(errno.EIO, os.strerror(errno.EIO))])

    def failing_once(descriptor: int) -> None:
        close(descriptor)
        for failure in failures:
            raise failure

    monkeypatch.setattr(os, "close", failing_once)
    with pytest.raises(OSError, match="Input/output error"):
        trees.remove_tree(str(target))


def test_a_tree_that_is_not_there_cannot_be_deleted(tmp_path) -> None:
    with pytest.raises(FileNotFoundError):
        trees.delete(str(tmp_path / "none"))


def test_a_link_is_replaced_and_what_it_leads_to_stays(target, staged, tmp_path) -> None:
    elsewhere = target.rename(tmp_path / "elsewhere")
    target.symlink_to(elsewhere)
    trees.swap(str(staged), str(target))
    assert not target.is_symlink()
    assert (content(target), content(elsewhere)) == (["new", "new"], ["old", "old"])
    trees.remove_tree(str(staged))
    assert content(elsewhere) == ["old", "old"]


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM])
def test_a_file_system_that_knows_no_exchange_is_served_in_two_steps(
    target, staged, monkeypatch, code
) -> None:
    def refuse(*_: bytes) -> int:
        exchange.ctypes.set_errno(code)
        return -1

    monkeypatch.setattr(exchange, "_system_call", lambda: refuse)
    trees.swap(str(staged), str(target))
    assert content(target) == ["new", "new"]


def test_a_disk_that_refuses_the_exchange_leaves_both_trees(target, staged, monkeypatch) -> None:
    def refuse(*_: bytes) -> int:
        exchange.ctypes.set_errno(errno.EIO)
        return -1

    monkeypatch.setattr(exchange, "_system_call", lambda: refuse)
    with pytest.raises(OSError, match="Input/output error"):
        trees.swap(str(staged), str(target))
    assert (content(target), content(staged)) == (["old", "old"], ["new", "new"])


@pytest.mark.skipif(os.name == "nt", reason="Windows has no named pipes and sockets in folders")
@pytest.mark.parametrize("kind", ODD_FILES)
def test_what_is_no_tree_is_deleted_without_opening_it(kind, target) -> None:
    odd = target.parent / "odd"
    put_odd_file(kind, odd)
    # A pipe that is opened would be waited for.
    trees.delete(str(odd))
    assert not os.path.lexists(odd)
    assert "kymflow-tmp" not in "".join(os.listdir(target.parent))


@pytest.mark.parametrize(
    "name", [".0123456789abcdef.data.replaced.kymflow-tmp", ".0123456789abcdef.kymflow-tmp"]
)
def test_a_link_is_not_put_back_for_a_tree_that_was_moved_away(name, tmp_path) -> None:
    outside = write(tmp_path / "outside", "precious")
    (tmp_path / "a").mkdir()
    target = tmp_path / "a" / "data"
    (tmp_path / "a" / name).symlink_to(outside)
    for path in (outside, outside / DOCUMENT):
        os.utime(path, (0, 0))
    assert not trees.is_between_steps(str(target))
    assert not trees.put_back(str(target), DOCUMENT)
    assert not os.path.lexists(target)
    assert content(outside) == ["precious", "precious"]
