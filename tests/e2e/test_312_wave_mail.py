# SPDX-License-Identifier: MIT
"""Real mail in both organizations all the time, while a wave runs, while it is undone, and while
the daemon is killed in the middle of waves: to every address of all who move, old replies
included, and to the groups they are in, of both organizations."""

import signal

import pytest
from conftest import wait_for
from kill_helpers import Observer, Pairs, open_operations
from mail_helpers import (MOVING, Watch, finish, flow_targets, flowing, gather, mail_servers,
                          pass_some, read_group, read_person)
from test_120_daemon import counterpart, running
from test_310_wave import add_mailboxes, ctl, ended, plan

N = 20
NATIVE = "natives"
UNDO = {"target": (), "source": ("--undo",)}


@pytest.fixture(scope="module", name="dns")
def fixture_dns(lab):
    """Everyone who moves, all in two groups, one of them nested in the other."""
    ou = lab.special["acme"]["mailbox"].split(",", 1)[1]
    aliases = add_mailboxes(lab, ou, "moves", N)
    dns = [lab.special["acme"][key] for key in MOVING] + [f"CN=Wave {a},{ou}" for a in aliases]
    gather(lab, "group-inner", dns)
    return dns


@pytest.fixture(scope="module", name="mail")
def fixture_mail(lab):
    with mail_servers(lab) as mail:
        yield mail


@pytest.fixture(scope="module", name="daemon")
def fixture_daemon(lab, dns):
    lab.full(status=3)
    lab.finish_mailboxes()
    assert dns
    with running(lab) as d:
        yield d


@pytest.fixture(scope="module", name="pairs")
def fixture_pairs(lab, daemon, dns):
    daemon.wait_idle()
    return Pairs.of_dns(lab, dns)


@pytest.fixture(scope="module", name="people")
def fixture_people(lab, daemon, dns):
    daemon.wait_idle()
    return [read_person(lab, dn) for dn in dns]


def add_native_group(lab, dns):
    """A group of the target organization, of their counterparts; its DN."""
    dn = f"CN={NATIVE},CN=Users,{lab.target.base}"
    address = f"{NATIVE}@globex.example"
    lab.target.add(dn, objectClass="group", groupType="8", sAMAccountName=NATIVE,
                   mailNickname=NATIVE, mail=address, proxyAddresses=f"SMTP:{address}",
                   member=[counterpart(lab, x)["distinguishedName"][0] for x in dns])
    return dn


@pytest.fixture(scope="module", name="targets")
def fixture_targets(lab, people, dns):
    groups = [read_group(lab.source, people, lab.special["acme"][key])
              for key in ("group", "group-inner", "group-local")]
    groups.append(read_group(lab.target, people, add_native_group(lab, dns)))
    assert all(len(g.people) == len(people) for g in groups)
    # At least one of its own, one in each redirect domain, and the X500 names of both sides.
    assert all(len(p.addresses) >= 5 for p in people)
    return flow_targets(people, groups)


def test_a_wave_while_mail_flows(mail, daemon, pairs, people, targets):
    with flowing(mail, targets) as flows:
        pass_some(mail, flows, 20)
        watch = Watch(pairs, people, "target")
        number = plan(daemon, "\n".join(p.alias for p in people), at="+1s")
        wait_for(watch.all_turned, "not all have turned", 60)
        watch.end()
        w = ended(daemon, number)
        pass_some(mail, flows, len(targets))
        count = finish(mail, flows)
    assert (w["done"], w["failed"]) == (len(people), 0)
    assert count["acme"] and count["globex"] and count["either"]


def test_the_wave_is_undone_while_mail_flows(mail, daemon, pairs, people, targets):
    with flowing(mail, targets) as flows:
        pass_some(mail, flows, 20)
        watch = Watch(pairs, people, "source")
        with daemon.request(verb="undo-switch", objects=[p.alias for p in people]) as s:
            wait_for(watch.all_turned, "not all have turned", 60)
            assert daemon.answer(s)["ok"]
        watch.end()
        pass_some(mail, flows, len(targets))
        count = finish(mail, flows)
    assert count["acme"] and count["globex"] and count["either"]


def test_killed_in_the_middle_of_waves_while_mail_flows(mail, daemon, pairs, people, targets, lab):
    """SIGKILL when a wave has begun, and when some have turned; mail flows on while nobody is
    there. The next start goes on with the wave."""
    interrupted = 0
    observer = Observer(lab, pairs)
    try:
        with flowing(mail, targets) as flows:
            for turned, side in ((0, "target"), (1, "source"), (len(people) // 2, "target"),
                                 (len(people) - 1, "source")):
                watch, log = Watch(pairs, people, side), len(daemon.log())
                number = plan(daemon, "\n".join(p.alias for p in people), *UNDO[side], at="+1s")
                wait_for(lambda n=log: ": begins: " in daemon.log()[n:], "it does not begin")
                wait_for(lambda n=turned, w=watch: w.look() >= n, "they do not turn")
                daemon.end(signal.SIGKILL)
                interrupted += open_operations(lab) > 0
                pass_some(mail, flows, 20)
                daemon.start()
                w = ended(daemon, number)
                assert watch.all_turned() and (w["done"], w["failed"]) == (len(people), 0)
                watch.end()
                pass_some(mail, flows, 20)
            count = finish(mail, flows)
    finally:
        bad = observer.end()
    assert not bad, bad[:10]
    assert interrupted and count["either"]


def test_what_is_left_is_right(daemon):
    p = ctl(daemon, "verify")
    assert p.returncode == 0, p.stdout
