# SPDX-License-Identifier: MIT
"""Random lives of two administrators, of WALK_CHANGES changes (2,000) each, of WALK_SEEDS seeds (1),
with the daemon running in both directions: each ends in address lists that are the same.
GALSYNC_WALK_SEED is the first seed."""

import os

import pytest

from lists_life import BothLists
from walk_life import walk

FIRST = int(os.environ.get("GALSYNC_WALK_SEED", "1"))
SEEDS = min(int(os.environ.get("WALK_SEEDS", "1")), 1000)
CHANGES = min(int(os.environ.get("WALK_CHANGES", os.environ.get("GALSYNC_WALK_CHANGES", "2000"))), 5000)


@pytest.mark.parametrize("seed", range(FIRST, FIRST + SEEDS))
def test_lists(lab, seed):
    walk(lab, seed, CHANGES, kind=BothLists)
