"""Which row each file has: its own, that of a file that has moved, or a new one."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from kymflow_zarr import TiffReader
from kymflow_zarr.sources.choose import Chosen
from kymflow_zarr.sources.claims import Claimer, failing, mended
from kymflow_zarr.sources.index import SourceRow
from kymflow_zarr.sources.states import read_state


def claimer(
    root: Path,
    *wanted: str,
    failed: dict[str, str] | None = None,
    passed_over: dict[str, str] | None = None,
    has_record: Callable[[SourceRow], bool] = lambda row: False,
    meanwhile: Callable[[], None] = lambda: None,
) -> Claimer:
    readers = dict.fromkeys(wanted, TiffReader())
    chosen = Chosen(readers, failed or {}, passed_over or {})
    return Claimer(root, chosen, all_again=True, has_record=has_record, meanwhile=meanwhile)


def write(root: Path, name: str, content: str = "x") -> Path:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(content)
    return root / name


def ingested(root: Path, name: str, content: str = "x") -> SourceRow:
    path = write(root, name, content)
    return SourceRow(str(root), name, f"id of {name}", 1, (read_state(path, settled_before_ns=0),))


def test_each_file_gets_one_row_in_order_and_keeps_it(tmp_path) -> None:
    for name in ("b.tif", "a.tif"):
        write(tmp_path, name)
    first = claimer(tmp_path, "b.tif", "a.tif").claim([])
    assert [row.relative_path for row in first.claimed] == ["b.tif", "a.tif"]
    assert first.changed
    assert first.rows == first.claimed
    assert len({row.image_id for row in first.rows}) == 2
    again = claimer(tmp_path, "a.tif", "b.tif").claim(first.rows)
    assert again.claimed == first.claimed[::-1]
    assert (again.rows, again.changed) == (first.rows, False)


def test_row_of_a_folder_above_or_below_is_the_same_file(tmp_path) -> None:
    row = ingested(tmp_path, "day/a.tif")
    assert claimer(tmp_path / "day", "a.tif").claim([row]).claimed == [row]
    below = replace(row, root=str(tmp_path / "day"), relative_path="a.tif")
    claims = claimer(tmp_path, "day/a.tif").claim([below])
    assert (claims.claimed, claims.changed) == ([below], False)


def test_rows_of_other_folders_are_left_alone(tmp_path) -> None:
    others = [
        SourceRow(str(tmp_path / "in 2"), "gone.tif", "1", 1),
        SourceRow("/absent", "x.tif", "2", 0, failure="bad"),
    ]
    claims = claimer(tmp_path / "in").claim(others)
    assert (claims.rows, claims.gone, claims.changed) == (others, [], False)


def test_gone_once_and_there_again(tmp_path) -> None:
    row = failing(ingested(tmp_path, "a.tif"), "bad")
    os.rename(tmp_path / "a.tif", tmp_path / "elsewhere")
    gone = claimer(tmp_path).claim([row])
    assert gone.changed
    assert gone.gone == gone.rows
    # Its failure is nothing to mend any more.
    assert gone.rows[0].gone_epoch_ns > 0
    assert (gone.rows[0].failure, gone.rows[0].failed_epoch_ns) == ("", 0)
    still = claimer(tmp_path).claim(gone.rows)
    assert (still.rows, still.gone, still.changed) == (gone.rows, gone.rows, False)
    os.rename(tmp_path / "elsewhere", tmp_path / "a.tif")
    back = claimer(tmp_path, "a.tif").claim(still.rows)
    assert back.changed
    assert back.rows == back.claimed == [mended(row)]


def test_what_was_only_claimed_is_forgotten_when_it_goes_unless_it_has_a_record(tmp_path) -> None:
    row = SourceRow(str(tmp_path), "a.tif", "id")
    forgotten = claimer(tmp_path).claim([row])
    assert (forgotten.rows, forgotten.gone, forgotten.changed) == ([], [], True)
    kept = claimer(tmp_path, has_record=lambda row: row.image_id == "id").claim([row])
    assert [one.image_id for one in kept.gone] == ["id"]


def test_row_that_another_run_has_claimed_just_now_stays(tmp_path) -> None:
    # This run has gone through the folder before the file came.
    write(tmp_path, "new.tif")
    row = SourceRow(str(tmp_path), "new.tif", "id")
    claims = claimer(tmp_path).claim([row])
    assert (claims.rows, claims.changed) == ([row], False)


def test_failures_have_rows_and_keep_their_time(tmp_path) -> None:
    write(tmp_path, "bad.tif")
    claims = claimer(tmp_path, failed={"bad.tif": "no image"}).claim([])
    (row,) = claims.rows
    assert (row.failure, row.ingested_epoch_ns, claims.claimed) == ("no image", 0, [])
    assert row.failed_epoch_ns > 0
    again = claimer(tmp_path, failed={"bad.tif": "no image"}).claim(claims.rows)
    assert (again.rows, again.changed) == ([row], False)
    (other,) = claimer(tmp_path, failed={"bad.tif": "two readers"}).claim([row]).rows
    assert (other.image_id, other.failure) == (row.image_id, "two readers")
    assert other.failed_epoch_ns > row.failed_epoch_ns
    # With a pattern that misses it, it is still to be mended; as no source at all, it is not.
    missed = claimer(tmp_path, passed_over={"bad.tif": "not named a*"}).claim([row])
    assert (missed.rows, missed.changed) == ([row], False)
    assert claimer(tmp_path).claim([row]).rows == []


def test_known_source_that_fails_stays_known(tmp_path) -> None:
    row = ingested(tmp_path, "a.tif")
    (failed,) = claimer(tmp_path, failed={"a.tif": "in iCloud"}).claim([row]).rows
    assert mended(failed) == row
    (unread,) = claimer(tmp_path).claim([failed]).rows
    assert unread == failed


def test_what_was_read_to_find_moves_is_not_read_again(tmp_path) -> None:
    row = ingested(tmp_path, "a.tif")
    os.rename(tmp_path / "a.tif", tmp_path / "b.tif")
    reads: list[str] = []
    one = claimer(tmp_path, "b.tif", meanwhile=lambda: reads.append("read"))
    for _ in range(2):
        claims = one.claim([row])
        assert [(done.image_id, done.relative_path) for done in claims.claimed] == [("id of a.tif", "b.tif")]
    assert reads == ["read"]

    def cancelled() -> None:
        raise InterruptedError("cancelled")

    with pytest.raises(InterruptedError, match="cancelled"):
        claimer(tmp_path, "b.tif", meanwhile=cancelled).claim([row])


def test_accents_written_otherwise_are_the_same_file_unless_both_are_there(tmp_path) -> None:
    nfc, nfd = (unicodedata.normalize(form, "größe.tif") for form in ("NFC", "NFD"))
    row = ingested(tmp_path, nfc)
    both = claimer(tmp_path, nfc, failed={nfd: "differs only in how accents are written"}).claim([row])
    assert both.claimed == [row]
    assert [one.relative_path for one in both.rows] == [nfc, nfd]
    assert claimer(tmp_path, nfc, failed={nfd: both.rows[1].failure}).claim(both.rows).changed is False
    os.rename(tmp_path / nfc, tmp_path / nfd)
    (respelt,) = claimer(tmp_path, nfd).claim([row]).claimed
    assert (respelt.image_id, respelt.relative_path, respelt.files[0].path) == (row.image_id, nfd, nfd)
