"""Tables over HTTP: pages of rows, positions, values, files."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import openpyxl
import pandas as pd
import pyarrow.parquet as pq
import pytest
from starlette.testclient import TestClient

from kymflow import KymDataset

MakeClient = Callable[[Path], TestClient]

HOSTILE = "a,b <script>=1+1 % / ü"
NOTES = ["=1+1", "<b>", None]


@pytest.fixture
def odd(tmp_path: Path, make_client: MakeClient) -> TestClient:
    """A client of a dataset with a third party's table, whose names are odd."""
    kd = KymDataset(tmp_path / "odd.zarr", mode="a")
    ids = ["img-1", "img-2", "img-3"]
    kd.ds.save_table("images", pd.DataFrame({"image_id": ids, "file_name": ["1.tif", "2.tif", "10.tif"]}))
    table = pd.DataFrame({"image_id": ids, HOSTILE: NOTES, "big": [2**60, 1, 2]})
    kd.ds.save_table("odd table ü%", table)
    return make_client(tmp_path / "odd.zarr")


def path_of(part: str = "", **query: str) -> str:
    parameters = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
    return f"/api/tables/{quote('odd table ü%', safe='')}{part}?{parameters}"


def test_a_table_tells_its_columns_with_units(client: TestClient) -> None:
    told = client.get("/api/tables/velocity_events").json()

    assert told["name"] == "velocity_events"
    assert told["made_by"].startswith("indexer velocity_events")
    columns = {column["name"]: column for column in told["columns"]}
    assert columns["t0_s"] == {
        "name": "t0_s",
        "kind": "number",
        "unit": "s",
        "description": "Start",
        "of": "velocity_events",
        "empty": False,
    }
    joined = client.get("/api/tables/velocity_events?images=1").json()["columns"]
    assert [column["name"] for column in joined[:3]] == ["image_id", "rel_path", "file_name"]
    assert joined[1]["of"] == "images"
    assert len(joined) > len(columns)


def test_a_column_without_any_value_is_told_as_empty(tmp_path: Path, make_client: MakeClient) -> None:
    kd = KymDataset(tmp_path / "lab.zarr", mode="a")
    table = pd.DataFrame({"image_id": ["img-1", "img-2"], "note": [None, None], "score": [float("nan"), 1.0]})
    kd.ds.save_table("scores", table)

    columns = make_client(tmp_path / "lab.zarr").get("/api/tables/scores").json()["columns"]

    assert [column["name"] for column in columns if column["empty"]] == ["note"]


def test_rows_come_page_by_page(client: TestClient) -> None:
    whole = client.get("/api/tables/images/rows?sort=-file_name").json()
    assert whole["total"] == 4
    assert whole["version"] == client.get("/api/tables/images").json()["version"]
    assert "image_id" in whole["columns"]
    names = [row[whole["columns"].index("file_name")] for row in whole["rows"]]
    assert names == sorted(names, reverse=True)

    page = client.get("/api/tables/images/rows?sort=-file_name&offset=1&limit=2&columns=lines").json()
    assert page["columns"] == ["image_id", "file_name", "lines"]
    assert [row[1] for row in page["rows"]] == names[1:3]
    assert page["offset"] == 1
    assert page["total"] == 4


def test_rows_of_events_tell_the_file_of_their_image(client: TestClient) -> None:
    where = json.dumps([["file_name", "contains", "0002"], ["score", "present"]])
    found = client.get(
        "/api/tables/velocity_events/rows", params={"images": "1", "where": where, "columns": "kind"}
    )

    told = found.json()
    assert told["columns"] == ["image_id", "file_name", "kind"]
    assert told["total"] > 0
    assert {row[1] for row in told["rows"]} == {"capillary_0002.tif"}
    assert told["images_version"] == client.get("/api/tables/images").json()["version"]


