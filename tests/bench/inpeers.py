# SPDX-License-Identifier: MIT
"""galsync beside the scripts in peers/, on the same two forests: a first synchronization, one that
finds nothing to do, and one after five changed titles. Each begins with forests that nobody has
synchronized; a script is a process that reads everything each time, and galsyncd --once is one, too:
its delta asks for what changed."""

import os
import re

from galsynclab.lab import ACME, GLOBEX, STAFF_OU, TARGET_OU

import measure
from measure import BenchError

PEERS = ("serial", "pipelined")
CHANGED = 5
HERE = os.path.dirname(os.path.realpath(__file__))


class Scripts:
    """One of the peers: its run gives seconds and the number of its writes."""

    def __init__(self, bench, name):
        self.bench, self.name = bench, name

    def run(self, full):      # pylint: disable=unused-argument
        b = self.bench
        cache = {f: b.login(f)["KRB5CCNAME"] for f in (ACME, GLOBEX)}
        run = measure.run(
            ["/usr/bin/python3", os.path.join(HERE, "peers", f"{self.name}.py"), ACME.uri,
             cache[ACME], STAFF_OU, GLOBEX.uri, cache[GLOBEX], TARGET_OU], keep=True, log=b.log)
        return run.seconds, int(run.text)


class Galsync:
    name = "galsync"

    def __init__(self, bench):
        self.bench = bench

    def run(self, full):
        before = self.bench.usns()
        run = self.bench.galsyncd(full=full)
        return run.seconds, self.bench.usns() != before


def _titles(b, text):
    """CHANGED users of the source get a title, by their administrator."""
    env = b.login(ACME)
    found = measure.run(
        ["ldapsearch", "-LLL", "-Q", "-N", "-o", "ldif-wrap=no", "-Y", "GSSAPI", "-H", ACME.uri,
         "-b", STAFF_OU, "-z", "40", "(&(objectClass=user)(mailNickname=*)(mail=*))",
         "1.1"], keep=True, env=env, ok=(0, 4), log=b.log).text
    names = re.findall(r"^dn: (.*)$", found, re.M)[:CHANGED]
    if len(names) != CHANGED:
        raise BenchError(f"{len(names)} users found, {CHANGED} wanted")
    with open(b.path("titles.ldif"), "w", encoding="utf-8") as out:
        out.write("\n".join(f"dn: {dn}\nchangetype: modify\nreplace: title\ntitle: {text}\n"
                            for dn in names))
    with open(os.path.join(b.dir, "acme.admin-password"), encoding="ascii") as f:
        password = f.read()
    with open(b.path("titles.password"), "w", encoding="ascii") as out:
        os.fchmod(out.fileno(), 0o600)
        out.write(password)
    measure.run(["ldapmodify", "-x", "-H", f"ldaps://{ACME.host}", "-D",
                 f"Administrator@{ACME.realm}", "-y", b.path("titles.password"), "-f",
                 b.path("titles.ldif")],
                env={"LDAPTLS_CACERT": os.path.join(b.dir, "tls", "ca.pem")}, log=b.log)


def _one(b, peer, rounds):
    result = {"first": [], "unchanged": [], "changed": []}
    for i in range(rounds):
        b.restore()
        seconds, wrote = peer.run(True)
        result["first"].append(seconds)
        if not wrote:
            raise BenchError(f"{peer.name}: a first synchronization without a write")
        peer.run(False)     # what galsync wrote itself comes back once
        seconds, wrote = peer.run(False)
        result["unchanged"].append(seconds)
        if wrote:
            raise BenchError(f"{peer.name}: an unchanged synchronization wrote")
        _titles(b, f"Head of {i}")
        seconds, wrote = peer.run(False)
        result["changed"].append(seconds)
        if not wrote:
            raise BenchError(f"{peer.name}: changed titles were not written")
        b.say(f"{peer.name}: " + ", ".join(f"{k} {v[-1]:.2f} s" for k, v in result.items()))
    return result


def measure_peers(b, rounds):
    peers = [Galsync(b), *(Scripts(b, name) for name in PEERS)]
    return {peer.name: _one(b, peer, rounds) for peer in peers}
