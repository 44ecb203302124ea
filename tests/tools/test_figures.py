# SPDX-License-Identifier: MIT
"""What a synchronization asks of both servers and writes to files is what it was: the figures of
tests/bench/expected.json, which depend on no machine, with some room. A figure that is meant to be
another one is put there by

  tests/bench/estates.py build >tests/bench/expected.json
"""

import json
import os
import sys

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
BENCH = os.path.join(ROOT, "tests", "bench")
BUILD = os.path.abspath(os.environ.get("GALSYNC_BUILD", os.path.join(ROOT, "build")))
ROOM = 1.1
sys.path.insert(0, BENCH)

import estates                          # noqa: E402  pylint: disable=wrong-import-position

with open(os.path.join(BENCH, "expected.json"), encoding="ascii") as expected:
    EXPECTED = json.load(expected)


@pytest.fixture(name="figures", scope="module")
def fixture_figures():
    return estates.figures(BUILD)


@pytest.mark.parametrize("phase", EXPECTED)
def test_no_more_than_before(figures, phase):
    more = {what: (value, figures[phase][what]) for what, value in EXPECTED[phase].items()
            if figures[phase][what] > value * ROOM}
    assert not more, "more than was expected"
