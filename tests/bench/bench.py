#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Measures galsync against plain tools on a real lab, and prints a table of ratios.

  full      a full sync, against ldapsearch of both sides and pipelined writes of the same changes
  resync    a sync that finds nothing to do, against ldapsearch of both sides
  memory    the peak of anonymous memory of galsyncd, for N users and for 2N
  latency   both syncs with 10 ms of round trip to both servers, against the same without
  both      a full sync and one that finds nothing to do, with a return flow, against the same
            without
  links     a delta of one change with 4 and 12 links between the same two forests, against the same
            with one; and the CPU of galsyncd and both servers in a second with nothing to do
  delta     a running galsyncd: the time from a change in the source to its counterpart, a cycle
            with nothing to do, and a cycle after a change of 1 % of the users
  switch    1,000 mailboxes switched and turned back, against the bare modifies pipelined
  peers     scripts for the same in peers/, one plain and one pipelined, against galsyncd --once:
            a first synchronization, one with nothing to do, one after five changes
  own       CPU and memory of galsync alone, octets and requests: the forests are in the process
  map       look-ups in a map of many records, against bare LMDB gets of the same records
  portal    the CPU of the portal's pages over a map of 100,000 recipients, and its memory

What is compared runs next to each other in the same state of the servers; a ratio is the median of
the rounds' ratios. A missed goal is a result: the exit status tells of errors alone. Needs root.

