# SPDX-License-Identifier: MIT
"""Limits on two real forests: what is broken in bulk is held until an operator decides."""

import json

import ldap
import pytest
from conftest import wait_for
from galsynclab.forests import LIMITS
from test_120_daemon import running
from test_310_wave import add_mailboxes, ctl, rows

BROKEN = "SMTP:nobody@redirect.acme.example"


@pytest.fixture(scope="module", name="daemon")
def fixture_daemon(lab):
    lab.ou = lab.special["acme"]["mailbox"].split(",", 1)[1]
    lab.aliases = add_mailboxes(lab, lab.ou, "limit", 6)
    conf = lab.write_conf(lab.conf_text(**{
        LIMITS: "limits = { deletes = 1; delete_percent = 100; redirections = 2; matches = 1000; "
                "redirection_percent = 100; member_removals = 1; member_removal_percent = 100; "
                "primary_changes = 1; primary_change_percent = 100; };"}))
    lab.full(status=3, conf=conf)
    with running(lab, conf) as d:
        yield d


def right(lab, alias):
    """The redirection of a mailbox that is in use in the source."""
    return f"SMTP:{alias}@redirect.acme.example".encode()


def set_target(lab, alias, value):
    dn, _ = lab.target.find("(mailNickname=%s)", alias)
    lab.target.modify(dn, targetAddress=value)


def targets(lab, aliases):
    return {a: (rows(lab, [a])[a][1] or [None])[0] for a in aliases}


def is_held(daemon):
    last = daemon.link()["last"] or {}
    return last.get("held") and daemon.link()["state"] == "idle"


def status_of(daemon):
    return json.loads(ctl(daemon, "--json", "status").stdout)[0]["held"]


def pause(daemon):
    """A cycle that runs already would see a part of what is done meanwhile."""
    assert daemon.ask(verb="pause")["ok"]
    wait_for(lambda: daemon.link()["state"] == "paused", "not paused", 60)


def break_many(daemon, lab, aliases):
    pause(daemon)
    for alias in aliases:
        set_target(lab, alias, BROKEN)
    assert daemon.ask(verb="resume")["ok"]


def test_one_is_put_right(daemon, lab):
    set_target(lab, lab.aliases[5], BROKEN)
    wait_for(lambda: targets(lab, lab.aliases[5:]) == {lab.aliases[5]: right(lab, lab.aliases[5])},
             "it is not put right", 60)
    assert "the redirection of the target object was changed by others: it is put right" in daemon.log()
    assert ctl(daemon, "list", "--held").stdout == ""
    assert status_of(daemon)["redirections"] == {"held": 0, "approved": 0, "rejected": 0}


def test_many_are_held(daemon, lab):
    broken = lab.aliases[:4]
    break_many(daemon, lab, broken)
    wait_for(lambda: is_held(daemon), "the link is not held", 60)
    assert "4 redirections would be changed at once and 1 were in the last 24 hours, the limit is 2 " \
        "(limits.redirections)" in ctl(daemon, "status").stdout
    assert set(targets(lab, broken).values()) == {BROKEN.encode()}
    # Everything else goes on.
    lab.source.modify(f"CN=Wave {lab.aliases[4]},{lab.ou}", title="Goes on")
    wait_for(lambda: lab.target.find("(mailNickname=%s)", lab.aliases[4])[1].get("title")
             == [b"Goes on"], "the link stands still", 60)
    wait_for(lambda: is_held(daemon), "the link is not held", 60)
    assert set(targets(lab, broken).values()) == {BROKEN.encode()}
    listed = ctl(daemon, "list", "--held").stdout.splitlines()
    assert len(listed) == 1 + len(broken)
    for alias in broken:
        assert any(line.split()[:2] == ["redirections", "held"] and line.endswith(f"CN=Wave {alias},{lab.ou}")
                   for line in listed)
    held = json.loads(ctl(daemon, "--json", "list", "--held").stdout)
    assert sorted(r["alias"] for r in held) == sorted(broken)
    assert {(r["held"]["limit"], r["held"]["verdict"]) for r in held} == {("redirections", "held")}
    p = ctl(daemon, "plan")
    assert p.stdout.count("# held (limits.redirections): ") == len(broken)
    assert p.returncode == 3


