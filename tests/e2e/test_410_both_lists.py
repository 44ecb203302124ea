# SPDX-License-Identifier: MIT
"""A short random life of two administrators, with the daemon running in both directions, ends in
address lists that are the same. `make check-lists` has longer ones. GALSYNC_WALK_SEED runs one that
failed again."""

import os

from lists_life import BothLists
from walk_life import walk

SEED = int(os.environ.get("GALSYNC_WALK_SEED", "1"))
CHANGES = int(os.environ.get("GALSYNC_WALK_CHANGES", "70"))


def test_both_lists(lab):
    walk(lab, SEED, CHANGES, kind=BothLists)
