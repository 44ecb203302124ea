# SPDX-License-Identifier: MIT
"""The map is lost, or put back from a copy, on two real forests: what only it knew is still known."""

import glob
import json
import os
import shutil
import subprocess

import pytest
from conftest import BUILD, wait_for
from galsynclab.forests import LIMITS
from test_120_daemon import running
from test_310_wave import add_mailboxes, ctl, plan, show, write
from test_340_limits import BROKEN, break_many, is_held, status_of, targets

REMEMBERED = "memory.json"


@pytest.fixture(scope="module", name="daemon")
def fixture_daemon(lab):
    ou = lab.special["acme"]["mailbox"].split(",", 1)[1]
    lab.aliases = add_mailboxes(lab, ou, "lost", 6)
    lab.ou = ou
    conf = lab.write_conf(lab.conf_text(**{
        LIMITS: "limits = { deletes = 1; delete_percent = 100; redirections = 2; matches = 1000; "
                "redirection_percent = 100; };"}))
    lab.full(status=3, conf=conf)
    with running(lab, conf) as d:
        yield d


def state(lab, name):
    return lab.path("state", name)


def lose_map(lab):
    for path in glob.glob(state(lab, "map.mdb*")):
        os.unlink(path)


def said_since(daemon, before):
    return daemon.log()[len(before):]


def test_a_first_start_says_nothing(daemon, lab):
    assert "the map is new" not in daemon.log()
    assert "was lost" not in daemon.log()
    assert os.stat(state(lab, REMEMBERED)).st_mode & 0o777 == 0o600


def test_waves_and_verdicts_outlive_the_map(daemon, lab):
    number = plan(daemon, "\n".join(lab.aliases[4:]), "--name", "Later")
    broken = lab.aliases[:4]
    break_many(daemon, lab, broken)
    wait_for(lambda: is_held(daemon), "the link is not held", 60)
    assert ctl(daemon, "reject", *broken).returncode == 0
    wait_for(lambda: status_of(daemon)["redirections"]["rejected"] == 4, "nothing is rejected", 60)
    before = show(daemon, number)
    with open(state(lab, REMEMBERED), encoding="utf-8") as f:
        kept = json.load(f)
    assert [w["name"] for w in kept["links"][0]["waves"]] == ["Later"]
    assert {(v["limit"], v["verdict"]) for v in kept["links"][0]["verdicts"]} == \
        {("redirections", "rejected")}
    assert len(kept["links"][0]["verdicts"]) == len(broken)
    assert daemon.end() == 0
    lose_map(lab)
    log = daemon.log()
    daemon.start()
    said = said_since(daemon, log)
    assert "the map is new; from" in said and "come 1 waves, 4 verdicts of operators, 0 events" in said
    assert "was lost and is made anew" not in said
    assert show(daemon, number) == before
    # What was rejected stays so, in the full synchronization and in a delta that hears of it.
    for alias in broken:
        lab.source.modify(f"CN=Wave {alias},{lab.ou}", title="Heard of")
    lab.source.modify(f"CN=Wave {lab.aliases[5]},{lab.ou}", title="Flows")
    wait_for(lambda: lab.target.find("(mailNickname=%s)", lab.aliases[5])[1].get("title") == [b"Flows"],
             "nothing flows", 60)
    daemon.wait_idle()
    assert set(targets(lab, broken).values()) == {BROKEN.encode()}
    # The next wave is another one.
    other = ctl(daemon, "--json", "wave", write(lab, lab.aliases[3]), "--at", "+1h")
    assert json.loads(other.stdout)["wave"] == number + 1, other.stderr
    assert ctl(daemon, "wave", "cancel", str(number + 1)).returncode == 0


def test_a_file_that_is_cut(daemon, lab):
    """It is said, and nothing of it is taken; all else goes on."""
    assert daemon.end() == 0
    lose_map(lab)
    os.truncate(state(lab, REMEMBERED), 200)
    log = daemon.log()
    daemon.start()
    said = said_since(daemon, log)
    assert f"{REMEMBERED}' cannot be taken up: line " in said
    assert "the map was lost, or the link had another name" in said
    assert "the map is made anew from the directories" in said
    aside = glob.glob(state(lab, f"{REMEMBERED}.bad-*"))
    assert len(aside) == 1 and os.stat(aside[0]).st_size == 200
    assert "Later" not in ctl(daemon, "wave", "list").stdout


