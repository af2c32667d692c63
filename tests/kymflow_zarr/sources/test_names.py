"""Names: accents, case, conflicted copies, what iCloud leaves in place of a file."""

from __future__ import annotations

import unicodedata

import pytest

from kymflow_zarr.sources.names import evicted, is_conflicted_copy, path_key, placeholder, same_name


def test_accents_may_be_composed_or_not() -> None:
    composed, decomposed = (unicodedata.normalize(form, "größe/ä.tif") for form in ("NFC", "NFD"))
    assert composed != decomposed
    assert path_key(composed) == path_key(decomposed)
    assert path_key("A.tif") != path_key("a.tif")


def test_case_is_no_difference_to_a_person() -> None:
    assert same_name("CAP.TIF") == same_name("cap.tif")
    assert same_name("É.tif") == same_name("e\u0301.TIF")


@pytest.mark.parametrize(
    "name",
    [
        "cap (Anna's conflicted copy 2026-01-05).tif",
        "cap (Case Conflict).tif",
        "cap (conflicted copy 2026-01-05 101112).tif",
        "cap.sync-conflict-20260105-101112-ABCDEF7.tif",
        "cap_sync-conflict-20260105-101112.tif",
        "cap_conflict-20260105-101112.tif",
        "cap_conflicted copy of Anna.tif",
        "cap-DESKTOP-ABC1234.tif",
        "cap-LAPTOP-0A1B2C3-2.tif",
        "CAP-desktop-abc1234.TIF",
    ],
)
def test_conflicted_copies_beside_their_original(name) -> None:
    assert is_conflicted_copy(name, {"cap.tif"})
    assert is_conflicted_copy(f"day 2/{name}", {"day 2/cap.tif"})
    # Without the original it is all that there is.
    assert not is_conflicted_copy(name, {same_name(name)})
    assert not is_conflicted_copy(f"day 2/{name}", {"cap.tif"})


@pytest.mark.parametrize(
    "name",
    [
        "cap.tif",
        "cap (1).tif",
        "cap-DESKTOP.tif",
        "cap conflict.tif",
        "cap_0001.tif",
        "cap-DESKTOP-ABC12345.tif",
    ],
)
def test_other_names_are_no_conflicted_copies(name) -> None:
    assert not is_conflicted_copy(name, {"cap.tif", same_name(name)})


def test_placeholders_of_icloud() -> None:
    assert evicted(placeholder("a b.tif")) == "a b.tif"
    for name in ("a.tif", ".a.tif", "a.icloud", ".icloud", "..icloud"):
        assert evicted(name) == ""
