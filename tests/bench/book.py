"""What was measured: printed as a table per area, kept as JSON."""

import json
import os
import platform
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

FILE = Path(__file__).resolve().parent.parent.parent / ".bench" / "latest.json"


@dataclass(frozen=True)
class Figure:
    number: float
    unit: str
    conditions: str
    area: str


@dataclass
class Book:
    """Figures in the order they were taken."""

    surroundings: str
    figures: dict[str, Figure] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    def note(self, area: str, metric: str, number: float, unit: str, conditions: str = "") -> None:
        rounded = round(number, 3) if abs(number) < 10 else round(number, 1)
        self.figures[metric] = Figure(rounded, unit, conditions, area)

    def table(self, area: str) -> str:
        rows = [(name, figure) for name, figure in self.figures.items() if figure.area == area]
        width = max((len(name) for name, _figure in rows), default=0)
        lines = [f"{name:<{width}}  {f.number:>12,}  {f.unit:<8}  {f.conditions}" for name, f in rows]
        if area in self.failures:
            lines.append(f"not measured to the end: {self.failures[area]}")
        return "\n".join([f"\n== {area} ==", *lines])

    def save(self) -> None:
        """Add to the figures of other areas measured earlier; each says when and where it was taken."""
        FILE.parent.mkdir(exist_ok=True)
        known = json.loads(FILE.read_text()) if FILE.exists() else {}
        for name, figure in self.figures.items():
            conditions = "; ".join(filter(None, [figure.conditions, self.surroundings]))
            known[name] = {"number": figure.number, "unit": figure.unit, "conditions": conditions, "area": figure.area}
        FILE.write_text(json.dumps(known, indent=1, ensure_ascii=False) + "\n")


def surroundings(postgres: str) -> str:
    """The machine and the versions, in one line."""
    load = os.getloadavg()[0]
    return (
        f"{os.cpu_count()} cores shared by server, database and clients, load {load:.1f} at the start, "
        f"Python {platform.python_version()}, PostgreSQL {postgres}, {datetime.now().astimezone():%Y-%m-%d %H:%M %Z}"
    )


def percentile(values: list[float], part: float) -> float:
    """The value below which a part of the values lies (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]
