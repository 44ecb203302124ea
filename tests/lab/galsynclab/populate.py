# SPDX-License-Identifier: MIT
"""Fills the lab's forests with believable organizations, the same ones for the same seed.

The objects are made as data first (special.py, people.py), then written through the database
files while the domain controllers run: some hundred objects a transaction, in an order in which
every link names an object that is there already. DIR/populate.json says what was made:

    seed, mini      the options
    counts          forest: kind: number of objects
    special         forest: key of the case: DN

The same key in both forests: the two belong together. --users, --contacts and --groups count the
special cases in; --target-users come on top of those of GLOBEX.

SIDs and objectGUIDs are the directory's and differ from lab to lab; all else follows the seed.
"""

import collections
import concurrent.futures
import json
import multiprocessing
import os
import time

import ldb

from . import people, special
from .forests import open_sam, progress
from .lab import ACME, GLOBEX, PEOPLE_OU, STAFF_OU, TARGET_OU, LabError
from .org import Organization

BATCH = 500


def _add_all(sam, entries, batch=BATCH):
    for start in range(0, len(entries), batch):
        sam.transaction_start()
        try:
            for e in entries[start:start + batch]:
                try:
                    sam.add({"dn": e.dn, **e.attrs})
                except (ldb.LdbError, ValueError, TypeError) as error:
                    raise LabError(f"cannot add {e.dn}: {error}") from error
        except BaseException:
            sam.transaction_cancel()
            raise
        sam.transaction_commit()


def _add_links(sam, links):
    for dn, attribute, value in links:
        m = ldb.Message(ldb.Dn(sam, dn))
        m[attribute] = ldb.MessageElement(value, ldb.FLAG_MOD_ADD, attribute)
        sam.modify(m)


def _check_empty(lab, sam):
    if os.path.exists(lab.path("populate.json")):
        raise LabError("the lab is populated already; 'lab down' and 'lab up' make an empty one")
    if sam.search(STAFF_OU, ldb.SCOPE_ONELEVEL, attrs=["1.1"]):
        raise LabError(f"{STAFF_OU} is not empty: an earlier 'lab populate' did not finish; "
                       "'lab down' and 'lab up' make an empty one")


def _check_options(options):
    for name in ("users", "contacts", "groups", "big_group", "target_users"):
        if getattr(options, name) < 0:
            raise LabError(f"--{name.replace('_', '-')} must not be negative")


def _source(options):
    """The objects of ACME. The numbers asked for include the special cases."""
    org = Organization(ACME, options.seed, "source")
    cases = special.Source(org, STAFF_OU)
    cases.make()
    if options.mini:
        return org, cases
    bulk = people.Bulk(org, STAFF_OU)
    made = collections.Counter(e.attrs["objectClass"] for e in org.entries)
    bulk.contacts(options.contacts - made["contact"])
    bulk.users(options.users - made["user"])
    bulk.groups(options.groups - made["group"] - 1)
    # Last and largest: a directory gives its members in ranges.
    members = [e for e in org.entries if e.attrs["objectClass"] in ("user", "contact") and e.address]
    if len(members) < options.big_group:
        progress(f"lab: the big group gets {len(members)} members: there are no more recipients")
    if options.big_group and options.groups:
        org.add(org.group("Everybody", bulk.ou("Groups"), "everybody", "universal-distribution",
                          members[:options.big_group]), "big-group")
    return org, cases


def _target(options, source, sids):
    """The objects of GLOBEX. sids are the objectSids of the special cases of ACME."""
    org = Organization(GLOBEX, options.seed, "target")
    at = {e.dn: e for e in source.entries}
    cases = special.Target(org, PEOPLE_OU, TARGET_OU,
                           {key: at[dn] for key, dn in source.special.items()}, sids)
    cases.native()
    if options.target_users or options.mini:
        cases.collisions()
    if not options.mini:
        # Logon names of their own: nobody is taken for a namesake by chance.
        bulk = people.Bulk(org, PEOPLE_OU, sam_prefix="gx")
        bulk.users(options.target_users)
    return org


def _read_special(sam, org):
    """DNs as a server answers them, which the tests compare with, and SIDs, by the case's key."""
    found = {key: sam.search(dn, ldb.SCOPE_BASE, attrs=["objectSid"])[0]
             for key, dn in org.special.items()}
    return ({key: str(m.dn) for key, m in found.items()},
            {key: bytes(m["objectSid"][0])
             for key, m in found.items() if "objectSid" in m})


def _write_source(lab, options):
    sam = open_sam(ACME)
    _check_empty(lab, sam)
    org, cases = _source(options)
    _add_all(sam, org.entries)
    _add_links(sam, cases.loop())
    return org, *_read_special(sam, org)


def _write_target(options, source, sids):
    sam = open_sam(GLOBEX)
    org = _target(options, source, sids)
    _add_all(sam, org.entries)
    return org, *_read_special(sam, org)


def _alone(function, *args):
    """Calls the function in a process of its own.

    Samba keeps one schema a process: with the databases of two forests open, the second one's
    objects would get the objectCategory of the first one's schema."""
    fork = multiprocessing.get_context("fork")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=fork) as pool:
        return pool.submit(function, *args).result()


def _report(lab, options, written):
    data = {"seed": options.seed, "mini": options.mini, "counts": {}, "special": {}}
    for org, dns in written:
        count = collections.Counter(e.kind for e in org.entries)
        data["counts"][org.forest.name] = dict(sorted(count.items()))
        data["special"][org.forest.name] = dns
    # The file means "all of it is there", so it appears in one step.
    new = lab.path("populate.json.new")
    with open(new, "w", encoding="utf-8") as out:
        json.dump(data, out, indent=1, ensure_ascii=False)
        out.write("\n")
    os.rename(new, lab.path("populate.json"))


def populate(lab, options):
    """What the lab's command calls, inside the lab."""
    _check_options(options)
    start = time.monotonic()
    source, source_dns, sids = _alone(_write_source, lab, options)
    target, target_dns, _ = _alone(_write_target, options, source, sids)
    _report(lab, options, ((source, source_dns), (target, target_dns)))
    progress(f"lab: {len(source.entries)} objects in {ACME.name}, {len(target.entries)} in "
             f"{GLOBEX.name}, {time.monotonic() - start:.1f} s")
