"""The calibration in headers made by hand."""

from __future__ import annotations

import pytest

from kymflow_reader_czi import Calibration, read_calibration

HEADER = """<?xml version="1.0" encoding="utf-8"?>
<ImageDocument>
  <Metadata>
    <Information>
      <Image>
        <SizeX>512</SizeX>
        <SizeT>20000</SizeT>
        <Dimensions>
          <Z><Positions><Interval><Start>0</Start><Increment>7</Increment></Interval></Positions></Z>
          <T>
            <StartTime>2026-03-01T10:00:00Z</StartTime>
            <Positions><Interval><Start>0</Start><Increment>{line}</Increment></Interval></Positions>
          </T>
        </Dimensions>
      </Image>
    </Information>
    <Scaling>
      <Items>
        <Distance Id="Y"><Value>0</Value></Distance>
        <Distance Id="X"><Value>{pixel}</Value></Distance>
      </Items>
    </Scaling>
  </Metadata>
</ImageDocument>
"""


def test_the_header_tells_seconds_per_line_and_meters_per_pixel() -> None:
    found = read_calibration(HEADER.format(line="0.00075700", pixel="2.4902E-07"))

    assert found.s_per_line == pytest.approx(0.000757)
    assert found.um_per_pixel == pytest.approx(0.24902)


@pytest.mark.parametrize("text", ["", "0", "-1", "NaN", "Infinity", "fast"])
def test_what_the_header_does_not_tell_stays_unknown(text: str) -> None:
    assert read_calibration(HEADER.format(line=text, pixel="1E-06")) == Calibration(None, 1.0)
    assert read_calibration(HEADER.format(line="0.5", pixel=text)) == Calibration(0.5, None)


@pytest.mark.parametrize("xml", ["", " \n", "<ImageDocument/>", "<Other><Metadata/></Other>"])
def test_a_header_without_calibration_tells_nothing(xml: str) -> None:
    assert read_calibration(xml) == Calibration(None, None)


def test_a_damaged_header_is_an_error() -> None:
    with pytest.raises(ValueError, match="the header is no XML: "):
        read_calibration("<ImageDocument><Metadata>")
