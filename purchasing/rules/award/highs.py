"""Runs of the solver in processes of their own, with what each has found so far."""

import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
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
    tiers: list[list[int]] = field(default_factory=list)  # what a guide said last
    support: list[list[int]] = field(default_factory=list)
    _process: "subprocess.Popen[str] | None" = None
    _readers: list[threading.Thread] = field(default_factory=list)

    def ended(self) -> bool:
        return self.wait(0)

    def wait(self, seconds: float) -> bool:
        """Whether the run ended by itself within `seconds`."""
        if self._process is None:
            return True
        self._readers[0].join(max(0.0, seconds))
        return not self._readers[0].is_alive()

    def stop(self) -> None:
        """End the process, whatever it is doing, and read what it still said."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.kill()
        for reader in self._readers:
            reader.join()
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
    guide: bool = False,
    tiers: list[list[int]] | None = None,
) -> Run:
    """Start one solve; a machine without the solver gives a run that has ended with nothing.

    With `guide` only the relaxation is solved; with `tiers` only those are open.
    """
    run = Run(presolve, only_awards=tiers is not None, options={**options(presolve, seconds), **(extra or {})})
    task = {
        "instance": instance,
        "options": run.options,
        "start": {str(o): n for o, n in (packs or {}).items()},
        "memory_bytes": MEMORY_BYTES,
        "guide": guide,
        "tiers": tiers,
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
        with process.stdin as pipe:
            pipe.write(json.dumps(task))
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
            if said.get("bound") is not None:
                run.bound = said["bound"]
            if said.get("tiers") is not None:
                run.tiers, run.support = said["tiers"], said["support"]
            if said.get("packs") is not None:
                on_packs({int(o): n for o, n in said["packs"].items()})
            if "end" in said:
                run.end, run.version = said["end"], said["version"]


def _complain(pipe: IO[str]) -> None:
    with pipe:
        text = pipe.read().strip()
    if text:
        logger.warning("award: the solver said: %s", text[-2000:])
