# SPDX-License-Identifier: MIT
"""The tools of the tree are tested on trees that the tests make. Nothing here needs root."""

import os
import shutil
import subprocess

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))


class Tree:
    """A tree with copies of the tools, and of nothing else."""

    def __init__(self, path):
        self.path = path

    def copy(self, name):
        os.makedirs(os.path.dirname(self.path / name), exist_ok=True)
        shutil.copy(os.path.join(ROOT, name), self.path / name)

    def write(self, name, text, mode=0o644):
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(mode)

    def script(self, name, text):
        self.write(name, f"#!/bin/sh\n{text}\n", 0o755)

    def start(self, *argv, **env):
        # What the make that runs this was told does not hold for others.
        own = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
        return subprocess.Popen(argv, cwd=self.path, env={**own, "BUILD": "build", **env},
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True)

    def run(self, *argv, **env):
        """Exit status and lines of output."""
        with self.start(*argv, **env) as p:
            text, _ = p.communicate(timeout=120)
        return p.returncode, text.splitlines()


@pytest.fixture(name="tree")
def fixture_tree(tmp_path):
    return Tree(tmp_path)
