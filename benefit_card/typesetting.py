"""Sets one chunk of a print sheet in a process of its own: data as JSON on standard input, the PDF on standard output.

The renderer keeps what it has seen (40 MB more for every 400 cards), so that a process that ends is what keeps the
memory of 4,000 cards flat.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TEMPLATE = Path(__file__).parent / "documents" / "cards.typ"


class NotSet(RuntimeError):
    """The renderer failed; the message is its own."""


def set_pages(data: str) -> bytes:
    """Return the PDF of one chunk; raises `NotSet`."""
    done = subprocess.run(
        [sys.executable, "-m", "benefit_card.typesetting"],
        input=data.encode(),
        capture_output=True,
        cwd=Path(__file__).parent.parent,
        timeout=120,
        check=False,
    )
    if done.returncode:
        raise NotSet(done.stderr.decode(errors="replace")[-2000:])
    return done.stdout


def main() -> None:
    import typst

    data = sys.stdin.buffer.read().decode()
    sys.stdout.buffer.write(typst.compile(TEMPLATE, sys_inputs={"data": data}))


if __name__ == "__main__":
    main()
