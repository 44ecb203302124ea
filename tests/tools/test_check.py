# SPDX-License-Identifier: MIT
"""tests/check and .ci/run: whatever goes wrong is a failure that has a name and counts."""

import os
import signal
import time

import pytest

GOOD = "echo 1..2; echo ok 1 - one; echo ok 2 - two"


@pytest.fixture(name="checked")
def fixture_checked(tree):
    """A tree whose build copies what lies in `programs`."""
    tree.copy("tests/check")
    # One rule for all goals: they are made side by side.
    tree.write("Makefile", "units tortures all e2e-programs: programs\n"
                           ".PHONY: programs\nprograms:\n\t@mkdir -p $(BUILD)\n"
                           "\t@cp -r programs/. $(BUILD)/\n")
    for folder in ("unit", "torture", "fuzz", "e2e"):
        (tree.path / "tests" / folder).mkdir()
        (tree.path / "programs" / folder).mkdir(parents=True)
    return tree


def add(tree, folder, name, text):
    """A test program that is the script TEXT; None: one that cannot be built."""
    tree.write(f"tests/{folder}/{name}.c", "")
    if text is not None:
        tree.script(f"programs/{folder}/{name}", text)


def check(tree, *parts, passed, failed, said=(), **env):
    status, lines = tree.run("tests/check", *parts, **env)
    assert lines[-1] == f"{passed} passed, {failed} failed", "\n".join(lines)
    assert status == (1 if failed else 0)
    for words in said:
        assert any(words in line for line in lines), f"{words}:\n" + "\n".join(lines)
    return lines


def test_all_pass(checked):
    add(checked, "unit", "test_a", GOOD)
    add(checked, "torture", "test_b", GOOD)
    add(checked, "fuzz", "fuzz_c", 'echo "fuzz_c: 7 inputs"')
    lines = check(checked, "unit", "torture", "fuzz", passed=5, failed=0)
    assert any(line.startswith("ok      test_a (2) ") and line.endswith(" s") for line in lines)
    assert any(line.startswith("ok      fuzz_c (7 inputs) ") for line in lines)


@pytest.mark.parametrize("text,passed,failed,words", [
    ("echo 1..2; echo ok 1 - one; echo not ok 2 - two; exit 1", 1, 1, "exit status 1"),
    ("echo 1..2; echo not ok 1 - one; echo not ok 2 - two", 0, 2, "tests failed"),
    (f"{GOOD}; exit 3", 2, 1, "exit status 3"),
    (f"{GOOD}; kill -SEGV $$", 2, 1, "died of SIGSEGV"),
    ("echo 1..2; echo ok 1 - one", 1, 1, "2 tests announced, 1 reported"),
    ("exit 0", 0, 1, "no test"),
    (None, 0, 1, "cannot be started"),
], ids=["failed", "failed-quietly", "status", "signal", "stopped-early", "silent", "missing"])
def test_bad_program(checked, text, passed, failed, words):
    add(checked, "unit", "test_bad", text)
    add(checked, "unit", "test_good", GOOD)
    check(checked, "unit", passed=passed + 2, failed=failed,
          said=(f"FAILED  test_bad: {words}", "ok      test_good"))


def test_time_runs_out(checked):
    """Its children end with it."""
    add(checked, "torture", "test_slow", f'{GOOD}; sleep 1000 & echo $! >pid; wait')
    check(checked, "torture", passed=2, failed=1, CHECK_SECONDS="1",
          said=("FAILED  test_slow: ran out of time: ended after 1 s",))
    pid = int((checked.path / "pid").read_text())
    until = time.monotonic() + 60
    while os.path.exists(f"/proc/{pid}") and "sleep" in command(pid):
        assert time.monotonic() < until
        time.sleep(0.01)


def command(pid):
    try:
        with open(f"/proc/{pid}/cmdline", encoding="utf-8") as f:
            return f.read()
    except OSError:
        return ""


