# SPDX-License-Identifier: MIT
"""Domain controllers that stop answering or die while galsync reads and writes. Whatever happens,
it ends in time and says why, and the next run ends where an undisturbed one would have."""

import json
import os
import shutil
import signal
import subprocess
import uuid

import ldap
import pytest

from badinput_helpers import (COMPLETE, FAILED, Running, check_output, check_words, conf,
                              first_logon)
from conftest import wait_for
from galsynclab.forests import running
from galsynclab.lab import ACME, GLOBEX, SAMBA_ROOT, STAFF_OU, TARGET_OU

CROWD = 150
SHORT = {"extra": "connect_timeout_ms = 2000; timeout_ms = 4000; window = 4;"}
SLOW_READ = {"extra": "connect_timeout_ms = 2000; timeout_ms = 4000; page_size = 1;"}
FORESTS = pytest.mark.parametrize("forest", [GLOBEX, ACME], ids=lambda f: f.name)
# What differs between two runs that did the same.
VOLATILE = {"objectGUID", "objectSid", "uSNChanged", "uSNCreated", "whenChanged", "whenCreated",
            "lastLogon", "lastLogonTimestamp", "logonCount", "badPwdCount", "badPasswordTime",
            "pwdLastSet", "dSCorePropagationData"}
RECIPIENTS = ("(|(objectClass=user)(objectClass=group)(objectClass=contact)"
              "(objectClass=organizationalUnit))")


def add_crowd(side):
    """Mailboxes enough for an apply that takes a while, each with a reference to another."""
    before = None
    for n in range(CROWD):
        alias = f"crowd{n:03}"
        dn = f"CN=Crowd {n:03},{STAFF_OU}"
        link = {"manager": before} if before else {}
        side.add(dn, objectClass="user", sAMAccountName=alias, userAccountControl="544",
                 displayName=f"Crowd {n:03}", mailNickname=alias, mail=f"{alias}@acme.example",
                 proxyAddresses=[f"SMTP:{alias}@acme.example", f"smtp:{alias}@old.acme.example"],
                 legacyExchangeDN=f"{ACME.admin_group}/cn=Recipients/cn={alias}",
                 homeMDB=ACME.databases[0], msExchHomeServerName=ACME.home_server,
                 msExchMailboxGuid=uuid.UUID(int=n + 1).bytes_le, msExchVersion="44220983382016",
                 msExchRecipientTypeDetails="1", msExchRecipientDisplayType="1073741824", **link)
        before = dn


@pytest.fixture(scope="module", name="crowd")
def fixture_crowd(lab):
    """The lab with more people in it; its snapshot has them until the module's end."""
    populated = lab.path("snapshot")
    if os.path.isdir(populated + ".populated"):     # an earlier run was killed
        shutil.rmtree(populated, ignore_errors=True)
        os.rename(populated + ".populated", populated)
        lab.reset()
    first_logon(lab)
    add_crowd(lab.source)
    os.rename(populated, populated + ".populated")
    try:
        lab.command("snapshot")
        lab.source.conn = lab.target.conn = None
        yield lab
    finally:
        shutil.rmtree(populated, ignore_errors=True)
        os.rename(populated + ".populated", populated)
        lab.reset()


def directory(side):
    return {dn: {name: sorted(values) for name, values in attrs.items() if name not in VOLATILE}
            for dn, attrs in side.search(RECIPIENTS)}


def records(lab, file):
    """Without times, and without how a counterpart was found: one that was written, but not yet
    recorded, is found again by its stamp, or by the X500 address it got."""
    p = lab.galsyncctl("--json", "map", "export", conf=file)
    assert p.returncode == 0, p.stderr
    known = {}
    for r in json.loads(p.stdout):
        for key in ("created_at", "synced_at", "rule", "evidence"):
            r.pop(key)
        for key in ("guid", "sid"):
            r["target"].pop(key)
        known[r["source"]["guid"]] = r
    return known


def picture(lab, file):
    """Both forests and the map, without what no two runs have in common."""
    return directory(lab.source), directory(lab.target), records(lab, file)


def check_equal(got, wanted):
    for name, mine, theirs in zip(("acme", "globex", "map"), got, wanted):
        assert mine.keys() == theirs.keys(), name
        for key, value in mine.items():
            assert value == theirs[key], f"{name}: {key}"


@pytest.fixture(scope="module", name="undisturbed")
def fixture_undisturbed(crowd, tmp_path_factory):
    file = conf(crowd, tmp_path_factory.mktemp("undisturbed"))
    p = crowd.galsyncd("--once", "--full", conf=file)
    assert p.returncode == COMPLETE, p.stderr
    return picture(crowd, file)


@pytest.fixture(name="fresh")
def fixture_fresh(crowd, undisturbed):
    """Both forests as before any run, and running DCs whatever the test before did."""
    assert undisturbed
    crowd.reset()
    yield crowd
    # What a test that failed may leave: a galsyncd at work, a DC that is frozen or dead.
    if Running.last.proc.poll() is None:
        Running.last.proc.kill()
        Running.last.proc.wait()
    for forest in (ACME, GLOBEX):
        if running(forest):
            Signal(forest, "CONT").send()
        else:
            crowd.command("dc", "start", forest.name)


def complete(lab, file, wanted):
    """The next run ends where the undisturbed one ended, and the one after it writes nothing."""
    p = lab.galsyncd("--once", "--full", conf=file)
    check_output(lab, p)
    assert p.returncode == COMPLETE, p.stderr
    check_equal(picture(lab, file), wanted)
    before = lab.source.usn(), lab.target.usn()
    p = lab.galsyncd("--once", "--full", conf=file)
    assert p.returncode == COMPLETE, p.stderr
    assert (lab.source.usn(), lab.target.usn()) == before


