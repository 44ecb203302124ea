# SPDX-License-Identifier: MIT
"""The proxy toggle on two real forests."""

import ldap
import pytest
from conftest import wait_for
from kill_helpers import Killer, Pairs
from test_120_daemon import Daemon

KEY = "comma"
# What is left of an account when its mailbox was disconnected and purged: nothing of Exchange, not
# even the stamp.
LOST = ("mailNickname", "mail", "proxyAddresses", "targetAddress", "legacyExchangeDN", "homeMDB",
        "homeMTA", "msExchHomeServerName", "msExchMailboxGuid", "msExchRecipientDisplayType",
        "msExchRecipientTypeDetails", "msExchVersion", "msExchCalendarRepairDisabled",
        "msExchMailboxSecurityDescriptor", "msExchUserAccountControl", "msExchPoliciesExcluded",
        "showInAddressBook", "mDBUseDefaults", "extensionAttribute15")
VOLATILE = ("uSNChanged", "whenChanged", "dSCorePropagationData", "replPropertyMetaData")


@pytest.fixture(scope="module", name="daemon")
def fixture_daemon(lab):
    lab.full(status=3)
    lab.alias = lab.source.read(lab.special["acme"][KEY])["mailNickname"][0].decode()
    d = Daemon(lab)
    d.start()
    yield d
    if d.process.poll() is None:
        assert d.end() == 0


def dummies(lab):
    return [dn for side in (lab.source, lab.target)
            for dn, _ in side.search("(proxyAddresses=smtp:*@delete.me)", ["cn"])]


def target_of(lab, key):
    dn = lab.special["acme"][key]
    guid = [r["target"]["guid"] for r in lab.records().values() if r["source"]["dn"] == dn][0]
    return f"<GUID={guid}>"


def purge(lab, target):
    """Takes everything away that Exchange put there; what it was."""
    before = lab.target.read(target)
    lost = [name for name in LOST if name in before]
    assert {"homeMDB", "mailNickname", "proxyAddresses", "legacyExchangeDN"} <= set(lost)
    lab.target.modify(target, **{name: None for name in lost})
    return before


def same(lab, target, before):
    after = lab.target.read(target)
    for name in {*before, *after} - set(VOLATILE):
        assert sorted(after.get(name, [])) == sorted(before.get(name, [])), name


@pytest.mark.parametrize("how", ["proxy-toggle", "resync", "command", "full"])
def test_a_purged_mailbox_comes_back(daemon, lab, how):
    target = target_of(lab, KEY)
    assert daemon.ask(verb="pause")["ok"]
    wait_for(lambda: daemon.link()["state"] == "paused", "not paused")
    before = purge(lab, target)
    if how == "proxy-toggle":
        answer = daemon.ask(verb="proxy-toggle", objects=[lab.alias])
        assert answer["ok"] and answer["results"][0]["ok"], answer
    elif how == "resync":
        assert daemon.ask(verb="resync", object=lab.alias)["ok"]
    elif how == "command":
        p = lab.galsyncctl("--socket", daemon.socket, "proxy-toggle", lab.alias)
        assert p.returncode == 0 and p.stdout.startswith("done "), p.stdout + p.stderr
    else:
        assert daemon.ask(verb="resync")["ok"]
    same(lab, target, before)
    assert not dummies(lab)
    assert daemon.ask(verb="resume")["ok"]
    daemon.wait_idle()


def ctl(daemon, *argv):
    return daemon.lab.galsyncctl("--socket", daemon.socket, "proxy-toggle", *argv)


