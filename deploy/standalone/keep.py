"""Run a program and start it again when it dies: `python -m deploy.standalone.keep COMMAND…`.

A worker or web server that was killed comes back within a second or two; SIGTERM and Ctrl-C end both for good.
"""

import signal
import subprocess
import sys
import time
from types import FrameType


def main(command: list[str]) -> int:
    child: subprocess.Popen[bytes] | None = None
    over = False

    def end(number: int, _frame: FrameType | None) -> None:
        nonlocal over
        over = True
        if child is not None and child.poll() is None:
            child.send_signal(signal.SIGTERM)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    quick_deaths = 0
    while True:
        started = time.monotonic()
        child = subprocess.Popen(command)
        code = child.wait()
        if over:
            return 0
        quick_deaths = quick_deaths + 1 if time.monotonic() - started < 5 else 0
        sys.stdout.write(f"{command[-1]} ended with {code}; starting it again\n")
        sys.stdout.flush()
        time.sleep(min(30, 0.5 * 2**quick_deaths))
        if over:
            return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
