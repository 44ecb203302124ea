# SPDX-License-Identifier: MIT
""".ci/sizes TREE: what is too large, and what only looks like it."""

import os

import pytest

from conftest import ROOT

SIZES = os.path.join(ROOT, ".ci", "sizes")


def sizes(tree):
    return tree.run(SIZES, str(tree.path))


def function(name, lines, parameters="void"):
    """A function of so many LINES, from its name to its brace."""
    body = "\tx();\n" * (lines - 3)
    return f"static int\n{name}({parameters})\n{{\n{body}}}\n\n"


def test_this_tree():
    assert os.spawnl(os.P_WAIT, SIZES, SIZES) == 0


def test_function(tree):
    tree.write("a.c", "".join(function(f"f{i}", 5) for i in range(3)) + function("fits", 60))
    assert sizes(tree) == (0, [])
    tree.write("a.c", "".join(function(f"f{i}", 5) for i in range(3)) + function("long", 61))
    assert sizes(tree) == (1, ["a.c: long() has 61 lines: more than 60"])


def test_function_of_a_test(tree):
    """It is counted, but not in the median."""
    tree.write("tests/a.c", function("one", 50) + function("two", 61))
    assert sizes(tree) == (1, [f"{os.path.join('tests', 'a.c')}: two() has 61 lines: more than 60"])


def test_median(tree):
    tree.write("a.c", function("one", 12) + function("two", 12) + function("three", 30))
    assert sizes(tree) == (0, [])
    tree.write("a.c", function("one", 12) + function("two", 13) + function("three", 30))
    assert sizes(tree) == (1, ["half of the functions have 13 lines or more: it should be 12"])


@pytest.mark.parametrize("text", [
    "int f(int a, int b, int c, int d, int e, int f, int g, int h);",
    "int f(int a, int b, int c,\n    int d, int e, int f, int g, int h) MUST_CHECK;",
    "struct s {\n\tint (*f)(int a, int b, int c, int d, int e, int f, int g, int h);\n};",
    "typedef int f(int a, int b, int c, int d, int e, int f, int g, int h);",
    "int f(int (*a)(int, int), int b, int c, int d, int e, int f, int g, void (*h)(void));",
    "/* f(a) */ int f(int a, int b, int c, int d, int e, int f, int g, int h);",
    function("f", 4, "int a, int b, int c, int d, int e, int f, int g, int h"),
])
def test_parameters(tree, text):
    tree.write("a.h", text)
    assert sizes(tree) == (1, ["a.h: f() has 8 parameters: more than 7"])


@pytest.mark.parametrize("text", [
    "int f(int a, int b, int c, int d, int e, int f, int g);",
    "int f(int a, int b, int c, int d, int e, int f, const char *fmt, ...) PRINTF_LIKE(7, 8);",
    "int f(int (*a)(int, int, int, int, int, int, int), int b);",
    "/* f(a, b, c, d, e, f, g, h) */",
    'const char *s = "f(a, b, c, d, e, f, g, h)";',
    "#define F(a, b, c, d, e, f, g, h) \\\n\tg(a, b, c, d, e, f, g, h)",
    "static const int x[] = {F(1, 2, 3, 4, 5, 6, 7, 8)};",
    "static int\nf(void)\n{\n\treturn g(1, 2, 3, 4, 5, 6, 7, 8);\n}\n",
])
def test_no_parameters(tree, text):
    tree.write("a.c", text)
    assert sizes(tree) == (0, [])


@pytest.mark.parametrize("name", ["a.c", "tests/a.h", "tests/e2e/a.py", "Makefile", "tests/tool"])
def test_file(tree, name):
    text = "#!/bin/sh\n" if name == "tests/tool" else "\n"
    tree.write(name, text + "\n" * 699)
    assert sizes(tree) == (0, [])
    tree.write(name, text + "\n" * 700)
    assert sizes(tree) == (1, [f"{name} has 701 lines: more than 700"])


@pytest.mark.parametrize("name", ["README.md", "man/a.5", "tests/fuzz/corpus/a.c", "build/a.c"])
def test_file_without_a_bound(tree, name):
    tree.write(name, "\n" * 1000)
    assert sizes(tree) == (0, [])
