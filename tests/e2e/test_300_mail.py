# SPDX-License-Identifier: MIT
"""Real mail in both organizations, to mailboxes that move: it reaches the mailbox in use."""

import itertools
import signal
import smtplib
import time

import pytest
from conftest import ACME, GLOBEX, wait_for
from galsynclab.postfix import wrapped
from kill_helpers import GROUP, SIDES
from mail_helpers import (MOVING, finish, flow_targets, flowing, gather, home, judge, mail_servers,
                          pass_some, read_group, read_person, send)
from test_120_daemon import running

GROUPS = ("group", "group-inner", "group-local", "group-loop-1", "group-loop-2")
# Groups that contain each other are created with a member fewer, and that one comes at the end of
# the synchronization: no test of what happens before.
FIRST_GROUPS = ("group", "group-inner", "group-local")


def moving(lab):
    return [lab.special["acme"][key] for key in MOVING]


@pytest.fixture(scope="module", name="mail")
def fixture_mail(lab):
    with mail_servers(lab) as mail:
        # Everyone who moves is in two groups, one of them nested in the other.
        gather(lab, "group-inner", moving(lab))
        yield mail


@pytest.fixture(scope="module", name="daemon")
def fixture_daemon(lab, mail):
    conf = lab.write_conf(lab.conf_text(**{"match = [": f'marker_group = "{GROUP}"; match = ['}))
    lab.full(status=3, conf=conf)
    lab.finish_mailboxes()
    with running(lab, conf) as d:
        yield d
    assert mail


@pytest.fixture(scope="module", name="people")
def fixture_people(daemon, lab):
    daemon.wait_idle()
    return [read_person(lab, dn) for dn in moving(lab)]


@pytest.fixture(scope="module", name="groups")
def fixture_groups(lab, people):
    groups = [read_group(lab.source, people, lab.special["acme"][key]) for key in GROUPS]
    assert len(groups[0].people) == len(MOVING)
    return groups


def test_first_synchronization_while_mail_flows(mail, lab):
    """Counterparts appear in the middle of it and take the mail of the target organization."""
    people = [read_person(lab, dn) for dn in moving(lab)]
    groups = [read_group(lab.source, people, lab.special["acme"][key]) for key in FIRST_GROUPS]
    # An object with a mailbox of the target too gets mail there until the two are one.
    own = people[MOVING.index("proxy-match")]
    own.home["target"] = home(GLOBEX, lab.target.read(lab.special["globex"]["proxy-match"]))
    with flowing(mail, flow_targets(people, groups)) as flows:
        start = time.time()
        pass_some(mail, flows)
        lab.full(status=3)
        own.turn("source", start)
        pass_some(mail, flows)
        assert set(finish(mail, flows)) == {"acme", "either"}


def test_lab_shows_what_goes_wrong(mail, daemon, people, lab):
    """What the tests below rely on: bounces, loops and dead ends are seen."""
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        mail.send(ACME, "nobody@acme.example", "refused")
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        mail.send(ACME, wrapped("/o=Acme/ou=First/cn=Recipients/cn=nobody", ACME), "refused")
    mail.send(GLOBEX, "nobody@acme.example", "unknown")
    assert daemon.ask(verb="pause")["ok"]
    dn, p = lab.special["acme"]["comma"], people[MOVING.index("comma")]
    lab.source.modify(dn, targetAddress=f"SMTP:{p.alias}@redirect.globex.example")
    mail.send(ACME, f"{p.alias}@acme.example", "loop")
    mail.wait(["unknown", "loop"])
    lab.source.modify(dn, targetAddress=None)
    assert daemon.ask(verb="resume")["ok"]
    for name in ("unknown", "loop"):
        assert len(mail.bounced(name)) == 1 and not mail.landed(name)


def send_everything(mail, people, groups):
    """To every address there is, in both organizations."""
    sent = [send(mail, f, a, [p]) for p in people for a in p.addresses for f in (ACME, GLOBEX)]
    sent += [send(mail, f, g.address, g.people, g.outside) for g in groups for f in (ACME, GLOBEX)]
    mail.wait([s.name for s in sent])
    return judge(mail, sent)


def turn(lab, daemon, people, side):
    verb, start = {"target": "switch", "source": "undo-switch"}[side], time.time()
    p = lab.galsyncctl("--socket", daemon.socket, verb, *(x.alias for x in people))
    for x in people:
        x.turn(side, start)
    assert p.returncode == 0, p.stdout + p.stderr


def test_every_address_before_and_after(mail, daemon, people, groups, lab):
    assert all(len(p.addresses) >= 3 for p in people)
    assert set(send_everything(mail, people, groups)) == {"acme"}
    turn(lab, daemon, people, "target")
    assert set(send_everything(mail, people, groups)) == {"globex"}
    # A cycle in between changes nothing.
    daemon.ask(verb="resync")
    daemon.wait_idle()
    assert set(send_everything(mail, people, groups)) == {"globex"}
    turn(lab, daemon, people, "source")
    assert set(send_everything(mail, people, groups)) == {"acme"}


def test_turns_while_mail_flows(mail, daemon, people, groups, lab):
    """All are switched and undone, over and over, in one go and one by one."""
    with flowing(mail, flow_targets(people, groups[:2])) as flows:
        pass_some(mail, flows)
        for i, side in itertools.product(range(6), reversed(SIDES)):
            if i % 3:
                turn(lab, daemon, people, side)
            else:
                for p in people:
                    turn(lab, daemon, [p], side)
            if i % 2:
                pass_some(mail, flows)
        count = finish(mail, flows)
    assert count["acme"] and count["globex"] and count["either"]


def active(lab, person):
    return "target" if "targetAddress" in lab.source.find(
        "(&(mailNickname=%s)(homeMDB=*))", person.alias)[1] else "source"


def kill_while_mail_flows(lab, daemon, mail, people, flows, times, lose_map):
    """SIGKILL when none, one, two... of them have been turned, TIMES times."""
    for i in range(times):
        side, verb = ("target", "switch") if i % 2 == 0 else ("source", "undo-switch")
        least = i % (len(people) + 1)
        pass_some(mail, flows)
        start = time.time()
        with daemon.request(verb=verb, objects=[p.alias for p in people]):
            wait_for(lambda: [active(lab, p) for p in people].count(side) >= least,
                     "nothing is turned")
            daemon.end(signal.SIGKILL)
        if lose_map:
            lab.forget()
        daemon.start()
        daemon.wait_idle()
        for p in people:
            p.turn(active(lab, p), start)
    pass_some(mail, flows)


@pytest.mark.parametrize("lose_map", [False, True])
def test_killed_in_the_middle_of_turns_while_mail_flows(mail, daemon, people, groups, lab, lose_map):
    with flowing(mail, flow_targets(people, groups[:2])) as flows:
        kill_while_mail_flows(lab, daemon, mail, people, flows, 6, lose_map)
        assert finish(mail, flows)["either"]