The servers wait for their disk at every write. TMPDIR=/dev/shm keeps the disk, and what else
uses it, out of the measure.
"""

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, HERE)

# pylint: disable=wrong-import-position
import estates                          # noqa: E402
import measure                          # noqa: E402
import pages                            # noqa: E402
from measure import BenchError, Row, figure     # noqa: E402

ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.abspath(os.path.join(ROOT, os.environ.get("BUILD", "build")))
LAB = os.path.join(ROOT, "tests", "lab", "lab")
PARTS = ["full", "resync", "both", "links", "memory", "latency", "delta", "switch", "peers",
         "own", "map", "portal"]
WITHOUT_LAB = {"own", "map", "portal"}
LIMIT_KIB = 48 * 1024       # of anonymous memory
LIMIT_USERS = 10000         # at this size
LIMIT_BYTES = 100           # for each user beyond
LIMIT_MS = 1000             # for a change, from when the server notifies,
LIMIT_POLL_MS = 300         # or else from when the interval is over


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


# Labs

def lab_options(users, big_group):
    return ["--users", str(users), "--contacts", str(users // 20),
            "--groups", str(users * 3 // 100), "--big-group", str(big_group)]


@contextlib.contextmanager
def lab_of(users, big_group):
    """A lab of its own with that many users; it goes whatever happens."""
    directory = tempfile.mkdtemp(prefix="galsync-bench-")
    log = os.path.join(directory + ".log")
    try:
        say(f"makes a lab with {users} users")
        measure.run([LAB, "--dir", directory, "up"], log=log)
        measure.run([LAB, "--dir", directory, "populate", *lab_options(users, big_group)], log=log)
        yield directory
    finally:
        ignored = [(s, signal.signal(s, signal.SIG_IGN)) for s in (signal.SIGINT, signal.SIGTERM)]
        subprocess.run([LAB, "--dir", directory, "down"], check=False)
        shutil.rmtree(directory, ignore_errors=True)
        if os.path.exists(log):
            os.remove(log)
        for s, handler in ignored:
            signal.signal(s, handler)


def in_lab(users, big_group, rounds, parts):
    with lab_of(users, big_group) as directory:
        out = os.path.join(directory, "bench.json")
        options = {"tools": BUILD, "users": users, "rounds": rounds, "parts": parts, "out": out}
        say(f"measures {', '.join(parts)}")
        with subprocess.Popen([LAB, "--dir", directory, "run", "--", "/usr/bin/python3", "-B",
                               os.path.join(HERE, "inlab.py"), json.dumps(options)]) as p:
            try:
                code = p.wait()
            except BaseException:
                p.terminate()
                raise
        if code:
            raise BenchError(f"the measurements in the lab failed ({code})")
        with open(out, encoding="utf-8") as f:
            return json.load(f)


# Rows

def sync_rows(parts, m):
    rows = []
    if "full" in parts:
        rows.append(Row("full sync / reads and pipelined writes", m["full"], m["floor"], "s", 1.15))
    if "resync" in parts:
        rows.append(Row("unchanged re-sync / reads one by one", m["again"], m["read_one_by_one"],
                        "s", 1.3))
        rows.append(Row("unchanged re-sync / reads in parallel", m["again"], m["read_parallel"],
                        "s"))
    if "latency" in parts:
        rows.append(Row("full sync at 10 ms / local", m["far"], m["full"], "s", 1.5))
        rows.append(Row("re-sync at 10 ms / local", m["again_far"], m["again"], "s", 1.5))
    if "both" in parts:
        rows += [Row("full sync with a return flow / without", m["both_full"], m["full"], "s"),
                 Row("re-sync with a return flow / without", m["both_again"], m["again"], "s")]
    return rows


def links_rows(m):
    one = m["1"]
    return [Row(f"{text}, {n} links / 1 link", m[n][key], one[key], unit)
            for key, text, unit in (("change", "delta of one change", "s"),
                                    ("idle", "CPU of a second at rest", "ms"))
            for n in m if n != "1"]


def memory_rows(users, one, two):
    """Buffers grow to their limits with the first thousands: what a user costs beyond them is
    judged at the full size alone."""
    rows, notes = [], []
    for name, text in (("full", "full sync"), ("again", "re-sync")):
        small, large = one[f"{name}_anon_kib"], two[f"{name}_anon_kib"]
        beyond = max(large - small, 0) * 1024 / users
        rows.append(figure(f"memory, {text}, {users} users / limit at {LIMIT_USERS}", small,
                           LIMIT_KIB, "KiB"))
        rows.append(figure(f"memory, {text}, each user beyond / limit", beyond, LIMIT_BYTES, "B",
                           users >= LIMIT_USERS))
        notes.append(f"memory, {text}: {small} KiB anonymous with {users} users, {large} KiB with "
                     f"{2 * users}; resident with file pages "
                     f"{one[f'{name}_hwm_kib']} and {two[f'{name}_hwm_kib']} KiB")
    return rows, notes


def _ms(seconds):
    return [1000 * s for s in seconds]


def _percentiles(values):
    return measure.percentile(values, 50), measure.percentile(values, 99)


def change_rows(m):
    """How long a change takes: with a notification at once, with a late one, and with none."""
    rows, notes = [], []
    floor = 1000 * (measure.percentile(m["polls"], 50) + m["modify"])
    for way, text in (("told", "notified at once"), ("late", "notified late")):
        seen, told = _ms(m[way]["seen"]), m[way]["told"]
        pairs = [(s, 1000 * t) for s, t in zip(seen, told) if t is not None]
        if len(pairs) * 2 < len(seen):
            raise BenchError(f"{text}: the server notified of {len(pairs)} of {len(seen)} changes")
        notified = _percentiles([t for _, t in pairs])
        beyond = _percentiles([s - t for s, t in pairs])
        p50, p99 = _percentiles(seen)
        allowed = notified[1] < LIMIT_MS
        if way == "told":
            rows.append(Row(f"change, {text}, p50 / empty poll and one modify", [p50], [floor],
                            "ms"))
        rows += [figure(f"change, {text}, p99 / {LIMIT_MS} ms", p99, LIMIT_MS, "ms", allowed),
                 figure(f"  beyond the notification, p50 / {LIMIT_MS} ms", beyond[0], LIMIT_MS,
                        "ms", False),
                 figure(f"  beyond the notification, p99 / {LIMIT_MS} ms", beyond[1], LIMIT_MS,
                        "ms")]
        notes.append(
            f"{text}: {len(seen)} changes; the server notifies after {notified[0]:.0f} ms (p50), "
            f"{notified[1]:.0f} ms (p99): " + (
                "it allows a change within a second" if allowed else
                "it does not allow a change within a second, only the time beyond is judged"))
    return rows, notes


def delta_rows(m):
    rows, notes = change_rows(m)
    poll = _ms(m["polls"])
    p50, p99 = _percentiles(_ms(m["polled"]["seen"]))
    limit = 1000 + LIMIT_POLL_MS
    text = f"1 s and {LIMIT_POLL_MS} ms"
    rows += [figure(f"change, interval_s = 1, p50 / {text}", p50, limit, "ms", False),
             figure(f"change, interval_s = 1, p99 / {text}", p99, limit, "ms"),
             Row("cycle with nothing to do / empty DirSync poll", _ms(m["empty"]),
                 [measure.percentile(poll, 50)] * len(m["empty"]), "ms"),
             Row(f"delta of {m['percent']['objects']} users / poll, reads, pipelined writes",
                 _ms(m["percent"]["delta"]), _ms(m["percent"]["floor"]), "ms", 1.2)]
    notes += [f"an empty DirSync poll of the source: {measure.percentile(poll, 50):.1f} ms (p50), "
              f"{measure.percentile(poll, 99):.1f} ms (p99); one modify of the target: "
              f"{1000 * m['modify']:.1f} ms",
              "the delta of 1 % is a galsyncd at rest that is asked for a cycle, until it answers; "
              "nothing is subtracted. Its floor has no bind either"]
    return rows, notes


def switch_rows(m):
    n, pairs = m["mailboxes"], m["verified"]
    rate = 2 * pairs / measure.percentile(m["verify"], 50)
    return [Row(f"switch of {n} mailboxes / bare pipelined modifies", m["switch"], m["bare"], "s"),
            Row(f"wave of {n} mailboxes / bare pipelined modifies", m["wave"], m["bare"], "s"),
            Row(f"undo of {n} mailboxes / bare pipelined modifies", m["undo"], m["bare"], "s"),
            Row(f"verify of {pairs} pairs / reads in parallel", m["verify"], m["read"], "s")], [
                f"verify: {rate:,.0f} objects a second"]


def peers_rows(m):
    """Each peer against galsync; above 1 galsync is the faster one."""
    ours = m["galsync"]
    return [Row(f"{name} script / galsyncd, {text}", m[name][key], ours[key], "s")
            for key, text in (("first", "first synchronization"), ("unchanged", "nothing to do"),
                              ("changed", "five changes"))
            for name in m if name != "galsync"]


def map_rows(records, rounds):
    directory = tempfile.mkdtemp(prefix="galsync-bench-map-")
    try:
        say(f"measures a map of {records} records")
        lookups = min(records, 1000000)
        text = measure.run([os.path.join(BUILD, "bench", "map"), directory, str(records),
                            str(lookups), str(rounds)], keep=True).text
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    found = {}
    for line in text.splitlines():
        found.setdefault(line.split()[0], []).append(float(line.split()[1]))
    rows = [Row(f"map of {records}, by {text} / bare gets", found[name], found["bare"], "/s", 0.5,
                True)
            for name, text in (("guid", "source GUID"), ("address", "address"),
                               ("alias", "alias"))]
    rows.append(Row(f"map of {records}, two bare gets / bare gets", found["two"], found["bare"], "/s"))
    return rows, [f"map: {found['bytes'][0]:.0f} bytes on disk a record, "
                  f"{found['put'][0]:,.0f} records a second stored, 10,000 a commit"]


def measure_all(args):
    parts = args.only or PARTS
    rows, notes = [], []
    inside = [p for p in parts if p not in WITHOUT_LAB]
    if inside:
        one = in_lab(args.users, args.users // 2, args.rounds, inside)
        notes.append(f"{args.users} users; changes of a full sync: " + ", ".join(
            f"{n} in {name}" for name, n in one["changes"].items()))
        rows += sync_rows(parts, one)
        if "links" in parts:
            rows += links_rows(one["links"])
        if "delta" in parts:
            more, said = delta_rows(one["delta"])
            rows += more
            notes += said
        if "peers" in parts:
            rows += peers_rows(one["peers"])
        if "switch" in parts:
            more, said = switch_rows(one["switch"])
            rows += more
            notes += said
    if "memory" in parts:
        # The largest object is as large as before: it is the number of objects that counts.
        two = in_lab(2 * args.users, args.users // 2, 1, ["memory"])
        more, said = memory_rows(args.users, one, two)
        rows += more
        notes += said
    if "own" in parts:
        more, said = estates.measure_own(
            BUILD, estates.SIZES_IN_FULL if args.full else estates.SIZES, say)
        rows += more
        notes += said
    if "map" in parts:
        more, said = map_rows(args.records, args.rounds)
        rows += more
        notes += said
    if "portal" in parts:
        more, said = pages.measure_portal(BUILD, args.rounds)
        rows += more
        notes += said
    return rows, notes


def parse():
    p = argparse.ArgumentParser(prog="bench", description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--users", type=int, default=2000, help="default 2000; the full measure: 10000")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--records", type=int, default=1000000, help="of the map (default 1000000)")
    p.add_argument("--full", action="store_true",
                   help="of the part 'own' 100,000 users too: some 3 GiB of memory")
    p.add_argument("--only", choices=PARTS, action="append", help="this part; may be given more than once")
    p.add_argument("--out", default=os.path.join(BUILD, "bench.txt"),
                   help="also written to this file (default: bench.txt in the build directory)")
    args = p.parse_args()
    if args.users < 100 or args.rounds < 1 or args.records < 1:
        p.error("--users is at least 100, --rounds and --records at least 1")
    return args


def main():
    args = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if os.geteuid() and not set(args.only or PARTS) <= WITHOUT_LAB:
        say("the lab needs root")
        return 1
    before = measure.load()
    try:
        rows, notes = measure_all(args)
    except BenchError as e:
        say(str(e))
        return 1
    except KeyboardInterrupt:
        return 130
    notes += [f"labs in {tempfile.gettempdir()}",
              f"load: {before} at the start, {measure.load()} at the end; {args.rounds} rounds"]
    text = "\n".join([measure.machine(), "", measure.table(rows), "", *notes, ""])
    print(text, end="", flush=True)
    with open(args.out, "w", encoding="utf-8") as out:
        out.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
