# SPDX-License-Identifier: MIT
""".ci/words TREE: words that have a better one, and names that mean two things."""

import os

import pytest

from conftest import ROOT

WORDS = os.path.join(ROOT, ".ci", "words")


def words(tree):
    return tree.run(WORDS, str(tree.path))


def test_this_tree():
    assert os.spawnl(os.P_WAIT, WORDS, WORDS) == 0


@pytest.mark.parametrize("name,text,word", [
    ("dsa/base/a.c", "/* The kernel lets go of it however he ends. */", "he"),
    ("dsa/base/a.h", "\n/* It says whom. */", "whom"),
    ("man/a.8", "Whoever asks\nis answered.", "Whoever"),
    ("README.md", "what somebody's program does", "somebody"),
    ("tests/e2e/test_1.py", "'''Himself.'''", "Himself"),
    ("conf/a.catalog", "lazy", "lazy"),
    ("dsa/cycle/a.c", "planner_begin();", "planner_begin"),
])
def test_word(tree, name, text, word):
    tree.write(name, text)
    status, lines = words(tree)
    number = text[:text.index(word)].count("\n") + 1
    assert status == 1 and len(lines) == 1
    assert lines[0].startswith(f"{name}:{number}: '{word}': say ")


@pytest.mark.parametrize("name,text", [
    ("a.c", "/* the header of this hero, hereby whose, somebodys */"),
    ("a.c", "umount --lazy"),
    ("tests/fuzz/corpus/conf/a", "he"),
    ("build/a.c", "he"),
    ("LICENSE", "he"),
])
def test_no_word(tree, name, text):
    tree.write(name, text)
    assert words(tree) == (0, [])


def test_one_name_two_meanings(tree):
    tree.write("a/a.c", "struct walk {\n};\nstruct own;\n")
    tree.write("a/b.c", "struct walk {\n};\n")
    tree.write("tests/a.c", "struct own {\n};\n")
    tree.write("a/a.h", "struct own {\n};\n")
    assert words(tree) == (0, [])
    tree.write("b/b.c", "struct own {\n};\n")
    assert words(tree) == (
        1, ["struct own is defined in a/a.h and b/b.c: one name, one meaning"])