def test_the_position_of_an_image_is_that_of_its_first_row(client: TestClient) -> None:
    rows = client.get("/api/tables/velocity_events/rows?images=1&sort=file_name&columns=").json()["rows"]
    ids = [row[0] for row in rows]
    for image_id in ids:
        path = f"/api/tables/velocity_events/position?images=1&sort=file_name&image_id={image_id}"
        assert client.get(path).json()["position"] == ids.index(image_id)
    assert client.get("/api/tables/images/position?image_id=nobody").json()["position"] is None
    assert client.get("/api/tables/images/position").json() == {"error": "image_id is missing"}


def test_the_position_of_a_row_is_told_by_what_it_is(client: TestClient) -> None:
    answer = client.get("/api/tables/velocity_events/rows?sort=-t0_s&columns=event_id,t0_s").json()
    for position, (image_id, event_id, _) in enumerate(answer["rows"]):
        row = [["event_id", "=", event_id], ["of_another_version", "=", 1]]
        told = client.get(
            "/api/tables/velocity_events/position",
            params={"sort": "-t0_s", "image_id": image_id, "row": json.dumps(row)},
        )
        assert told.json()["position"] == position
    refused = client.get("/api/tables/velocity_events/position?image_id=a&row=[1]")
    assert refused.status_code == 400
    assert refused.json() == {"error": "a condition is [column, operator, value], got 1"}


def test_values_are_counted_within_the_query(odd: TestClient) -> None:
    told = odd.get(path_of("/values", column=HOSTILE)).json()
    assert sorted(told["values"], key=str) == [["<b>", 1], ["=1+1", 1], [None, 1]]
    assert told["more"] == 0

    where = json.dumps([["big", "=", str(2**60)]])
    assert odd.get(path_of("/values", column="big", where=where)).json()["values"] == [[str(2**60), 1]]
    assert odd.get(path_of("/values", column="file_name", images="1", q="<B>")).json()["values"] == [
        ["2.tif", 1]
    ]


def test_of_many_values_the_most_frequent_ones_are_told(tmp_path: Path, make_client: MakeClient) -> None:
    kd = KymDataset(tmp_path / "lab.zarr", mode="a")
    texts = ["often"] * 3 + [f"v{number}" for number in range(300)] + [None] * 2
    kd.ds.save_table("t", pd.DataFrame({"text": texts, "number": range(305)}))
    client = make_client(tmp_path / "lab.zarr")

    told = client.get("/api/tables/t/values?column=text").json()
    assert told["values"][:4] == [["often", 3], [None, 2], ["v0", 1], ["v1", 1]]
    assert (len(told["values"]), told["more"]) == (200, 102)
    told = client.get("/api/tables/t/values?column=number").json()
    assert (told["values"][0], told["more"]) == ([0, 1], 105)


def test_names_of_tables_and_columns_may_be_odd(odd: TestClient) -> None:
    assert odd.get(path_of()).json()["name"] == "odd table ü%"
    told = odd.get(path_of("/rows", sort=f"-{HOSTILE},big", columns=HOSTILE)).json()
    assert told["columns"] == ["image_id", HOSTILE]
    assert [row[1] for row in told["rows"]] == ["=1+1", "<b>", None]
    assert odd.get(path_of("/rows", sort="-big")).json()["rows"][0][2] == str(2**60)


def test_what_is_shown_is_exported_and_no_text_is_a_formula(odd: TestClient) -> None:
    query = {"q": "IMG", "sort": "-big", "images": "1"}
    csv = odd.get(path_of("/export", format="csv", **query))
    assert csv.status_code == 200
    assert csv.headers["content-disposition"] == "attachment; filename*=utf-8''odd%20table%20%C3%BC%25.csv"
    assert csv.headers["content-type"] == "text/csv; charset=utf-8"
    assert csv.content.startswith(b"\xef\xbb\xbf")
    frame = pd.read_csv(io.BytesIO(csv.content))
    assert frame["image_id"].tolist() == ["img-1", "img-3", "img-2"]
    assert frame[HOSTILE].tolist()[0] == "'=1+1"
    assert frame["big"].tolist()[0] == 2**60

    book = openpyxl.load_workbook(io.BytesIO(odd.get(path_of("/export", format="xlsx", **query)).content))
    assert book.sheetnames == ["odd table ü%", "columns"]
    assert book.worksheets[0]["C2"].value == "=1+1"
    assert book.worksheets[0]["C2"].data_type == "s"
    assert [cell.value for cell in book["columns"]["B"]][1:] == ["image_id", "file_name", HOSTILE, "big"]


