"""Cut the power at any point of a run, in two models of a file system, and look at what the disk may hold then.

python -m tests.crash.power_cuts --states 1000

A run is recorded once with strace. The states are spread over the commands and the models; in each the same command is
run again, and must complete.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from tests.support.commands_under_faults import commands_under_faults
from tests.support.cut_states import COMMANDS, MODELS, CutRun
from tests.support.forked_program import forked_program


def main() -> int:
    """Print what is wrong, and a line for each command and model; 1 when anything is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("commands", nargs="*", default=COMMANDS, help="Names of commands; without any: all.")
    parser.add_argument("--states", type=int, default=1000, help="In all.")
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    each = -(-arguments.states // (len(arguments.commands) * len(MODELS)))
    wrong = 0
    with (
        tempfile.TemporaryDirectory() as folder,
        forked_program() as program,
        commands_under_faults(Path(folder), program) as (lane,),
    ):
        for name in arguments.commands:
            run = CutRun(lane[name])
            for model in MODELS:
                problems = list(run.problems(model, each, seed=arguments.seed))
                print(*problems, f"{name}, {model}: {each} states, {len(problems)} wrong", sep="\n", flush=True)
                wrong += len(problems)
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
