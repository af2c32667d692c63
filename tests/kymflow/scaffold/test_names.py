from __future__ import annotations

import keyword
import re
import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import kymflow
from kymflow import KymflowError, normalize_table_name
from kymflow.scaffold import indexer_names
from kymflow.scaffold.names import MAX_LENGTH
from kymflow_zarr import layout
from kymflow_zarr.errors import InvalidNameError

# As the packaging specifications have it: a project's normal name, and the name of an entry point.
NORMAL_DISTRIBUTION = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
ENTRY_POINT = re.compile(r"\w([\w. -]*\w)?", re.ASCII)


@pytest.mark.parametrize(
    ("text", "name", "class_name"),
    [
        ("stalls", "stalls", "StallsIndexer"),
        ("Stall durations", "stall_durations", "StallDurationsIndexer"),
        ("StallDurations", "stall_durations", "StallDurationsIndexer"),
        ("  stall -- durations! ", "stall_durations", "StallDurationsIndexer"),
        ("STALLS", "stalls", "StallsIndexer"),
        ("ROI widths", "roi_widths", "RoiWidthsIndexer"),
        ("NADHLevel", "nadh_level", "NadhLevelIndexer"),
        ("Größe des Gefäßes", "grosse_des_gefasses", "GrosseDesGefassesIndexer"),
        ("débit", "debit", "DebitIndexer"),
        ("flow²", "flow2", "Flow2Indexer"),
        ("kymflow-indexer-stalls", "stalls", "StallsIndexer"),
        ("kymflow_indexer_stalls", "stalls", "StallsIndexer"),
        ("KymflowIndexerStalls", "stalls", "StallsIndexer"),
        ("StallsIndexer", "stalls", "StallsIndexer"),
        ("stalls-indexer", "stalls", "StallsIndexer"),
        ("indexer", "indexer", "IndexerIndexer"),
        ("class", "class", "ClassIndexer"),
        ("json", "json", "JsonIndexer"),
        ("print", "print", "PrintIndexer"),
        ("__init__", "init", "InitIndexer"),
        ("3D flow", "kym_3d_flow", "Kym3dFlowIndexer"),
        ("2", "kym_2", "Kym2Indexer"),
        ("sources", "kym_sources", "KymSourcesIndexer"),
        ("Metadata", "kym_metadata", "KymMetadataIndexer"),
        ("con", "kym_con", "KymConIndexer"),
        ("COM1", "kym_com1", "KymCom1Indexer"),
        ("artifact", "kym_artifact", "KymArtifactIndexer"),
        ("Dataset Indexer", "kym_dataset", "KymDatasetIndexer"),
        ("../../etc/passwd", "etc_passwd", "EtcPasswdIndexer"),
        ("a" * MAX_LENGTH, "a" * MAX_LENGTH, "A" + "a" * (MAX_LENGTH - 1) + "Indexer"),
    ],
)
def test_names_follow_from_one_text(text: str, name: str, class_name: str) -> None:
    names = indexer_names(text)

    assert (names.name, names.class_name) == (name, class_name)
    assert names.distribution == "kymflow-indexer-" + name.replace("_", "-")
    assert names.module == "kymflow_indexer_" + name
    assert names.words == name.replace("_", " ")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no letter or digit is left of it"),
        (" -_. ", "no letter or digit is left of it"),
        ("kymflow-indexer-", "no letter or digit is left of it"),
        ("🫀", "no letter or digit is left of it"),
        ("血流", "'血' has no ASCII form"),
        ("Ødem", "'ø' has no ASCII form"),
        ("a" * (MAX_LENGTH + 1), "a{20}... has 41 characters, at most 40 are possible"),
        ("3" * MAX_LENGTH, "kym_3{16}... has 44 characters"),
    ],
)
def test_what_cannot_be_a_name_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(InvalidNameError, match=f"cannot name an indexer: {reason}.* Use one to three"):
        indexer_names(text)


def test_a_refusal_shows_no_more_of_a_text_than_one_can_read() -> None:
    with pytest.raises(InvalidNameError, match=r"^'x{60}\.\.\.' cannot") as caught:
        indexer_names("x" * 100_000)
    assert len(str(caught.value)) < 250


@given(st.text(max_size=60) | st.text("aB3 -_é\u00df", max_size=50) | st.from_regex(r"[A-Za-z_ ]{1,45}"))
@example("\ud800")
@example("kymflow_indexer_indexer_indexer")
@example("kymflow indexer kymflow indexer sources")
@example("a" * 36 + " b c d")
def test_any_text_gives_valid_names_or_a_clear_error(text: str) -> None:
    names = refused = None
    try:
        names = indexer_names(text)
    except KymflowError as error:
        refused = error
    if names is None:
        assert isinstance(refused, InvalidNameError)
        assert "cannot name an indexer: " in str(refused)
        return
    assert NORMAL_DISTRIBUTION.fullmatch(names.distribution)
    assert ENTRY_POINT.fullmatch(names.name)
    for identifier in (names.module, names.class_name):
        assert identifier.isidentifier()
        assert identifier.isascii()
        assert not keyword.iskeyword(identifier)
    assert names.module not in sys.stdlib_module_names
    assert names.class_name not in kymflow.__all__
    assert normalize_table_name(names.name) == names.name
    assert layout.check_name(names.name, "table name") == names.name
    assert layout.check_artifact_name(names.name) == names.name
    assert names.name not in layout.RESERVED_TABLES
    assert len(names.name) <= MAX_LENGTH
    assert indexer_names(names.distribution) == names
