"""Arguments and options that several commands take."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

# Nothing heavy may be imported here: `kymflow --help` loads the commands. A test compares these with the
# names that the figures take.


class KindName(StrEnum):
    """How a column is plotted."""

    STRIP = "strip"
    VIOLIN = "violin"
    HISTOGRAM = "histogram"
    CUMULATIVE = "cumulative"
    SCATTER = "scatter"


class AverageName(StrEnum):
    """Of what one mean is plotted."""

    NONE = "none"
    IMAGE = "image"
    FOLDER = "folder"


class ThemeName(StrEnum):
    """The colours of a figure."""

    LIGHT = "light"
    DARK = "dark"


Dataset = Annotated[str, typer.Argument(help="Path or URL of the dataset.", show_default=False)]
Output = Annotated[
    Path, typer.Option("--output", "-o", help="The file to be written.", metavar="FILE", show_default=False)
]