@pytest.mark.parametrize("args,status,words", [
    (("approve", "--kind", "member"), 2, ["no kind 'member'", "deletes redirections switches"]),
    (("approve", "--frob"), 2, ["approve [--link LINK]"]),
    (("reject", "--link", "nolink"), 1, ["no link 'nolink'"]),
    (("approve", "--kind", "deletes"), 1, ["nothing of link 'acme-globex' is held"]),
    (("reject", "nobody@acme.example"), 1, ["nothing was decided: 1 of 1", "is not in the map"]),
    (("approve", "{held}", "{free}", "{held}"), 1,
     ["nothing was decided: 1 of 3", "it is named twice"]),
    (("approve", "{held}", "{free}"), 1, ["nothing was decided: 1 of 2", "no limit holds it"]),
], ids=lambda v: " ".join(v)[:32] if isinstance(v, tuple) else "")
def test_mistakes_decide_nothing(daemon, lab, args, status, words):
    args = [a.format(held=lab.aliases[0], free=lab.aliases[5]) for a in args]
    p = ctl(daemon, *args)
    assert p.returncode == status, p.stdout + p.stderr
    for word in words:
        assert word in p.stdout + p.stderr
    assert status_of(daemon)["redirections"] == {"held": 4, "approved": 0, "rejected": 0}


@pytest.mark.parametrize("request_", [
    {"kind": 7}, {"kind": "all"}, {"objects": []}, {"objects": "x"}, {"objects": [7]}])
def test_bad_requests(daemon, request_):
    answer = daemon.ask(verb="approve", **request_)
    assert not answer["ok"] and answer["error"]
    assert status_of(daemon)["redirections"]["held"] == 4


def test_reject_one_and_approve_the_rest(daemon, lab):
    wanted, rest = lab.aliases[0], lab.aliases[1:4]
    p = ctl(daemon, "reject", wanted)
    assert (p.returncode, p.stdout) == (0, "1 redirections rejected\n")
    # Three are still too many.
    wait_for(lambda: status_of(daemon)["redirections"] == {"held": 3, "approved": 0, "rejected": 1},
             "it is not rejected", 60)
    wait_for(lambda: is_held(daemon), "the link is not held", 60)
    p = ctl(daemon, "approve", "--link", "acme-globex", "--kind", "redirections")
    assert (p.returncode, p.stdout) == (0, "3 redirections approved\n")
    wait_for(lambda: targets(lab, rest) == {a: right(lab, a) for a in rest},
             "those are not put right", 60)
    wait_for(lambda: not daemon.link()["last"]["held"], "the link is held", 60)
    assert targets(lab, [wanted]) == {wanted: BROKEN.encode()}
    assert "approved by user 0: 3 redirections" in daemon.log()
    assert "goes on, it was held: " in daemon.log()
    wait_for(lambda: status_of(daemon)["redirections"] == {"held": 0, "approved": 0, "rejected": 1},
             "what was done is not forgotten", 60)


def test_a_rejection_outlives_the_daemon(daemon, lab):
    wanted = lab.aliases[0]
    assert daemon.end() == 0
    daemon.start()
    assert daemon.ask(verb="resync")["status"] in (0, 3)
    assert targets(lab, [wanted]) == {wanted: BROKEN.encode()}
    p = ctl(daemon, "approve", wanted)
    assert p.returncode == 0, p.stderr
    wait_for(lambda: targets(lab, [wanted]) == {wanted: right(lab, wanted)}, "not put right", 60)


def test_a_loop_is_ended_at_once(daemon, lab):
    """The limit of the day is used up."""
    broken = lab.aliases[:3]
    break_many(daemon, lab, broken)
    wait_for(lambda: is_held(daemon), "the link is not held", 60)
    alias = lab.aliases[4]
    dn = f"CN=Wave {alias},{lab.ou}"
    lab.source.modify(dn, targetAddress=f"SMTP:{alias}@redirect.globex.example")
    wait_for(lambda: rows(lab, [alias])[alias] == (None, [right(lab, alias)]), "it loops", 60)
    assert set(targets(lab, broken).values()) == {BROKEN.encode()}
    # Asked for by name, a mailbox is put right whatever the limit is.
    assert ctl(daemon, "resync", "--object", broken[0]).returncode == 0
    assert targets(lab, broken[:1]) == {broken[0]: right(lab, broken[0])}
    assert ctl(daemon, "approve").returncode == 0
    wait_for(lambda: targets(lab, broken) == {a: right(lab, a) for a in broken}, "not put right", 60)


