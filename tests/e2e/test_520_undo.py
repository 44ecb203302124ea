# SPDX-License-Identifier: MIT
"""Undo on two real forests: a cycle is taken back, attribute by attribute, but for what was changed
since; done again, and taken back again; and no later cycle writes it before an operator approves.

GALSYNC_UNDO_CHANGES is how many objects the cycle is about."""

import json
import os
import re

import pytest
from conftest import wait_for
from outage_helpers import RECIPIENTS, VOLATILE
from test_120_daemon import running
from test_310_wave import add_mailboxes, ctl

N = int(os.environ.get("GALSYNC_UNDO_CHANGES", "60"))
THIRD = max(N // 3, 3)
# What the server keeps of an object, beyond what differs between two runs anyway.
BOOKKEEPING = VOLATILE | {"name", "objectCategory", "instanceType", "primaryGroupID"}


def export(lab):
    """Both forests: {(forest, DN): {attribute: values}}, without bookkeeping."""
    return {(forest, dn.lower()): {k: sorted(v) for k, v in attrs.items() if k not in BOOKKEEPING}
            for forest, side in (("acme", lab.source), ("globex", lab.target))
            for dn, attrs in side.search(RECIPIENTS, ["*"])}


def differences(one, two):
    """{(forest, DN): the attributes that differ}, None: one of them has it alone."""
    return {key: None if key not in one or key not in two
            else {a for a in {*one[key], *two[key]} if one[key].get(a) != two[key].get(a)}
            for key in {*one, *two} if one.get(key) != two.get(key)}


def usns(lab):
    return lab.source.usn(), lab.target.usn()


def history(daemon, *argv, status=0):
    p = ctl(daemon, "--json", "history", *argv)
    assert p.returncode == status, p.stderr
    return json.loads(p.stdout) if not status else []


def undo(daemon, *argv, status=0):
    p = ctl(daemon, "--json", "undo", *argv)
    answer = json.loads(p.stdout) if p.stdout else {}
    wrong = [r for r in answer.get("results", []) if not r["ok"]]
    assert p.returncode == status, (p.stderr, wrong[:10])
    return answer


def paused(daemon):
    assert daemon.ask(verb="pause")["ok"]
    wait_for(lambda: daemon.link()["state"] == "paused", "not paused", 60)


def last_cycle(daemon):
    return history(daemon, "--since", "-1h")[-1]["cycle"]


@pytest.fixture(scope="module", name="daemon")
def fixture_daemon(lab):
    """What is there is synchronized; then one delta does N objects more."""
    lab.ou = lab.special["acme"]["mailbox"].split(",", 1)[1]
    aliases = add_mailboxes(lab, lab.ou, "old", THIRD)
    lab.full(status=3)
    with running(lab) as d:
        paused(d)
        for alias in aliases:
            lab.source.modify(f"CN=Wave {alias},{lab.ou}", title="Taken back", company="Undo Ltd")
        new = add_mailboxes(lab, lab.ou, "new", THIRD)
        for i in range(THIRD):
            lab.source.add(f"CN=Undo Contact {i},{lab.ou}", objectClass="contact",
                           displayName=f"Undo Contact {i}", mailNickname=f"undocontact{i}",
                           mail=f"undocontact{i}@example.org", targetAddress=f"SMTP:undocontact{i}@example.org",
                           proxyAddresses=f"SMTP:undocontact{i}@example.org",
                           legacyExchangeDN=f"/o=Acme/cn=Recipients/cn=undocontact{i}")
        lab.source.add(f"CN=Undo Group,{lab.ou}", objectClass="group", sAMAccountName="undogroup",
                       groupType="8", displayName="Undo Group", mailNickname="undogroup",
                       mail="undogroup@acme.example", proxyAddresses="SMTP:undogroup@acme.example",
                       legacyExchangeDN="/o=Acme/cn=Recipients/cn=undogroup",
                       member=[f"CN=Wave {a},{lab.ou}" for a in (*aliases, *new)])
        lab.aliases, lab.new = aliases, new
        lab.before = export(lab)
        begun = last_cycle(d)
        assert d.ask(verb="resume")["ok"]
        wait_for(lambda: len(target_of(lab, "undogroup").get("member", [])) == 2 * THIRD,
                 "the group is not there", 60 + N)
        d.wait_idle()
        paused(d)
        lab.after = export(lab)
        lab.cycle = last_cycle(d)
        cycles = {c["cycle"] for c in history(d, "--since", "-1h")}
        assert {c for c in cycles if c > begun} == {lab.cycle}
        yield d


def target_of(lab, alias):
    rows = lab.target.search(f"(mailNickname={alias})")
    return rows[0][1] if rows else {}


def resync(daemon):
    """A full synchronization; what is kept off makes it end with 3."""
    p = ctl(daemon, "resync")
    assert p.returncode in (0, 3), p.stderr
    return p.returncode


def test_history_shows_the_cycle(daemon, lab):
    changes = history(daemon, "--cycle", str(lab.cycle))
    assert len(changes) >= 3 * THIRD
    assert all(c["outcome"] == "done" and c["asked_by"] is None and c["server"] for c in changes)
    one = [c for c in history(daemon, lab.aliases[0]) if c["cycle"] == lab.cycle][-1]
    values = {a["name"]: (a["old"], a["new"]) for a in one["attributes"]}
    assert values["title"][1] == ["Taken back"]
    assert one["forest"] == "globex.example" and one["side"] == "target"
    text = ctl(daemon, "history", lab.aliases[0]).stdout
    assert re.search(r"^    title: .* -> Taken back$", text, re.M)
    created = [c for c in history(daemon, lab.new[0]) if c["operation"] == "add"][0]
    guid = [a["new"][0] for a in created["attributes"] if a["name"] == "msExchMailboxGuid"]
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", guid[0])


def test_plan_writes_nothing(daemon, lab):
    before = usns(lab), len(history(daemon, "--since", "-1h"))
    answer = undo(daemon, "--cycle", str(lab.cycle), "--plan")
    assert answer["summary"] == {"done": len(history(daemon, "--cycle", str(lab.cycle))),
                                 "left": 0, "failed": 0}
    assert (usns(lab), len(history(daemon, "--since", "-1h"))) == before


def test_back_forth_and_back(daemon, lab):
    """Each time both forests are wholly as before."""
    number = str(lab.cycle)
    for then in (lab.before, lab.after, lab.before):
        answer = undo(daemon, "--cycle", number)
        assert answer["summary"]["left"] == answer["summary"]["failed"] == 0
        assert not differences(export(lab), then)
        undone = history(daemon, "--cycle", str(last_cycle(daemon)))
        assert {c["rule"] for c in undone} == {"undo"}
        assert all(c["asked_by"] == f"user {os.getuid()}" for c in undone)
        assert {c["undoes"] for c in undone} == \
            {c["number"] for c in history(daemon, "--cycle", number) if c["outcome"] == "done"}
        number = str(undone[0]["cycle"])
    lab.undone = number


def test_it_is_kept_off(daemon, lab):
    """Neither a delta nor a full synchronization writes any of it."""
    held = json.loads(ctl(daemon, "--json", "list", "--held").stdout)
    assert {h["held"]["limit"] for h in held} == {"undone"}
    assert len(held) >= 3 * THIRD + 1
    usn = usns(lab)
    assert daemon.ask(verb="resume")["ok"]
    daemon.wait_idle()
    assert resync(daemon) == 3
    assert usns(lab) == usn
    conflicts = json.loads(ctl(daemon, "--json", "conflicts").stdout)
    assert sum(c["reason"] == "undone" for c in conflicts) == 2 * THIRD + 1
    lab.source.modify(f"CN=Wave {lab.aliases[0]},{lab.ou}", department="Not Yet")
    usn = lab.target.usn()
    assert resync(daemon) == 3
    assert lab.target.usn() == usn
    lab.source.modify(f"CN=Wave {lab.aliases[0]},{lab.ou}", department=None)
    paused(daemon)


def test_what_was_changed_since(daemon, lab):
    """It is done again, and others go on from there: what they did is named, and stays."""
    undo(daemon, "--cycle", lab.undone)
    changed, used = f"Wave {lab.new[0]}", "Undo Contact 0"
    title, _ = lab.target.find("(cn=%s)", changed)
    contact, _ = lab.target.find("(cn=%s)", used)
    old, _ = lab.target.find("(cn=%s)", f"Wave {lab.aliases[1]}")
    lab.target.modify(title, title="Theirs")
    lab.target.modify(old, title="Theirs too")
    lab.target.add(f"CN=Their Group,CN=Users,{lab.target.base}", objectClass="group",
                   sAMAccountName="theirgroup", member=contact)
    answer = undo(daemon, "--cycle", str(lab.cycle), status=3)
    left = {(b["dn"], b["attribute"]): b["text"] for r in answer["results"] if "blockers" in r
            for b in r["blockers"]}
    assert left[(title, "title")] == "it was not written by this change"
    assert left[(old, "title")] == "it was changed since"
    assert left[(contact, "memberOf")] == "others name it"
    # The address that the counterpart which is left redirects to.
    assert {dn for dn, _ in left} == {title, contact, old, f"CN={changed},{lab.ou}"}
    text = ctl(daemon, "undo", "--plan", "--cycle", str(lab.cycle)).stdout
    assert "left: title 'Theirs too': it was changed since" in text
    different = differences(export(lab), lab.before)
    assert {dn for _, dn in different} == {
        dn.lower() for dn in (title, contact, old, f"CN={changed},{lab.ou}",
                              f"CN=Their Group,CN=Users,{lab.target.base}")}
    assert different[("globex", old.lower())] == {"title"}
    assert different[("acme", f"cn={changed},{lab.ou}".lower())] == {"proxyAddresses"}
    usn = usns(lab)
    assert resync(daemon) == 3
    assert usns(lab) == usn


def test_approved(daemon, lab):
    """From then on all is as if nothing had been taken back."""
    assert ctl(daemon, "approve", "--kind", "undone").returncode == 0
    assert resync(daemon) in (0, 3)
    assert not json.loads(ctl(daemon, "--json", "list", "--held").stdout)
    different = differences(export(lab), lab.after)
    # What others did to it stays.
    theirs = {"Their Group,CN=Users": None, f"Wave {lab.new[0]},OU=Acme": {"title"},
              "Undo Contact 0,OU=Acme": {"memberOf"}}
    assert different == {("globex", f"cn={name},{lab.target.base}".lower()): attrs
                         for name, attrs in theirs.items()}
    usn = usns(lab)
    resync(daemon)
    assert usns(lab) == usn


def test_a_switch_has_its_own_way_back(daemon, lab):
    assert daemon.ask(verb="switch", force=True, objects=[lab.aliases[2]])["ok"]
    cycle = last_cycle(daemon)
    answer = undo(daemon, "--cycle", str(cycle), status=3)
    assert all("undo-switch" in b["text"] for r in answer["results"] for b in r["blockers"])
    answer = undo(daemon, lab.aliases[2], status=3)
    assert any("undo-switch comes first" in b["text"]
               for r in answer["results"] if "blockers" in r for b in r["blockers"])
    assert daemon.ask(verb="undo-switch", objects=[lab.aliases[2]])["ok"]


def created_and_taken_back(daemon, lab, alias):
    """The undo's cycle, and what its counterpart was."""
    lab.source.add(f"CN={alias},{lab.ou}", objectClass="contact", displayName=alias, title="Boss",
                   mailNickname=alias, mail=f"{alias}@example.org",
                   targetAddress=f"SMTP:{alias}@example.org",
                   proxyAddresses=f"SMTP:{alias}@example.org",
                   legacyExchangeDN=f"/o=Acme/cn=Recipients/cn={alias}")
    resync(daemon)
    before = target_of(lab, alias)
    undo(daemon, "--cycle", str(last_cycle(daemon)))
    assert not target_of(lab, alias)
    return str(last_cycle(daemon)), before


def words(answer):
    return "\n".join(r["text"] for r in answer["results"])


def test_the_object_itself_comes_back(daemon, lab):
    """Where the account may write to what is deleted; else a new one, and that is said."""
    assert daemon.ask(verb="resume")["ok"]
    daemon.wait_idle()
    cycle, before = created_and_taken_back(daemon, lab, "newone")
    text = words(undo(daemon, "--cycle", cycle))
    assert "the server does not bring the old one back" in text
    assert "Insufficient access (50)" in text
    after = target_of(lab, "newone")
    assert after["title"] == before["title"] and after["objectGUID"] != before["objectGUID"]
    account, _ = lab.target.find("(sAMAccountName=%s)", lab.target.forest.principal.split("@")[0])
    lab.target.modify(f"CN=Domain Admins,CN=Users,{lab.target.base}", member=[
        *[v.decode() for v in lab.target.read(f"CN=Domain Admins,CN=Users,{lab.target.base}")
          ["member"]], account])
    assert daemon.end() == 0
    daemon.start()
    cycle, before = created_and_taken_back(daemon, lab, "sameone")
    assert "bring back the object itself" in words(undo(daemon, "--cycle", cycle))
    after = target_of(lab, "sameone")
    assert all(after[a] == before[a] for a in before if a not in BOOKKEEPING), (before, after)
    assert after["objectGUID"] == before["objectGUID"]
    undo(daemon, "--cycle", str(last_cycle(daemon)))
    assert not target_of(lab, "sameone")


def test_who_may(daemon):
    for argv in ((), ("--cycle", "0"), ("a", "b"), ("1", "--cycle", "2")):
        assert ctl(daemon, "undo", *argv).returncode == 2
    p = ctl(daemon, "undo", "--cycle", "999999")
    assert p.returncode == 1 and "no change of that" in p.stderr
