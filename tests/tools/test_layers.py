# SPDX-License-Identifier: MIT
""".ci/layers TREE: what it refuses, and that this tree is as it wants."""

import os

import pytest

from conftest import ROOT

LAYERS = os.path.join(ROOT, ".ci", "layers")


@pytest.fixture(name="house")
def fixture_house(tree):
    """A tree of a few rooms, in order."""
    tree.write("dsa/base/err.h", "")
    tree.write("dsa/base/err.c", '#include "dsa/base/err.h"\n\n#include <errno.h>\n')
    tree.write("mapping/store.c", '#include "dsa/base/err.h"\n')
    tree.write("redirect/turn.c", '#include "dsa/base/err.h"\n')
    tree.write("dsa/exec/exec.c", '#include "dsa/base/err.h"\nint x = d->ops->submit(d);\n')
    tree.write("dsa/exec/exec.h", "")
    tree.write("dsa/cycle/part_priv.h", "")
    for i in range(4):
        tree.write(f"dsa/cycle/part{i}.c", '#include "dsa/cycle/part_priv.h"\n'
                                           '#include "dsa/exec/exec.h"\n')
    tree.write("tests/unit/test_x.c", '#include "dsa/cycle/part_priv.h"\n')
    return tree


def layers(tree):
    return tree.run(LAYERS, str(tree.path))


def test_in_order(house):
    assert layers(house) == (0, [])


def test_this_tree():
    status = os.spawnl(os.P_WAIT, LAYERS, LAYERS, ROOT)
    assert status == 0


@pytest.mark.parametrize("include", [
    '#include "dsa/exec/exec.h"', "#include <dsa/exec/exec.h>", '#  include "dsa/exec/exec.h"',
])
def test_upward_include(house, include):
    house.write("dsa/base/up.c", f"{include}\n")
    assert layers(house) == (
        1, ["dsa/base/up.c includes dsa/exec/exec.h, which is not below it"])


def test_include_of_no_room(house):
    house.write("dsa/base/up.c", '#include "err.h"\n')
    assert layers(house) == (1, ["dsa/base/up.c includes err.h, which is not below it"])


def test_fifth_user_of_a_private_header(house):
    house.write("dsa/cycle/part4.c", '#include "dsa/cycle/part_priv.h"\n')
    assert layers(house) == (
        1, ["dsa/cycle/part_priv.h serves 5 files: more than four"])


def test_private_header_of_another_room(house):
    house.write("dsa/exec/exec_priv.h", "")
    house.write("dsa/cycle/other.c", '#include "dsa/exec/exec_priv.h"\n')
    assert layers(house) == (
        1, ["dsa/cycle/other.c includes dsa/exec/exec_priv.h, which is private to dsa/exec"])


@pytest.mark.parametrize("name", ["dsa/attic/a.c", "dsa/attic/a.h", "attic/a.c",
                                  "dsa/base/attic/a.c"])
def test_folder_that_is_no_room(house, name):
    house.write(name, "")
    folder = os.path.dirname(name)
    assert layers(house) == (1, [f"{folder} has C files and is no room: give it a row"])


def test_second_writer(house):
    house.write("dsa/cycle/write.c", "int x = d->ops->submit(d);\n")
    assert layers(house) == (
        1, ["dsa/cycle/write.c:1 writes to a directory without dsa/exec/exec.c"])


def test_databases_of_the_map(house):
    house.write("mapping/store_db.h", "")
    house.write("dsa/cycle/map.c", '#include "mapping/store_db.h"\n')
    assert layers(house) == (
        1, ["dsa/cycle/map.c includes mapping/store_db.h, which only the map may"])
