# SPDX-License-Identifier: MIT
"""Times and memory of processes, and the table of ratios."""

import base64
import dataclasses
import math
import os
import platform
import re
import statistics
import subprocess
import time

SAMPLE_S = 0.005


class BenchError(Exception):
    """What the user must be told; the message is complete."""


@dataclasses.dataclass
class Run:
    seconds: float
    text: str           # standard output, if it was asked for
    rss_anon_kib: int   # peak, if it was sampled
    vm_hwm_kib: int


def _memory(pid):
    """RssAnon and VmHWM of a process in KiB; zeros when it has ended."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as f:
            found = dict(re.findall(r"^(RssAnon|VmHWM):\s+(\d+) kB", f.read(), re.M))
    except (FileNotFoundError, ProcessLookupError):
        return 0, 0
    return int(found.get("RssAnon", 0)), int(found.get("VmHWM", 0))


def _watch(process):
    """Samples until the process has ended, whose output must fit a pipe; gives the peaks."""
    anon = whole = 0
    while process.poll() is None:
        now = _memory(process.pid)
        anon, whole = max(anon, now[0]), max(whole, now[1])
        time.sleep(SAMPLE_S)
    return anon, whole


def run(argv, *, keep=False, ok=(0,), env=None, log=None, memory=False):
    """Runs one program to its end; its words on standard error go to the file LOG."""
    with open(log or os.devnull, "a+b") as words:
        start = time.monotonic()
        with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stderr=words,
                              stdout=subprocess.PIPE if keep else subprocess.DEVNULL,
                              env={**os.environ, **(env or {})}) as p:
            try:
                anon, whole = _watch(p) if memory else (0, 0)
                text = p.communicate()[0]
            except BaseException:
                p.kill()
                raise
        seconds = time.monotonic() - start
    if p.returncode not in ok:
        raise BenchError(f"{' '.join(argv)[:200]}: exit status {p.returncode}{_tail(log)}")
    return Run(seconds, (text or b"").decode(errors="replace"), anon, whole)


def _tail(log):
    if not log:
        return ""
    with open(log, encoding="utf-8", errors="replace") as f:
        return ":\n" + f.read()[-1000:].rstrip()


def side_by_side(*functions):
    """Calls the functions at once, each in a thread that waits for its program. Gives the seconds
    until the last one ended, and their results."""
    from concurrent.futures import ThreadPoolExecutor   # pylint: disable=import-outside-toplevel
    with ThreadPoolExecutor(len(functions)) as pool:
        start = time.monotonic()
        results = [f.result() for f in [pool.submit(function) for function in functions]]
    return time.monotonic() - start, results


def base64_of(text):
    """For LDIF, where a DN may have any character."""
    return base64.b64encode(text.encode()).decode()


def percentile(values, percent):
    """By the nearest rank: a value that was measured. With fewer than 100 the 99th is the most."""
    return sorted(values)[max(math.ceil(len(values) * percent / 100), 1) - 1]


# The table

@dataclasses.dataclass
class Row:
    """One line: what was measured against its floor. Lists have one value for each round."""
    name: str
    value: list
    floor: list
    unit: str
    goal: float = None
    at_least: bool = False      # the goal is a least ratio, not a greatest one

    @property
    def ratios(self):
        return [v / f for v, f in zip(self.value, self.floor)]

    @property
    def ratio(self):
        return statistics.median(self.ratios)

    @property
    def verdict(self):
        if self.goal is None:
            return ""
        met = self.ratio >= self.goal if self.at_least else self.ratio <= self.goal
        return "met" if met else "missed"

    def cells(self):
        form = {"s": "{:.2f}", "ms": "{:,.1f}", "/s": "{:,.0f}"}.get(self.unit, "{:,.0f}")
        spread = f"{self.ratio:.2f}"
        if len(self.ratios) > 1:
            spread += f" ({min(self.ratios):.2f}-{max(self.ratios):.2f})"
        goal = "" if self.goal is None else f"{'>=' if self.at_least else '<='} {self.goal:.2f}"
        return [self.name, form.format(statistics.median(self.value)),
                form.format(statistics.median(self.floor)), self.unit, spread, goal, self.verdict]


def figure(name, value, limit, unit, judged=True):
    """A row whose goal is a bound and no ratio: the bound stands in the place of the floor."""
    return Row(name, [value], [limit], unit, 1.0 if judged else None)


HEAD = ["what", "measured", "floor", "unit", "ratio (min-max)", "goal", ""]


def table(rows):
    lines = [HEAD] + [r.cells() for r in rows]
    width = [max(len(line[i]) for line in lines) for i in range(len(HEAD))]
    out = []
    for line in lines:
        cells = [c.ljust(w) if i in (0, 3, 6) else c.rjust(w)
                 for i, (c, w) in enumerate(zip(line, width))]
        out.append("  ".join(cells).rstrip())
    return "\n".join(out)


# The machine

def _first_line(*argv):
    try:
        p = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                           check=False)
    except OSError:
        return "?"
    return (p.stdout.splitlines() or ["?"])[0].strip()


def _find(path, pattern):
    with open(path, encoding="utf-8", errors="replace") as f:
        found = re.search(pattern, f.read(), re.M)
    return found.group(1) if found else "?"


def _package(pattern):
    """The installed one of the packages of that name, with its version."""
    p = subprocess.run(["dpkg-query", "-W", "-f", "${db:Status-Status} ${Package} ${Version}\n",
                        pattern], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                       check=False)
    found = [line.split(" ", 1)[1] for line in p.stdout.splitlines()
             if line.startswith("installed ")]
    return ", ".join(found) or "?"


def load():
    return " ".join(f"{x:.2f}" for x in os.getloadavg())


def machine():
    ram_mib = int(_find("/proc/meminfo", r"^MemTotal:\s+(\d+)")) // 1024
    return "\n".join([
        "date:    " + time.strftime("%Y-%m-%d %H:%M:%S %z"),
        f"cpu:     {_find('/proc/cpuinfo', r'^model name.*: (.*)')}, {os.cpu_count()} cores",
        f"memory:  {ram_mib} MiB",
        f"kernel:  {platform.system()} {platform.release()}",
        "samba:   " + _first_line("samba", "--version"),
        "libldap: " + _package("libldap-2*"),
        "lmdb:    " + _package("liblmdb0"),
        "gcc:     " + _first_line("gcc", "--version"),
    ])