def pid_file(forest):
    return f"{SAMBA_ROOT}/{forest.name}.pid"


class Signal:
    """Sends a signal to a DC at once. The sender waits inside the lab, where the DC's pid is valid,
    because to start a process takes longer than what is to be interrupted."""

    def __init__(self, forest, name):
        # pylint: disable=consider-using-with
        self.proc = subprocess.Popen(
            ["sh", "-c", f'pid=$(cat "{pid_file(forest)}") && read _ && '
             f'kill -{name} "$pid"'], stdin=subprocess.PIPE)

    def send(self):
        self.proc.communicate(b"\n")
        assert self.proc.returncode == 0


class Interrupted:
    """galsyncd, with a DC that gets a signal when the apply is well under way."""

    def __init__(self, lab, file, forest, name):
        self.lab, self.forest = lab, forest
        interrupt = Signal(forest, name)
        self.run = Running(lab, file)
        wait_for(self._under_way, "an object of the crowd in the target")
        interrupt.send()

    def _under_way(self):
        try:
            made = self.lab.target.search("(sAMAccountName=crowd*)", ["cn"], TARGET_OU)
        except ldap.NO_SUCH_OBJECT:
            return False
        assert len(made) < CROWD, "too late: everything is written"
        return len(made) >= 5

    def dc(self, action):
        self.lab.command("dc", action, self.forest.name)


def test_freeze_while_reading(fresh, tmp_path, undisturbed):
    file = conf(fresh, tmp_path, globex=SLOW_READ)
    freeze = Signal(GLOBEX, "STOP")
    before = fresh.source.usn(), fresh.target.usn()
    run = Running(fresh, file, terminal=True)
    run.wait_line("read")
    freeze.send()
    p = run.end()
    fresh.command("dc", "thaw", "globex")
    assert p.returncode == FAILED, p.stderr
    check_output(fresh, p)
    check_words(p.stderr, ["link acme-globex", "no answer for 4000 ms", "read of forest 'globex'"])
    assert (fresh.source.usn(), fresh.target.usn()) == before
    complete(fresh, file, undisturbed)


@FORESTS
def test_freeze_while_writing(fresh, tmp_path, undisturbed, forest):
    """It does not come back: the run gives up in time."""
    file = conf(fresh, tmp_path, acme=SHORT, globex=SHORT)
    interrupted = Interrupted(fresh, file, forest, "STOP")
    p = interrupted.run.end(timeout_s=40)
    interrupted.dc("thaw")
    assert p.returncode == FAILED, p.stderr
    check_output(fresh, p)
    check_words(p.stderr, ["link acme-globex", "no answer", f"forest '{forest.name}'",
                           "tried again in 250 ms", "tried again in 4000 ms"])
    assert "failed:" not in p.stderr, "a fault of the DC is no fault of an object"
    complete(fresh, file, undisturbed)


@FORESTS
def test_freeze_and_thaw_while_writing(fresh, tmp_path, undisturbed, forest):
    """It comes back in time: the same run goes on, and nothing is told as failed."""
    file = conf(fresh, tmp_path, acme=SHORT, globex=SHORT)
    interrupted = Interrupted(fresh, file, forest, "STOP")
    # Noticed after one time-out, not after one for each change that was ready to be sent.
    interrupted.run.wait_line("tried again in", timeout_s=10)
    interrupted.dc("thaw")
    p = interrupted.run.end()
    assert p.returncode == COMPLETE, p.stderr
    check_output(fresh, p)
    assert "failed" not in p.stdout
    complete(fresh, file, undisturbed)


@FORESTS
def test_kill_while_writing(fresh, tmp_path, undisturbed, forest):
    """The DC is started again after the run has noticed."""
    file = conf(fresh, tmp_path, acme=SHORT, globex=SHORT)
    interrupted = Interrupted(fresh, file, forest, "KILL")
    interrupted.run.wait_line("tried again in")
    interrupted.dc("start")
    p = interrupted.run.end()
    # A slow start outlasts the attempts.
    assert p.returncode in (COMPLETE, FAILED), p.stderr
    check_output(fresh, p)
    assert "failed:" not in p.stderr
    complete(fresh, file, undisturbed)


def test_kill_for_good_while_writing(fresh, tmp_path, undisturbed):
    file = conf(fresh, tmp_path, globex=SHORT)
    interrupted = Interrupted(fresh, file, GLOBEX, "KILL")
    p = interrupted.run.end(timeout_s=40)
    interrupted.dc("start")
    assert p.returncode == FAILED, p.stderr
    check_output(fresh, p)
    check_words(p.stderr, ["link acme-globex", "Connection refused", "forest 'globex'",
                           "tried again in 250 ms"])
    complete(fresh, file, undisturbed)


@pytest.mark.parametrize("name", ["KILL", "TERM"])
def test_galsyncd_is_ended_while_writing(fresh, tmp_path, undisturbed, name):
    """Not the DC's fault this time; after TERM it says that it was cancelled."""
    file = conf(fresh, tmp_path, globex=SHORT)
    interrupted = Interrupted(fresh, file, GLOBEX, "CONT")
    interrupted.run.proc.send_signal(getattr(signal, f"SIG{name}"))
    p = interrupted.run.end(timeout_s=20)
    if name == "TERM":
        assert p.returncode == FAILED, p.stderr
        check_output(fresh, p)
        check_words(p.stderr, ["link acme-globex", "cancelled"])
    complete(fresh, file, undisturbed)
