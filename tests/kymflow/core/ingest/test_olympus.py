"""The header that the microscope writes."""

from __future__ import annotations

import pytest

from kymflow.core.ingest.olympus import image_header, parse_header
from support.acquisitions import HEADER, Acquired


def test_the_olympus_header_is_read_by_section(acquired: Acquired) -> None:
    sections = parse_header(HEADER)

    assert sections["General"] == {"Name": "cap.oir", "Path": 'D:/Lab/say ""hi""'}
    assert image_header(sections, (8, 25)) == {
        "shape": [8, 25],
        "ndim": 2,
        "voxels": [0.5, 0.331],
        "voxels_units": ["s", "um"],
        "labels": ["time (s)", "space (um)"],
        "physical_size": [4.0, pytest.approx(8.275)],
    }


@pytest.mark.parametrize("text", ["", "nothing", '"[Dimensions]"\t""\n"X Dimension"\t"1.2.3 [um/pixel]"'])
def test_a_header_without_sizes_gives_the_shape_alone(text: str) -> None:
    assert image_header(parse_header(text), (8, 5)) == {"shape": [8, 5], "ndim": 2}


def test_a_header_in_another_code_page_is_read(acquired: Acquired) -> None:
    path = acquired.tiff.with_suffix(".txt")
    path.write_bytes(HEADER.encode() + '"Unit"\t"µm"\n'.encode("cp1252"))

    assert acquired.read().json["metadata"]["header"]["voxels"] == [0.5, 0.331]


@pytest.mark.parametrize(
    ("sizes", "voxels"),
    [
        ("0.284 [µm/pixel]", 0.284),
        ("0.284 [μm/pixel]", 0.284),
        ("0,284 [um/pixel]", 0.284),
        ("284.0 [nm/pixel]", 0.284),
        ("0.25 [mm/pixel]", 250.0),
    ],
)
def test_sizes_of_a_pixel_are_read_in_any_unit(sizes: str, voxels: float) -> None:
    text = (
        f'"[Dimensions]"\n"X Dimension"\t"6, 0.0 - 1.7 [um], {sizes}"\n"T Dimension"\t"1, 0.0 - 100.0 [ms]"\n'
    )

    assert image_header(parse_header(text), (50, 6))["voxels"] == [
        pytest.approx(0.002),
        pytest.approx(voxels),
    ]
