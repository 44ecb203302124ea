# SPDX-License-Identifier: MIT
"""Random administrative lives of WALK_CHANGES changes (500) each, of WALK_SEEDS seeds (10), with the
daemon running: each ends in two directories that agree. GALSYNC_WALK_SEED is the first seed, and
alone if WALK_SEEDS is not given."""

import os

import pytest

from walk_life import walk

FIRST = os.environ.get("GALSYNC_WALK_SEED")
SEEDS = min(int(os.environ.get("WALK_SEEDS", "1" if FIRST else "10")), 1000)
CHANGES = min(int(os.environ.get("WALK_CHANGES", os.environ.get("GALSYNC_WALK_CHANGES", "500"))), 5000)


@pytest.mark.parametrize("seed", range(int(FIRST or 1), int(FIRST or 1) + SEEDS))
def test_walk(lab, seed):
    walk(lab, seed, CHANGES)
