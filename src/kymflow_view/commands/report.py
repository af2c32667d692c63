"""``kymflow report``: a dataset as one HTML file."""

from __future__ import annotations

import sys

from kymflow_view.commands.options import Dataset, Output


def report(dataset: Dataset, output: Output) -> None:
    """Write one .html file to look at, mail or print: status, plots, extreme images, what failed."""
    # `kymflow --help` imports this module, and must answer at once.
    from kymflow import KymDataset
    from kymflow_view.commands.files import check_target, suffix_of, write_whole
    from kymflow_view.report import report_html

    suffix_of(output, ("html", "htm"))
    check_target(output, dataset)
    kd = KymDataset(dataset, mode="r")
    said: list[str] = []
    content = report_html(kd, said.append).encode("utf-8")
    write_whole(output, content)
    print(f"wrote {output} ({len(content) / 1e6:.1f} MB)")
    for line in said:
        print(f"kymflow: {line}", file=sys.stderr)