def test_an_exported_parquet_file_keeps_units(client: TestClient) -> None:
    found = client.get("/api/tables/velocity_events/export?format=parquet&sort=-score")
    table = pq.read_table(io.BytesIO(found.content))

    assert table.schema.field("score").metadata[b"unit"] == b"mm/s"
    assert table.num_rows == client.get("/api/tables/velocity_events").json()["n_rows"]
    assert table["roi_id"].type == "int64"


def test_a_table_that_does_not_go_into_excel_says_so(tmp_path: Path, make_client: MakeClient) -> None:
    kd = KymDataset(tmp_path / "lab.zarr", mode="a")
    kd.ds.save_table("t" * 40, pd.DataFrame({"x": [1]}))

    answer = make_client(tmp_path / "lab.zarr").get(f"/api/tables/{'t' * 40}/export?format=xlsx")
    assert answer.status_code == 400
    assert "does not go into Excel: a sheet's name has at most 31 characters" in answer.json()["error"]


BAD: list[tuple[str, dict[str, Any], int, str]] = [
    ("absent", {}, 404, "there is no table 'absent'"),
    ("../images", {}, 404, "Not Found"),
    ("images/rows", {"offset": "-1"}, 400, "offset must be a whole number from 0 to 2147483647, got '-1'"),
    ("images/rows", {"limit": "1001"}, 400, "limit must be a whole number from 0 to 1000, got '1001'"),
    ("images/rows", {"columns": "nothing"}, 400, "table 'images' has no column 'nothing'"),
    ("images/rows", {"sort": "-nothing"}, 400, "table 'images' has no column 'nothing'"),
    ("images/rows", {"where": "{"}, 400, "where is no JSON"),
    (
        "images/rows",
        {"where": '[["lines", ">", "many"]]'},
        400,
        "column 'lines' holds integers; 'many' is none",
    ),
    ("images/rows", {"where": '[["nothing", "missing"]]'}, 400, "table 'images' has no column 'nothing'"),
    ("images/rows", {"q": "x" * 1001}, 400, "q must have at most 1000 characters, got 1001"),
    ("images/rows", {"images": "yes"}, 400, "images must be one of 0, 1, got 'yes'"),
    ("images/values", {"column": "nothing"}, 400, "table 'images' has no column 'nothing'"),
    ("images/export", {"format": "exe"}, 400, "format must be one of csv, xlsx, parquet, got 'exe'"),
]


@pytest.mark.parametrize(("path", "query", "status", "error"), BAD)
def test_what_cannot_be_answered_is_said_in_a_sentence(
    client: TestClient, path: str, query: dict[str, str], status: int, error: str
) -> None:
    answer = client.get(f"/api/tables/{path}", params=query)
    assert answer.status_code == status
    assert answer.json()["error"].startswith(error)


def test_the_next_request_has_what_another_process_wrote(lab: Path, make_client: MakeClient) -> None:
    client = make_client(lab)
    before = client.get("/api/tables/radon_report/rows").json()
    other = KymDataset(lab)
    other.ds.save_table("radon_report", other.ds.load_table("radon_report").iloc[:1])

    after = client.get("/api/tables/radon_report/rows").json()
    assert after["version"] != before["version"]
    assert before["total"] > after["total"] == 1
