# SPDX-License-Identifier: MIT
"""The part `links` of what inlab.py measures: what it costs that there are many links between the
same two forests. One has the OUs of the lab; each of the others has an OU with a few users beside.

  change  seconds of `galsyncd --once` over all links, a user of the first one having changed
  idle    milliseconds of CPU, of galsyncd and of both servers, in a second of a galsyncd that has
          nothing to do, with interval_s = 1
"""

import glob
import os
import time

import ldap

from galsynclab.lab import ACME, GLOBEX, STAFF_OU, TARGET_OU
from indelta import Daemon, Forests, all_pairs, wait_for
from measure import BenchError

NUMBERS = (1, 4, 12)
USERS = 3           # of each further link
IDLE_S = 10
TICKS = os.sysconf("SC_CLK_TCK")
LINK = """
  {{ name = "more-{n}"; source = "{source}"; target = "{target}"; interval_s = 1;
    scopes = ( {{ base = "{base}"; kinds = [ "user" ]; target_ou = "{ou}"; create = "mail-user"; }} );
  }},"""


def _ou(n):
    return f"OU=More {n},{STAFF_OU}"


def _populate(both):
    for n in range(max(NUMBERS) - 1):
        both.source.add_s(_ou(n), [("objectClass", b"organizationalUnit")])
        for i in range(USERS):
            name = f"more{n}-{i}"
            attrs = {"objectClass": "user", "sAMAccountName": name, "mailNickname": name,
                     "displayName": name, "mail": f"{name}@{ACME.domain}",
                     "proxyAddresses": f"SMTP:{name}@{ACME.domain}",
                     "legacyExchangeDN": f"{ACME.admin_group}/cn=Recipients/cn={name}",
                     "msExchHomeServerName": ACME.home_server, "homeMDB": ACME.databases[0],
                     "msExchRecipientTypeDetails": "1"}
            both.source.add_s(f"CN={name},{_ou(n)}",
                              [(k, v.encode()) for k, v in attrs.items()])


def _scopes(both):
    """The OUs of the lab, each with a scope of its own: there is room for others beside them."""
    rows = both.source.search_s(STAFF_OU, ldap.SCOPE_ONELEVEL, "(objectClass=organizationalUnit)",
                                ["ou"])
    return ", ".join(
        f'{{ base = "{dn}"; kinds = [ "user", "group", "contact" ]; '
        f'target_ou = "{TARGET_OU}"; create = "mailbox"; }}'.replace("\\", "\\\\")
        for dn, _ in rows)


def _links(number):
    return "".join(LINK.format(n=n, source=ACME.name, target=GLOBEX.name, base=_ou(n),
                               ou=TARGET_OU) for n in range(number - 1))


def _cpu():
    """Milliseconds of all processes of the lab; /proc is its own."""
    total = 0
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(path, encoding="utf-8", errors="replace") as f:
                fields = f.read().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        total += int(fields[11]) + int(fields[12])
    return 1000 * total / TICKS


class _Many(Daemon):
    """A galsyncd with many links."""

    def __init__(self, b, conf):
        super().__init__(b, 1)
        self.conf = conf

    def wait_idle(self):
        super().wait_idle()
        wait_for(lambda: all(x["state"] == "idle" and x["cycles"]
                             for x in self.ask(verb="status")["links"]), "a link is not idle")


def _idle(b, conf):
    with _Many(b, conf):
        before, start = _cpu(), time.monotonic()
        time.sleep(IDLE_S)
        return (_cpu() - before) / (time.monotonic() - start)


def _change(b, both, conf, pair, title):
    both.write(pair.source_dn, title)
    seconds = b.galsyncd(conf=conf, full=False).seconds
    if not both.shows(pair.target_dn, title):
        raise BenchError(f"'{title}' is not in the target")
    return seconds


def measure_links(b, rounds):
    """Of two forests that nobody has synchronized."""
    both = Forests()
    scopes = _scopes(both)
    _populate(both)
    confs = {n: b.make_conf(f"links-{n}.conf", interval_s=1, links=_links(n), scopes=scopes)
             for n in NUMBERS}
    result = {str(n): {"change": [], "idle": []} for n in NUMBERS}
    b.galsyncd(conf=confs[1])
    for conf in confs.values():
        # Until nothing is left of the first synchronization of its links.
        for _ in range(2):
            b.galsyncd(conf=conf, full=False)
    pair = next(p for p in all_pairs(b) if "OU=More " not in p.source_dn)
    for i in range(rounds):
        for n, conf in confs.items():
            result[str(n)]["change"].append(_change(b, both, conf, pair, f"Change {n} {i}"))
            result[str(n)]["idle"].append(_idle(b, conf))
    for n in NUMBERS:
        b.say(f"{n} links: {result[str(n)]}")
    return result
