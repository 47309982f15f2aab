"""How many accounts one process carries: `python tests/benchmarks/fleet.py [10 50 200 400]`.

Each account has 70 campaigns and the real limit of 60 a minute, so 61 s is the least that a run can take. All ask one
light server, which has a core of its own where the machine has two and lets us pin; the fleet has the other. Measured is
the whole command, from its start to the published files, with what the system says of its processor time and memory.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from exporter.simulator.simulated_service import CLIENT_ID, CLIENT_SECRET, STREAM_ID
from tests.benchmarks.engine import light_server
from tests.support.running import ROOT, full, program, write_ids

CAMPAIGNS = 70
NUMBERS = (10, 50, 200, 400)


def fleet_file(home: Path, url: str, accounts: int) -> Path:
    """A fleet of accounts that differ in their IDs alone."""
    ids = write_ids(home / "ids.csv", [f"cd-{number}" for number in range(CAMPAIGNS)])
    lines = [f'out = "{home / "exports"}"', "[defaults]", f'host = "{url}"', f'stream_id = "{STREAM_ID}"',
             f'client_id = "{CLIENT_ID}"', 'client_secret_env = "HUSH"', f'ids = "{ids}"']  # fmt: skip
    for number in range(accounts):
        lines += ["[[account]]", f'account_id = "account-{number}"']
    file = home / "fleet.toml"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def measure(accounts: int) -> list[str]:
    """A row: accounts, seconds, processor time and memory an account, memory in all, accounts that failed."""
    with tempfile.TemporaryDirectory() as temporary, light_server(0.05) as url:
        home = Path(temporary)
        env = full({"HOME": temporary, "XDG_STATE_HOME": temporary, "HUSH": CLIENT_SECRET})
        command = program("fleet", str(fleet_file(home, url, accounts)), "--parallel", str(accounts), "--quiet")
        began = time.perf_counter()
        process = subprocess.Popen(command, env=env, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - began
        published = len(list(home.glob("exports/account=*/stream=*/snapshot=*/manifest.json")))
    cpu, memory = (usage.ru_utime + usage.ru_stime) / accounts, usage.ru_maxrss / 1024
    return [f"{accounts}", f"{seconds:.1f} s", f"{cpu:.2f} s", f"{memory / accounts:.1f} MB", f"{memory:.0f} MB",
            f"{accounts - published}"]  # fmt: skip


if __name__ == "__main__":
    print("| accounts | time (61 s is the least) | CPU an account | memory an account | memory in all | failed |")
    print("|---|---|---|---|---|---|")
    for number in [int(word) for word in sys.argv[1:]] or NUMBERS:
        print("| " + " | ".join(measure(number)) + " |", flush=True)
