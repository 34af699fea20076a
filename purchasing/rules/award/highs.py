"""Runs of the solver in processes of their own, with what each has found so far."""

import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

logger = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parents[3]
MEMORY_BYTES = 1_800_000_000
SEED = 0
OPTIMAL, INFEASIBLE, STOPPED = "optimal", "infeasible", "stopped"


@dataclass(slots=True)
class Run:
    """One solve. `bound` and what `on_packs` was told stay valid when the process is stopped or dies."""

    presolve: str
    end: str = STOPPED
    bound: float | None = None
    version: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    only_awards: bool = False  # it searches a part of the problem: its bound and its end say nothing about the whole
    tree: bool = False  # it searches boxes of tiers and may give some away: its bound is one of those it has
    helper: bool = False  # it begins without a box and searches only what it is given
    idle: bool = False  # it has no box left and waits for some
    denied: int | None = None  # the cost of an award that exists although it had claimed there is none so cheap
    shared: list[list[list[Any]]] = field(default_factory=list)  # lots of (bound, box) no other run has taken yet
    _given: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    dives: list[dict[str, Any]] = field(default_factory=list)  # tiers and offers of awards it would have bought
    _process: "subprocess.Popen[str] | None" = None
    _readers: list[threading.Thread] = field(default_factory=list)

    @property
    def unused(self) -> bool:
        """Whether it never had a part of the problem: nothing depends on it."""
        return self.helper and not self._given

    def ended(self) -> bool:
        return self.wait(0)

    def wait(self, seconds: float) -> bool:
        """Whether the run ended by itself within `seconds`."""
        if self._process is None:
            return True
        self._readers[0].join(max(0.0, seconds))
        return not self._readers[0].is_alive()

    def least(self) -> float | None:
        """The bound of all it has to answer for: what it searches, and what it gave away and nobody has taken."""
        with self._lock:
            bounds = [bound for lot in self.shared for bound, _ in lot]
            return self.bound if self.bound is None else min([self.bound, *bounds])

    def tell(self, line: dict[str, Any]) -> None:
        """Say something to a search over tiers."""
        if self._process is None or self._process.stdin is None or self._process.stdin.closed:
            return
        with suppress(OSError):
            self._process.stdin.write(json.dumps(line) + "\n")
            self._process.stdin.flush()

    def give(self, lot: list[list[Any]]) -> None:
        """Let it search these boxes too; from now on its bound is not above theirs."""
        with self._lock:
            self._given += 1
            self.idle = False
            least = min(bound for bound, _ in lot)
            self.bound = least if self.bound is None else min(self.bound, least)
        self.tell({"boxes": lot})

    def finish(self) -> None:
        """Nothing more will be said to it."""
        if self._process and self._process.stdin and not self._process.stdin.closed:
            with suppress(OSError):
                self._process.stdin.close()

    def hear(self, said: dict[str, Any]) -> None:
        """Take in one line of the process, except its awards."""
        with self._lock:
            stale = said.get("got", self._given) != self._given  # said before it knew of the boxes given last
            if not stale and ("bound" in said or "idle" in said):
                self.bound = self.bound if said.get("bound") is None else said["bound"]
                self.idle = bool(said.get("idle"))
            if "dive" in said:
                self.dives.append({"tiers": said["dive"], "offers": said["offers"]})
            if "shared" in said:
                self.shared.append(said["shared"])
            if "denied" in said:
                self.denied = said["denied"]
            if "end" in said:
                self.end, self.version = STOPPED if stale else said["end"], said["version"]

    def stop(self) -> None:
        """End the process, whatever it is doing, and read what it still said."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.kill()
        for reader in self._readers:
            reader.join()
        self.finish()
        self._process.wait()


def options(presolve: str, seconds: float) -> dict[str, Any]:
    """Proof settings: costs are whole cents, so an absolute gap of half a cent is none."""
    return {
        "output_flag": True,  # without output the bound is not told while it grows
        "log_to_console": False,
        "presolve": presolve,
        "threads": 1,
        "random_seed": SEED,
        "time_limit": seconds,
        "mip_rel_gap": 0.0,
        "mip_abs_gap": 0.5,
    }


def start(
    instance: Mapping[str, Any],
    *,
    presolve: str,
    seconds: float,
    packs: Mapping[int, int] | None,
    on_packs: Callable[[dict[int, int]], None],
    extra: Mapping[str, Any] | None = None,
    tiers: list[list[int]] | None = None,
    offers: list[int] | None = None,
    tree: Mapping[str, Any] | None = None,
) -> Run:
    """Start one solve; a machine without the solver gives a run that has ended with nothing.

    With `tiers`, and `offers` of them, only those are open: a search for awards. With `tree` (boxes, cost) it is a search
    over tiers.
    """
    run = Run(
        presolve,
        only_awards=tiers is not None,
        tree=tree is not None,
        options={**options(presolve, seconds), **(extra or {})},
    )
    task = {
        "instance": instance,
        "options": run.options,
        "start": {str(o): n for o, n in (packs or {}).items()},
        "memory_bytes": MEMORY_BYTES,
        "tiers": tiers,
        "offers": offers,
        **({"tree": True, **tree} if tree is not None else {}),
    }
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "purchasing.rules.award.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        )
    except OSError as error:
        logger.warning("award: the solver cannot be started: %s", error)
        return run
    assert process.stdin is not None and process.stdout is not None and process.stderr is not None
    run._process = process
    run._readers = [
        threading.Thread(target=_read, args=(run, process.stdout, on_packs), daemon=True),
        threading.Thread(target=_complain, args=(process.stderr,), daemon=True),
    ]
    for reader in run._readers:
        reader.start()
    try:
        process.stdin.write(json.dumps(task) + "\n")
        process.stdin.flush()
        if tree is None:
            process.stdin.close()
    except OSError as error:
        logger.warning("award: the solver ended early: %s", error)
    return run


def _read(run: Run, pipe: IO[str], on_packs: Callable[[dict[int, int]], None]) -> None:
    with pipe:
        for line in pipe:
            try:
                said = json.loads(line)
            except ValueError:
                continue  # the process was stopped in the middle of a line, or the library printed something
            if not isinstance(said, dict):
                continue
            run.hear(said)
            if said.get("packs") is not None:
                on_packs({int(o): n for o, n in said["packs"].items()})


def _complain(pipe: IO[str]) -> None:
    with pipe:
        text = pipe.read().strip()
    if text:
        logger.warning("award: the solver said: %s", text[-2000:])