def test_leavers(daemon, lab):
    gone = lab.aliases[3:5]
    hidden = {a: lab.target.find("(mailNickname=%s)", a)[0] for a in gone}
    pause(daemon)
    for alias in gone:
        lab.source.delete(f"CN=Wave {alias},{lab.ou}")
    assert daemon.ask(verb="resume")["ok"]
    wait_for(lambda: is_held(daemon), "the link is not held", 60)
    assert "2 objects would leave at once, the limit is 1 (limits.deletes)" \
        in ctl(daemon, "status").stdout
    assert ctl(daemon, "reject", "--kind", "deletes", gone[0]).returncode == 0
    wait_for(lambda: lab.target.read(hidden[gone[1]]).get("msExchHideFromAddressLists")
             == [b"TRUE"], "who left is not hidden", 60)
    wait_for(lambda: not daemon.link()["last"]["held"], "the link is held", 60)
    assert "msExchHideFromAddressLists" not in lab.target.read(hidden[gone[0]])
    assert ctl(daemon, "verify").returncode in (0, 3)


def primary_of(lab, alias):
    values = lab.target.find("(mailNickname=%s)", alias)[1]["proxyAddresses"]
    [primary] = [v.decode() for v in values if v.startswith(b"SMTP:")]
    return primary


def rename_address(lab, alias):
    lab.source.change(
        f"CN=Wave {alias},{lab.ou}",
        (ldap.MOD_DELETE, "proxyAddresses", f"SMTP:{alias}@acme.example".encode()),
        (ldap.MOD_ADD, "proxyAddresses",
         [f"SMTP:new.{alias}@acme.example".encode(), f"smtp:{alias}@acme.example".encode()]),
        (ldap.MOD_REPLACE, "mail", f"new.{alias}@acme.example".encode()))


def test_members_and_primary_addresses(daemon, lab):
    """Members and addresses are held, told, and done or left as the operator says; all else of
    the same objects goes on."""
    wanted, other = lab.aliases[:2]
    team = f"CN=Limit Team,{lab.ou}"
    names = [f"CN=Wave {a},{lab.ou}" for a in lab.aliases[:3]]
    lab.source.add(team, objectClass="group", sAMAccountName="limit.team", groupType=8,
                   mailNickname="limit.team", mail="limit.team@acme.example", member=names,
                   proxyAddresses=["SMTP:limit.team@acme.example"], displayName="Limit Team",
                   legacyExchangeDN="/o=Acme/ou=First/cn=Recipients/cn=limit.team")

    def team_there():
        e = lab.target.find("(mailNickname=limit.team)")[1]
        return len(e.get("member", [])), e["displayName"]

    assert daemon.ask(verb="resync")["status"] in (0, 3)
    assert team_there() == (3, [b"Limit Team"])
    pause(daemon)
    lab.source.modify(team, member=names[:1], displayName="Fewer")
    rename_address(lab, wanted)
    rename_address(lab, other)
    assert daemon.ask(verb="resume")["ok"]
    wait_for(lambda: is_held(daemon), "the link is not held", 60)
    told = ctl(daemon, "status").stdout
    assert "2 members of groups would be removed at once, the limit is 1 (limits.member_removals)" in told
    assert "2 primary addresses would be changed at once, the limit is 1 (limits.primary_changes)" in told
    assert team_there() == (3, [b"Fewer"])
    assert primary_of(lab, wanted) == f"SMTP:{wanted}@acme.example"
    lab.source.modify(f"CN=Wave {wanted},{lab.ou}", title="Goes On")
    wait_for(lambda: lab.target.find("(mailNickname=%s)", wanted)[1].get("title") == [b"Goes On"],
             "the rest waits", 60)
    listed = sorted(line.split()[0] for line in ctl(daemon, "list", "--held").stdout.splitlines()[1:]
                    if line.split()[1] == "held")
    assert listed == ["member_removals", "primary_changes", "primary_changes"]
    p = ctl(daemon, "plan")
    assert "# held (limits.member_removals): " in p.stdout
    assert "# held (limits.primary_changes): " in p.stdout
    p = ctl(daemon, "explain", "limit.team")
    assert "a limit holds that members are removed from it" in p.stdout.splitlines()[0]
    p = ctl(daemon, "reject", "--kind", "primary_changes", wanted)
    assert (p.returncode, p.stdout) == (0, "1 primary_changes rejected\n")
    p = ctl(daemon, "approve", "--kind", "member_removals")
    assert (p.returncode, p.stdout) == (0, "1 member_removals approved\n")
    wait_for(lambda: team_there() == (1, [b"Fewer"]), "they are not removed", 60)
    wait_for(lambda: primary_of(lab, other) == f"SMTP:new.{other}@acme.example",
             "what is within the limit is not done", 60)
    wait_for(lambda: not daemon.link()["last"]["held"], "the link is held", 60)
    assert primary_of(lab, wanted) == f"SMTP:{wanted}@acme.example"
