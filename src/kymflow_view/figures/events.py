"""The events of a figure: a row for each kind, and bands behind the traces."""

from __future__ import annotations

from typing import Any

import numpy as np

from kymflow_view.figures.base import PX_PER_INCH, ViewFigure
from kymflow_view.figures.content import OTHER_KINDS, Content
from kymflow_view.figures.style import counted, drawable, kind_colours

# In CSS pixels.
_NARROWEST = 2.0


def draw_events(made: ViewFigure, lane: Any, below: Any, content: Content) -> list[str]:
    """Draw every event in the lane of its kind, and as a band behind the traces."""
    kinds, events = content.kinds, content.events
    if not kinds:
        return []
    ends = [events[name].to_numpy(np.float64) for name in ("t0_s", "t1_s")]
    # In order, whatever a detector stored; where there is one end only, it is the start.
    start, end = np.fmin(*ends), np.fmax(*ends)
    narrowest = _NARROWEST * below.viewLim.width * made.dpi / PX_PER_INCH / below.bbox.width
    span = np.fmax(end - start, narrowest)
    kind_of = events["kind"].fillna("").astype(str)
    kind_of = kind_of.where(kind_of.isin(kinds), OTHER_KINDS)
    # Events may lie beyond a shorter image: the axis stays that of the image.
    there = ~np.isnan(start)
    seen = there & (start <= below.viewLim.x1) & (start + span >= below.viewLim.x0)
    colours = kind_colours(kinds)
    for row, kind in enumerate(kinds):
        chosen = seen & (kind_of == kind).to_numpy()
        bars = np.column_stack([start[chosen], span[chosen]])
        lane.broken_barh(bars, (row + 0.12, 0.76), color=colours[kind], linewidth=0)
        for one in (lane, below):
            one.autoscale(enable=False)
        below.broken_barh(
            bars, (0, 1), color=colours[kind], alpha=0.3, linewidth=0, transform=below.get_xaxis_transform()
        )
    counts = kind_of.value_counts()
    names = [f"{drawable(kind or '(no kind)', 18)} {counts.get(kind, 0):,}" for kind in kinds]
    lane.set(ylim=(len(kinds), 0))
    lane.set_yticks(np.arange(len(kinds)) + 0.5, names)
    lane.tick_params(axis="y", length=0, labelsize=7.5)
    lane.tick_params(axis="x", length=0)
    lane.spines[["left", "bottom"]].set_visible(False)
    told = [counted(len(events), "event")]
    unseen, undated = int(np.count_nonzero(there & ~seen)), int(np.count_nonzero(~there))
    told += [f"{counted(unseen, 'event')} outside the image"] if unseen else []
    told += [f"{counted(undated, 'event')} without a time"] if undated else []
    return told