def test_copies_while_the_daemon_writes(daemon, lab, tmp_path):
    def keys(*args):
        p = lab.galsyncctl(*args, "--json", "map", "export")
        assert p.returncode == 0, p.stderr
        return sorted(r["source"]["guid"] for r in json.loads(p.stdout))
    known, n = keys(), 0
    assert len(known) > 6
    for i in range(10):
        place = tmp_path / str(i)
        place.mkdir()
        with subprocess.Popen(
                [os.path.join(BUILD, "galsyncctl"), "--json", "-c", daemon.conf, "map", "backup",
                 f"{place}/map.mdb"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as p:
            # Each change is one that the daemon brings to the target, and writes down.
            while p.poll() is None:
                n += 1
                lab.source.modify(f"CN=Wave {lab.aliases[5]},{lab.ou}", title=f"Title {n}")
            assert p.returncode == 0
            said = json.load(p.stdout)
        assert said == {"file": f"{place}/map.mdb", "octets": os.stat(f"{place}/map.mdb").st_size}
        assert os.stat(f"{place}/map.mdb").st_mode & 0o777 == 0o600
        assert keys("--state-directory", str(place)) == known
    wait_for(lambda: lab.target.find("(mailNickname=%s)", lab.aliases[5])[1].get("title")
             == [f"Title {n}".encode()], "the last change is not there", 60)


@pytest.mark.parametrize("args,status,words", [
    (("map", "backup"), 2, "map backup takes [--force] FILE"),
    (("map", "backup", "--frob", "x"), 2, "'--frob' is not understood"),
    (("map", "backup", "{there}"), 1, "it is there already; --force replaces it"),
    (("map", "backup", "--force", "{map}"), 1, "it is a file of the map itself"),
    (("map", "backup", "{none}/copy"), 1, "No such file or directory"),
], ids=lambda v: " ".join(v)[:32] if isinstance(v, tuple) else "")
def test_copies_that_are_refused(daemon, lab, tmp_path, args, status, words):
    there = tmp_path / "there"
    there.write_text("mine", encoding="utf-8")
    p = ctl(daemon, *(a.format(there=there, map=state(lab, "map.mdb"), none=tmp_path / "none")
                      for a in args))
    assert (p.returncode, p.stdout) == (status, "") and words in p.stderr
    assert os.listdir(tmp_path) == ["there"] and there.read_text(encoding="utf-8") == "mine"


def test_a_copy_is_put_back(daemon, lab, tmp_path):
    """The one that was made is older: what was planned and changed since counts."""
    copy = str(tmp_path / "copy")
    gone = plan(daemon, lab.aliases[4], "--name", "Gone")
    p = ctl(daemon, "map", "backup", copy)
    assert p.returncode == 0 and p.stdout.startswith(f"the map is copied to {copy}: "), p.stderr
    assert ctl(daemon, "wave", "cancel", str(gone)).returncode == 0
    kept = plan(daemon, lab.aliases[4], "--name", "Kept")
    lab.source.modify(f"CN=Wave {lab.aliases[4]},{lab.ou}", title="Since then")
    wait_for(lambda: lab.target.find("(mailNickname=%s)", lab.aliases[4])[1].get("title")
             == [b"Since then"], "the change is not there", 60)
    daemon.wait_idle()
    assert daemon.end() == 0
    lose_map(lab)
    shutil.copy(copy, state(lab, "map.mdb"))
    usn, log = lab.target.usn(), daemon.log()
    daemon.start()
    said = said_since(daemon, log)
    assert "the map was put back from a copy; from" in said and "come 1 waves" in said
    assert "no synchronization was completed yet: everything is read" in said
    assert show(daemon, kept)["state"] == "planned"
    assert show(daemon, gone)["state"] == "cancelled"
    # The directories are as they were.
    assert lab.target.usn() == usn
    assert lab.galsyncctl("map", "lookup", lab.aliases[4]).returncode == 0
