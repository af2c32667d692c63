"""Text, JSON and CSV files in the encodings and dialects of many machines."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from kymflow.core.ingest.sidecar_files import as_trace, decode_text, read_csv, read_json
from kymflow_zarr import SourceError

TEXT = '"X Dimension"\t"0.284 [µm/pixel]"\r\n'


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_text_is_read_in_the_encodings_of_microscope_programs(encoding: str) -> None:
    assert decode_text(TEXT.encode(encoding)) == TEXT


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_json_is_read_as_windows_programs_write_it(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.json").write_bytes('{"unit": "µm"}'.encode(encoding))

    assert read_json(tmp_path / "a.json") == {"unit": "µm"}


TRACE = pd.DataFrame({"roi_id": [1, 1], "channel": [1, 1], "time": [0.0, 0.5], "velocity": [1.25, -2.5]})


@pytest.mark.parametrize(
    "text",
    [
        "roi_id,channel,time,velocity\n1,1,0,1.25\n1,1,0.5,-2.5\n",
        "roi_id,channel,time,velocity\r\n1,1,0,1.25\r\n1,1,0.5,-2.5\r\n",
        "roi_id,channel,time,velocity\n1,1,0,1.25\n1,1,0.5,-2.5\n,,,\n,,,\n",
        "roi_id,channel,time,velocity\n1,1,0,1.25\n,,,\n1,1,0.5,-2.5\n",
        "roi_id,channel,time,velocity,\n1,1,0,1.25,\n1,1,0.5,-2.5,\n",
        "roi_id;channel;time;velocity\n1;1;0;1,25\n1;1;0,5;-2,5\n",
        "roi_id;channel;time;velocity\n1;1;0;1.25\n1;1;0.5;-2.5\n;;;\n",
        "roi_id\tchannel\ttime\tvelocity\n1\t1\t0\t1.25\n1\t1\t0.5\t-2.5\n",
        "roi_id\tchannel\ttime\tvelocity\n1\t1\t0\t1,25\n1\t1\t0,5\t-2,5\n",
        "\ufeffroi_id,channel,time,velocity\n1,1,0,1.25\n1,1,0.5,-2.5\n",
    ],
    ids=[
        *("as written", "crlf", "rows of commas", "a row deleted", "an empty column", "semicolons, commas"),
        *("semicolons, points", "tabs", "tabs, commas", "byte-order mark"),
    ],
)
def test_a_table_is_the_same_after_a_spreadsheet_saved_it(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode())

    pd.testing.assert_frame_equal(as_trace(read_csv(path), path), TRACE)


def test_a_missing_velocity_is_no_empty_row(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("roi_id,channel,time,velocity\n1,1,0,\n")

    assert as_trace(read_csv(path), path)["velocity"].isna().tolist() == [True]


def test_a_value_that_is_no_number_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("roi_id,channel,time,velocity\n1,1,0,fast\n")

    with pytest.raises(SourceError, match=r"a\.csv: a value is no number: .*fast"):
        as_trace(read_csv(path), path)
