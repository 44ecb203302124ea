# SPDX-License-Identifier: MIT
"""A short random administrative life, with the daemon running, ends in two directories that agree.
`make check-walk` has longer ones. GALSYNC_WALK_SEED runs one that failed again."""

import os

from walk_life import walk

SEED = int(os.environ.get("GALSYNC_WALK_SEED", "1"))
CHANGES = int(os.environ.get("GALSYNC_WALK_CHANGES", "70"))


def test_walk(lab):
    walk(lab, SEED, CHANGES)
