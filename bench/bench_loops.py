"""Loops on a synthetic model of about 150 array equations over 70 steps: processor time of each part.

The differences of the engine's own equations are the yardstick in the same run: figures are ratios to one plain run.
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "dynamics"))

from loop_cases import large

from forkpoint.dynamics.link_gains import link_gains
from forkpoint.dynamics.loop_scores import loop_scores
from forkpoint.dynamics.loops import find_loops


def main() -> None:
    model = large()
    seconds = {}

    def timed(name, action):
        start = time.process_time()
        result = action()
        seconds[name] = time.process_time() - start
        return result

    run = timed("one run", model.run)
    loops = timed("find loops", lambda: find_loops(model))
    timed("link gains, dual numbers", lambda: link_gains(model, run))
    timed("link gains, differences", lambda: link_gains(model, run, engine="difference"))
    timed(f"scores of {len(loops)} loops", lambda: loop_scores(model, run, loops))
    for name, value in seconds.items():
        print(f"{name:32} {value:7.2f} s of processor time  {value / seconds['one run']:7.1f} × one run")


if __name__ == "__main__":
    main()
