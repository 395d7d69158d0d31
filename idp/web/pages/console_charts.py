"""Bars as SVG, drawn at the server: geometry in numbers, no style and no script; the same numbers as a table beside it."""

from collections.abc import Sequence
from typing import Any, Final

from idp.audit.search import local
from idp.web.theme.formats import instant_iso, zone_offset

WIDTH: Final = 720
HEIGHT: Final = 96
DAY: Final = 86_400_000_000


def chart(start: int, step: int, counts: Sequence[int]) -> dict[str, Any]:
    """What ``ui_console.chart`` draws: ``bars`` of x, y, width, height, label and n in a box of ``WIDTH`` × ``HEIGHT``; ``top`` the highest count."""
    top, each = max(counts, default=0), WIDTH / max(len(counts), 1)
    gap = 1.0 if each > 4 else 0.0
    bars = []
    for number, n in enumerate(counts):
        height = round((HEIGHT - 2) * n / top, 1) if top else 0
        height = max(height, 1.5) if n else 0
        x, y = round(number * each, 1), round(HEIGHT - height, 1)
        label = moment(start + number * step, step)
        iso = instant_iso(start + number * step)
        bars.append(
            {"iso": iso, "x": x, "y": y, "width": round(each - gap, 1), "height": height, "label": label, "n": n}
        )
    ends = (moment(start, step), moment(start + len(counts) * step, step))
    return {
        "width": WIDTH,
        "height": HEIGHT,
        "bars": bars,
        "top": top,
        "total": sum(counts),
        "ends": ends,
        "zone": zone_offset(start),
    }


def moment(at: int, step: int) -> str:
    """``11-24 08:00``, or ``2026-11-24`` where each bar is a day or more; in China's time."""
    text = local(max(at, 0)).replace("T", " ")
    return text[:10] if step >= DAY else text[5:]
