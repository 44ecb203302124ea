# SPDX-License-Identifier: MIT
"""The portal over a large map: what a page costs, first, again, and after the map was written; what
it needs of memory; and what 50 slow clients do to others."""

import glob
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.request

from measure import BenchError, figure

PEOPLE = 100000
LIMIT_OVERVIEW_MS = 100     # of CPU
LIMIT_PAGE_MS = 20
LIMIT_ROW_BYTES = 500       # of memory of its own, for each recipient
SLOW = 50
PAGES = (("/mailboxes?page=900", "a page of the list"),
         ("/mailboxes?sort=-progress", "sorted by progress"),
         ("/mailboxes?q=yamada", "searched"),
         ("/mailboxes?state=error&side=source", "filtered"))


class Portal:
    """A running portal over the map in STATE."""

    def __init__(self, build, state):
        self.process = subprocess.Popen(
            [os.path.join(build, "galsync-portal"), "--state-directory", state, "--socket",
             "/nowhere", "--listen", "127.0.0.1:0", "--no-token"], stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line.startswith("http"):
            raise BenchError("the portal does not start")
        self.address = line.strip().rstrip("/")

    def cpu_ms(self):
        total = 0
        for path in glob.glob(f"/proc/{self.process.pid}/task/*/schedstat"):
            with open(path, encoding="ascii") as f:
                total += int(f.read().split()[0])
        return total / 1e6

    def get(self, path):
        """Milliseconds of CPU."""
        before = self.cpu_ms()
        with urllib.request.urlopen(self.address + path) as r:
            r.read()
        return self.cpu_ms() - before

    def own_kib(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as f:
            return int(re.search(r"RssAnon:\s*(\d+)", f.read())[1])

    def stop(self):
        self.process.terminate()
        self.process.wait()


def slow_clients(portal):
    """What the overview takes others, in milliseconds, while so many hang."""
    host, port = portal.address[7:].split(":")
    clients = [socket.create_connection((host, int(port))) for _ in range(SLOW)]
    try:
        for s in clients:
            s.sendall(b"GET /mailboxes.csv HTTP/1.1\r\nHost: localhost\r\n\r\n"[:-2])
        begun = time.monotonic()
        portal.get("/")
        return 1000 * (time.monotonic() - begun)
    finally:
        for s in clients:
            s.close()


def measure_portal(build, rounds):
    directory = tempfile.mkdtemp(prefix="galsync-bench-portal-")
    people = [os.path.join(build, "bench", "people"), directory, str(PEOPLE)]
    portal = None
    try:
        subprocess.run(people, check=True)
        portal = Portal(build, directory)
        first = portal.get("/")
        overview = [portal.get("/") for _ in range(rounds)]
        rows = [figure(f"portal, {PEOPLE} recipients, overview / {LIMIT_OVERVIEW_MS} ms of CPU",
                       max(overview), LIMIT_OVERVIEW_MS, "ms")]
        for path, text in PAGES:
            portal.get(path)
            cost = max(portal.get(path) for _ in range(rounds))
            rows.append(figure(f"portal, {text} / {LIMIT_PAGE_MS} ms of CPU", cost, LIMIT_PAGE_MS,
                               "ms"))
        subprocess.run([*people, "10"], check=True)
        rows.append(figure(f"portal, the first page after a write / {LIMIT_PAGE_MS} ms of CPU",
                           portal.get(PAGES[0][0]), LIMIT_PAGE_MS, "ms"))
        rows.append(figure(f"portal, memory a recipient / {LIMIT_ROW_BYTES} B",
                           portal.own_kib() * 1024 / PEOPLE, LIMIT_ROW_BYTES, "B"))
        return rows, [f"portal: the first page after its start {first:.0f} ms of CPU; the overview "
                      f"beside {SLOW} clients that hang {slow_clients(portal):.0f} ms"]
    finally:
        if portal:
            portal.stop()
        shutil.rmtree(directory, ignore_errors=True)
