# SPDX-License-Identifier: MIT
"""galsync's own share of a synchronization: estates of several sizes whose forests are in the
process itself, behind a server that answers at once.

  estates.py BUILD    prints the figures that depend on no machine, as expected.json has them
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile

from measure import BenchError, Row, figure

SIZES = (1000, 10000)
SIZES_IN_FULL = (1000, 10000, 100000)
LIMIT_FULL_US = 120         # of CPU, for each user
LIMIT_UNCHANGED_US = 25
LIMIT_MAPS = 3              # octets written at the first synchronization, in sizes of the map
EXPECTED_USERS = 500        # of the figures that every change is compared with
# A first synchronization writes what has ended after a second at the latest: its octets depend on time.
EXPECTED = {"full": ("requests",), "unchanged": ("requests", "octets"),
            "percent": ("requests", "octets"), "idle": ("requests", "octets")}
HERE = os.path.dirname(os.path.realpath(__file__))


def estate(build, users):
    """What build/bench/estate prints, as {phase: {figure: value}}."""
    directory = tempfile.mkdtemp(prefix="galsync-bench-estate-")
    try:
        p = subprocess.run([os.path.join(build, "bench", "estate"), directory, str(users)],
                           stdout=subprocess.PIPE, text=True, check=False)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    if p.returncode:
        raise BenchError(f"estate of {users} users: exit status {p.returncode}")
    found = {}
    for line in p.stdout.splitlines():
        name, value = line.split()
        phase, what = name.split(".")
        found.setdefault(phase, {})[what] = float(value)
    return found


def measure_own(build, sizes, say):
    rows, notes = [], []
    for users in sizes:
        say(f"measures an estate of {users} users")
        m = estate(build, users)
        written, size = m["full"]["octets"], m["map"]["octets"]
        rows += [
            figure(f"own CPU, {users} users, first sync, each / {LIMIT_FULL_US} us",
                   m["full"]["own_us"], LIMIT_FULL_US, "us"),
            figure(f"own CPU, {users} users, unchanged, each / {LIMIT_UNCHANGED_US} us",
                   m["unchanged"]["own_us"], LIMIT_UNCHANGED_US, "us"),
            Row(f"octets written, {users} users, first sync, each / of the map", [written], [size],
                "B", LIMIT_MAPS)]
        notes.append(
            f"{users} users, a server that answers at once: delta of 1 % "
            f"{m['percent']['own_us']:.0f} us of own CPU a change; of nothing "
            f"{m['idle']['own_us'] / 1000:.1f} ms; opening the map and a delta of nothing "
            f"{m['restart']['own_us'] / 1000:.0f} ms; anonymous memory of the first sync "
            f"{m['full']['heap_kib']:.0f} KiB, unchanged {m['unchanged']['heap_kib']:.0f} KiB; "
            f"requests {m['full']['requests']:.0f}, {m['unchanged']['requests']:.0f}, "
            f"{m['percent']['requests']:.0f}, {m['idle']['requests']:.0f}")
    return rows, notes


def figures(build):
    """Those that are the same on every machine."""
    m = estate(build, EXPECTED_USERS)
    return {phase: {what: m[phase][what] for what in names} for phase, names in EXPECTED.items()}


if __name__ == "__main__":
    print(json.dumps(figures(sys.argv[1]), indent=1))
