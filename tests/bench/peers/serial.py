#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The plain way: for each source object, one after the other, its contact is looked up, and made or
brought up to date.

    serial.py SOURCE-URI SOURCE-CACHE SOURCE-BASE TARGET-URI TARGET-CACHE TARGET-OU
"""

import sys

import ldap
import ldap.filter

sys.dont_write_bytecode = True
from directory import (FILTER, READ, STAMP, Directory, addition, difference, name_of, stamp_of,
                       wanted)          # noqa: E402  pylint: disable=wrong-import-position


def main():
    source_uri, source_cache, base, target_uri, target_cache, ou = sys.argv[1:]
    source, target = Directory(source_uri, source_cache), Directory(target_uri, target_cache)
    writes = 0
    for entry in source.read_all(base, FILTER, READ).values():
        text = ldap.filter.filter_format(f"({STAMP}=%s)", [stamp_of(entry).decode()])
        found = [row for row in target.conn.search_s(ou, ldap.SCOPE_SUBTREE, text) if row[0]]
        if not found:
            target.conn.add_s(name_of(entry, ou), addition(entry))
            writes += 1
            continue
        changes = difference(found[0][1], wanted(entry))
        if changes:
            target.conn.modify_s(found[0][0], changes)
            writes += 1
    print(writes)


if __name__ == "__main__":
    main()