@pytest.mark.parametrize("text", ["exit 1", "echo 'no corpus'", "kill -ABRT $$"])
def test_bad_fuzz_target(checked, text):
    add(checked, "fuzz", "fuzz_bad", text)
    check(checked, "fuzz", passed=0, failed=1, said=("FAILED  fuzz_bad: ",))


def test_build_fails(checked):
    checked.write("Makefile", "units:\n\t@false\n")
    check(checked, "unit", passed=0, failed=1, said=("FAILED  build: ",))


def test_interrupted(checked):
    add(checked, "unit", "test_slow", "echo $$ >pid.new; mv pid.new pid; sleep 1000")
    with checked.start("tests/check", "unit") as p:
        until = time.monotonic() + 60
        while not (checked.path / "pid").exists():
            assert time.monotonic() < until
            time.sleep(0.01)
        p.send_signal(signal.SIGTERM)
        text, _ = p.communicate(timeout=60)
    assert p.returncode == 1
    assert "FAILED  check: interrupted" in text
    assert text.endswith(" failed\n") and not text.endswith(" 0 failed\n")


def test_unknown_part(checked):
    status, lines = checked.run("tests/check", "units")
    assert status == 1
    assert lines == ["check: unknown part 'units': it is one of unit, torture, fuzz, tools, e2e"]


@pytest.mark.skipif(os.geteuid() != 0, reason="files of tests need root")
@pytest.mark.parametrize("text,passed,failed,words", [
    ("write 3 0 0 0", 3, 0, "ok      tests/e2e/test_1.py (3)"),
    ("write 3 0 0 1", 2, 0, "1 skipped"),
    ("write 3 1 1 0; exit 1", 1, 2, "FAILED  tests/e2e/test_1.py: exit status 1"),
    ("exit 4", 0, 1, "FAILED  tests/e2e/test_1.py: exit status 4"),
    ("exit 0", 0, 1, "FAILED  tests/e2e/test_1.py: no report"),
    ('echo rubbish >"$report"', 0, 1, "FAILED  tests/e2e/test_1.py: no report"),
    ("sleep 1000", 0, 1, "FAILED  tests/e2e/test_1.py: ran out of time: ended after 1 s"),
], ids=["good", "skipped", "failed", "status", "no-report", "rubbish", "slow"])
def test_file_of_tests(checked, text, passed, failed, words):
    checked.write("tests/e2e/test_1.py", "")
    checked.script("tests/lab/lab", "exit 0")
    checked.script("pytest", """
for a; do case $a in --junitxml=*) report=${a#*=} ;; esac; done
write() {
    echo "<testsuites><testsuite tests='$1' failures='$2' errors='$3' skipped='$4'/>" \\
         "</testsuites>" >"$report"
}
""" + text)
    check(checked, "e2e", passed=passed, failed=failed, said=(words,), CHECK_SECONDS="1",
          PYTEST=str(checked.path / "pytest"))


@pytest.mark.parametrize("says,last", [
    ("check) echo '5 passed, 0 failed';; lint) echo '2 passed, 0 failed';;", "7 passed, 0 failed"),
    ("check) echo '5 passed, 1 failed'; exit 2;; lint) echo '2 passed, 0 failed';;",
     "7 passed, 1 failed"),
    ("check) exit 2;; lint) echo '2 passed, 0 failed';;", "2 passed, 1 failed"),
    ("check) ;; lint) echo '2 passed, 0 failed';;", "2 passed, 1 failed"),
    ("check) echo '5 passed, 0 failed'; exit 2;; lint) exit 1;;", "5 passed, 2 failed"),
], ids=["good", "failed", "no-count", "silent", "status"])
def test_ci_run(tree, says, last):
    tree.copy(".ci/run")
    tree.script("bin/make", f"case $1 in {says} esac")
    status, lines = tree.run(".ci/run", PATH=f"{tree.path}/bin:{os.environ['PATH']}")
    assert lines[-1] == last
    assert status == (0 if last.endswith(" 0 failed") else 1)
