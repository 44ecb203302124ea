#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The best way that is still a script: both sides are read whole at the same time, compared in
memory, and what differs is written without waiting for one answer before the next request.

    pipelined.py SOURCE-URI SOURCE-CACHE SOURCE-BASE TARGET-URI TARGET-CACHE TARGET-OU
"""

import concurrent.futures
import sys

import ldap

sys.dont_write_bytecode = True
from directory import (COPIED, FILTER, READ, STAMP, Directory, addition, difference, name_of,
                       stamp_of, wanted)    # noqa: E402  pylint: disable=wrong-import-position

WINDOW = 64


def write(conn, changes):
    """CHANGES are functions that send a request. At most WINDOW are under way."""
    under_way = 0
    for send in changes:
        send()
        under_way += 1
        if under_way == WINDOW:
            conn.result3(ldap.RES_ANY, 0)
            under_way -= 1
    while under_way:
        conn.result3(ldap.RES_ANY, 0)
        under_way -= 1


def main():
    source_uri, source_cache, base, target_uri, target_cache, ou = sys.argv[1:]
    source, target = Directory(source_uri, source_cache), Directory(target_uri, target_cache)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        there = pool.submit(source.read_all, base, FILTER, READ)
        here = pool.submit(target.read_all, ou, f"({STAMP}=peer:*)",
                           [STAMP, "mail", "targetAddress", "proxyAddresses", *COPIED])
        mine = {values[STAMP][0]: (dn, values) for dn, values in here.result().items()}
        sources = list(there.result().values())
    changes = []
    for entry in sources:
        found = mine.get(stamp_of(entry))
        if not found:
            changes.append(lambda e=entry: target.conn.add_ext(name_of(e, ou), addition(e)))
            continue
        mods = difference(found[1], wanted(entry))
        if mods:
            changes.append(lambda dn=found[0], m=mods: target.conn.modify_ext(dn, m))
    write(target.conn, changes)
    print(len(changes))


if __name__ == "__main__":
    main()