def test_a_dry_run_writes_nothing(daemon, lab):
    """It says for each what would be done, or why it would not."""
    daemon.wait_idle()
    usn = lab.source.usn(), lab.target.usn()
    p = ctl(daemon, "--dry-run", lab.alias)
    assert p.returncode == 0, p.stdout + p.stderr
    assert f"would  {lab.special['acme'][KEY]}: smtp:{lab.alias}@delete.me would be added" in p.stdout
    assert "has a mailbox" in p.stdout
    assert (lab.source.usn(), lab.target.usn()) == usn
    dn = lab.special["acme"]["polish"]
    alias = lab.source.read(dn)["mailNickname"][0].decode()
    lab.source.change(dn, (ldap.MOD_ADD, "proxyAddresses",
                           [f"smtp:{lab.alias}@delete.me".encode()]))
    p = ctl(daemon, "--dry-run", lab.alias, alias)
    # The daemon may have removed it by now as a leftover.
    if p.returncode:
        assert p.returncode == 1 and p.stdout.count("FAILED") == 1
        assert f"is an address of {dn}" in p.stdout
    wait_for(lambda: not dummies(lab), "the leftover is still there")
    p = ctl(daemon, "--dry-run", "nobody", lab.alias)
    assert p.returncode == 1 and "not in the map" in p.stdout and "nothing was begun" in p.stderr
    assert "is true or false" in daemon.ask(
        verb="proxy-toggle", objects=[lab.alias], dry_run="yes")["error"]
    assert ctl(daemon, "--sweep", "--file", "x").returncode == 2
    assert ctl(daemon).returncode == 2


def test_sweep(daemon, lab):
    """Both sides, in the map or not; primary addresses and what is not ours are only told of."""
    daemon.wait_idle()
    assert daemon.ask(verb="pause")["ok"]
    wait_for(lambda: daemon.link()["state"] == "paused", "not paused")
    target = target_of(lab, KEY)
    staff = lab.special["acme"][KEY].partition(",OU=")[2]
    bob, far = f"CN=Bob Unmapped,OU={staff}", f"CN=Far Away,CN=Users,{lab.source.base}"
    lab.source.add(bob, objectClass="contact", proxyAddresses=[
        "SMTP:bob@delete.me", "smtp:bob.old@delete.me", "smtp:bob@else.example"])
    lab.source.add(far, objectClass="contact", proxyAddresses=["smtp:far@delete.me"])
    lab.source.change(lab.special["acme"]["polish"],
                      (ldap.MOD_ADD, "proxyAddresses", [b"smtp:left.over@Delete.me"]))
    lab.target.change(target, (ldap.MOD_ADD, "proxyAddresses", [b"smtp:left.over@delete.me"]))
    usn = lab.source.usn(), lab.target.usn()
    p = ctl(daemon, "--sweep", "--dry-run")
    assert p.returncode == 1 and p.stdout.count("would be removed") == 3, p.stdout
    assert (lab.source.usn(), lab.target.usn()) == usn
    p = ctl(daemon, "--sweep")
    assert p.returncode == 1 and p.stdout.count("is removed") == 3, p.stdout
    assert f"FAILED {bob}: SMTP:bob@delete.me is its primary address" in p.stdout
    assert f"FAILED {far}: smtp:far@delete.me is outside of what the link may write" in p.stdout
    assert sorted(lab.source.read(bob)["proxyAddresses"]) == [
        b"SMTP:bob@delete.me", b"smtp:bob@else.example"]
    lab.source.delete(bob)
    lab.source.delete(far)
    p = ctl(daemon, "--sweep", "acme-globex")
    assert p.returncode == 0 and p.stdout == "nothing was found\n", p.stdout + p.stderr
    assert not dummies(lab)
    assert daemon.ask(verb="resume")["ok"]


def test_a_switched_mailbox_is_refused(daemon, lab):
    daemon.wait_idle()
    assert daemon.ask(verb="switch", objects=[lab.alias], force=True)["ok"]
    p = lab.galsyncctl("--socket", daemon.socket, "proxy-toggle", lab.alias)
    assert p.returncode == 1 and "switched" in p.stdout
    assert daemon.ask(verb="undo-switch", objects=[lab.alias])["ok"]
    assert not dummies(lab)


def test_leftovers_are_removed(daemon, lab):
    dn = lab.special["acme"]["polish"]
    lab.source.change(dn, (ldap.MOD_ADD, "proxyAddresses", [b"smtp:left.over@delete.me"]))
    wait_for(lambda: not dummies(lab), "the leftover is still there")
    assert daemon.wait_idle()


def test_killed_in_the_middle(daemon, lab):
    """SIGKILL at any moment of a toggle: after the next start no dummy is anywhere."""
    daemon.wait_idle()
    killer = Killer(lab, daemon, Pairs.of_keys(lab))
    killer.run(6, ["toggle"])
    assert killer.count["open"], killer.count
    assert not dummies(lab)
