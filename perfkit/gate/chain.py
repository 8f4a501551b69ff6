"""Results per commit become one series a metric, across anchor builds.

Every value is the log ratio of a commit to the anchor that was run beside it, so that the speed of
the machine cancels. When a new anchor takes over, the series goes on in the old measure through the
commits that were measured with both: the mean of their differences is how far the anchors lie
apart. Each such link carries the noise of two results, and the place is kept as a seam, since a
step there may be nothing but that. Without a link the two sides cannot be compared.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from perfkit.model.change_point import Seam
from perfkit.model.history import Point, Result, Series


def make_series(results: Sequence[Result]) -> tuple[Series, ...]:
    """One series for each metric: gating ones first, else in the order of their first results.

    A commit stands where it was first added, whatever is added to it later. Results of a commit
    with one anchor are averaged, each by its pairs.
    """
    order = {commit: at for at, commit in enumerate(dict.fromkeys(one.commit for one in results))}
    of_metric: dict[str, list[Result]] = {}
    for one in results:
        of_metric.setdefault(one.metric, []).append(one)
    series = [_series(metric, rows, order) for metric, rows in of_metric.items()]
    return tuple(sorted(series, key=lambda one: not one.gating))


def comparable_from(series: Series) -> int:
    """The first point that the newest can be compared with."""
    return max((seam.index for seam in series.seams if not seam.links), default=0)


def _series(metric: str, rows: Sequence[Result], order: dict[str, int]) -> Series:
    by_anchor: dict[str, dict[str, Point]] = {}
    for anchor, commits in _grouped(rows).items():
        by_anchor[anchor] = {commit: _point(results) for commit, results in commits.items()}
    anchors = sorted(
        by_anchor, key=lambda anchor: min(order[commit] for commit in by_anchor[anchor])
    )
    links: dict[str, int] = {}
    joined: dict[str, Point] = {}
    for anchor in anchors:
        points = by_anchor[anchor]
        common = [commit for commit in points if commit in joined]
        apart = (
            math.fsum(joined[commit].value - points[commit].value for commit in common)
            / len(common)
            if common
            else 0.0
        )
        links[anchor] = len(common)
        for commit, point in points.items():
            joined.setdefault(commit, _moved(point, apart))
    ordered = sorted(joined.values(), key=lambda point: order[point.commit])
    return Series(
        metric=metric,
        unit=rows[-1].unit,
        gating=rows[-1].gating,
        points=tuple(ordered),
        seams=tuple(_seams(ordered, links, anchors[0])),
    )


def _grouped(rows: Iterable[Result]) -> dict[str, dict[str, list[Result]]]:
    grouped: dict[str, dict[str, list[Result]]] = {}
    for one in rows:
        grouped.setdefault(one.anchor, {}).setdefault(one.commit, []).append(one)
    return grouped


def _point(results: Sequence[Result]) -> Point:
    pairs = sum(max(one.pairs, 1) for one in results)
    value = math.fsum(math.log(one.ratio) * max(one.pairs, 1) for one in results) / pairs
    last = results[-1]
    return Point(
        last.commit, value, pairs, last.anchor, last.host, min(one.added_at_us for one in results)
    )


def _moved(point: Point, by: float) -> Point:
    return Point(
        point.commit, point.value + by, point.pairs, point.anchor, point.host, point.added_at_us
    )


def _seams(points: Sequence[Point], links: dict[str, int], first: str) -> Iterable[Seam]:
    """Where the anchor changes; a seam is as weak as the weaker of the two that meet there."""
    for index in range(1, len(points)):
        meeting = {points[index - 1].anchor, points[index].anchor}
        if len(meeting) == 2:
            yield Seam(index, min(links[anchor] for anchor in meeting if anchor != first))
