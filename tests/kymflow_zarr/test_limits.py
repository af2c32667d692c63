"""What one artifact may decode to."""

from __future__ import annotations

import re

import pytest

from kymflow_zarr import limits
from kymflow_zarr.errors import SettingError


def test_the_limit_is_set_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(limits.SETTING, raising=False)
    assert limits.max_artifact_bytes() == 2 * 2**30
    monkeypatch.setenv(limits.SETTING, "4000")
    assert (limits.max_artifact_bytes(), limits.max_text_bytes()) == (4000, 1000)
    monkeypatch.setenv(limits.SETTING, "")
    assert limits.max_artifact_bytes() == limits.DEFAULT_BYTES


@pytest.mark.parametrize("text", ["0", "-1", "2 GiB", "1e9", "²", "nan"])
def test_what_is_no_number_of_bytes_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(limits.SETTING, text)

    with pytest.raises(SettingError, match=f"must be a whole number of bytes, got {re.escape(repr(text))}"):
        limits.max_artifact_bytes()


def test_a_refusal_says_how_much_it_is_and_what_sets_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(limits.SETTING, "2000000")

    with pytest.raises(limits.TooLargeError, match=r"decodes to 3.5 GB, where at most 2.0 MB are taken"):
        limits.check_bytes(3_500_000_000)
    with pytest.raises(limits.TooLargeError, match="KYMFLOW_MAX_ARTIFACT_BYTES, now 2000000 bytes"):
        limits.check_bytes(2_000_001)
    limits.check_bytes(2_000_000)


@pytest.mark.parametrize(
    "data",
    [b"", b"\n", b"a", b"a,b\n1,2\n" * 1000, b"\r\n".join([b"a;b"] * 20_000), b"a\tb\r" * 20_000],
    ids=["empty", "blank", "header", "unix", "windows", "old mac"],
)
def test_long_csv_of_few_columns_is_taken(data: bytes) -> None:
    limits.check_csv(data)
