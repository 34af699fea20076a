"""Charts as inline SVG, without style or script, in the colours of the page. A table with the same figures belongs beside each."""

import re
from collections.abc import Sequence

import leather
from django.utils.safestring import SafeString, mark_safe

LEATHER = "#a35a30"  # 3:1 on paper and on the dark background
ROW, WIDTH = 40, 440
_LONG = 30


def bars(rows: Sequence[tuple[str, float]], *, colour: str = LEATHER) -> SafeString:
    """Horizontal bars, the first row on top; empty when there is nothing above zero to draw."""
    if not any(value > 0 for _label, value in rows):
        return SafeString("")
    chart = leather.Chart()
    least, most = min(0.0, *(value for _label, value in rows)), max(value for _label, value in rows)
    chart.add_x_scale(least, most)
    chart.add_bars([(value, _short(label)) for label, value in rows], fill_color=colour)
    return _ours(chart.to_svg(width=WIDTH, height=ROW * len(rows) + 90))


def _short(label: str) -> str:
    return label if len(label) <= _LONG else f"{label[: _LONG - 1]}…"


def _ours(svg: str) -> SafeString:
    """The page's font and ink, a drawing that scales, coordinates without twenty decimals."""
    svg = re.sub(
        r'<svg width="(\d+)" height="(\d+)"', r'<svg viewBox="0 0 \1 \2" class="chart" aria-hidden="true"', svg, count=1
    )
    svg = svg.replace('fill="#f9f9f9"', 'fill="none"').replace('fill="#9c9c9c"', 'fill="currentColor"')
    svg = re.sub(r' font-family="[^"]*"', "", svg)
    svg = re.sub(r'stroke="#(?:eee|a8a8a8)"', 'stroke="currentColor" stroke-opacity="0.25"', svg)
    svg = re.sub(r"(\d+\.\d)\d+", r"\1", svg)
    return mark_safe(svg)  # noqa: S308 - leather escapes the labels; the rest are numbers
