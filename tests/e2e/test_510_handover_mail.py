# SPDX-License-Identifier: MIT
"""Real mail in both organizations all the time, while contacts give way to the mailboxes that they
stood for: return contacts of the source, and contacts of the target that are promoted. By way of
every SMTP address and of groups that named the contacts. Names by which old replies find their way
move in a pair of writes with nothing between, so those are looked at before and afterwards."""

import time

import ldap
import pytest
from conftest import ACME, GLOBEX, wait_for
from galsynclab.lab import PEOPLE_OU, STAFF_OU
from galsynclab.postfix import wrapped
from mail_helpers import (Group, Person, finish, flow_targets, flowing, home, judge, mail_servers,
                          pass_some, send, smtp_addresses)
from test_120_daemon import counterpart, running
from test_500_return import BothWays, add_mailbox, add_native, contact_of, text

N = 5
HOME = {"homeMDB": ACME.databases[0]}


@pytest.fixture(scope="module", name="both")
def fixture_both(lab):
    both = BothWays(lab)
    with open(both.conf, encoding="utf-8") as f:
        conf = f.read().replace("match = [", "promote_contacts = true; match = [", 1)
    assert "promote_contacts" in conf
    both.conf = lab.write_conf(conf)
    both.full(status=3)
    return both


@pytest.fixture(scope="module", name="mail")
def fixture_mail(lab, both):
    assert both
    with mail_servers(lab) as mail:
        yield mail


@pytest.fixture(scope="module", name="daemon")
def fixture_daemon(lab, both, mail):
    assert mail
    with running(lab, both.conf) as d:
        yield d


def add_group(side, dn, name, members, domain):
    address = f"{name}@{domain}"
    side.add(dn, objectClass="group", groupType="8", sAMAccountName=name, mailNickname=name,
             mail=address, proxyAddresses=f"SMTP:{address}", displayName=name, member=members,
             legacyExchangeDN=f"/o=Lists/cn={name}")
    return address


def replies(mail, person, names):
    """To everybody who ever had one of the names: each lands once, in the mailbox in use."""
    sent = [send(mail, ACME, wrapped(n, ACME), [person]) for n in names]
    mail.wait([s.name for s in sent])
    judge(mail, sent)


def is_promoted(both, n):
    there = counterpart(both.lab, f"CN=Kept {n},{STAFF_OU}")
    return b"user" in there.get("objectClass", []) and "targetAddress" in there


def x500_of(contact):
    return [contact["legacyExchangeDN"][0].decode()] + [
        v[5:] for v in text(contact["proxyAddresses"]) if v.lower().startswith("x500:/o=")]


def test_return_contacts_give_way_while_mail_flows(both, mail, daemon):
    """A mailbox is made in the source for each native, whose contact gives it everything."""
    natives = [add_native(both, f"Heir {n}", f"heir{n}") for n in range(N)]
    wait_for(lambda: all(contact_of(both, dn) for dn in natives), "no contact of a native", 60)
    contacts = [contact_of(both, dn) for dn in natives]
    people = []
    for dn, (_, contact) in zip(natives, contacts):
        native = both.target.read(dn)
        p = Person(native["mailNickname"][0].decode(), {"target": home(GLOBEX, native)},
                   sorted(smtp_addresses(native)))
        p.turn("target", 0, 0)
        replies(mail, p, x500_of(contact))
        people.append(p)
    near = add_group(both.source, f"CN=Heirs near,{STAFF_OU}", "heirs-near",
                     [dn for dn, _ in contacts], ACME.domain)
    far = add_group(both.target, f"CN=Heirs far,{PEOPLE_OU}", "heirs-far", natives, GLOBEX.domain)
    wait_for(lambda: counterpart(both.lab, f"CN=Heirs near,{STAFF_OU}"), "no counterpart")
    daemon.wait_idle()
    with flowing(mail, flow_targets(people, [Group(a, people, 0) for a in (near, far)])) as flows:
        pass_some(mail, flows, 10)
        start = time.time()
        for n, p in enumerate(people):
            mailbox = add_mailbox(both, f"Heir {n}", p.alias)
            both.source.modify(mailbox, **HOME)
            p.home["source"] = home(ACME, both.source.read(mailbox))
            both.target.change(natives[n], (ldap.MOD_ADD, "proxyAddresses", [
                f"X500:/o=Acme/ou=First/cn=Recipients/cn={p.alias}".encode()]))
        wait_for(lambda: all(both.source.read(dn) is None for dn, _ in contacts),
                 "a contact has not given way", 60)
        wait_for(lambda: all("targetAddress" in both.target.read(dn) for dn in natives),
                 "a native does not redirect", 60)
        for p in people:
            p.turn("source", start)
        daemon.wait_idle()
        pass_some(mail, flows, 20)
        count = finish(mail, flows)
    assert count["acme"] and count["globex"] and count["either"]
    for p, (_, contact) in zip(people, contacts):
        replies(mail, p, x500_of(contact))
    members = text(both.source.read(f"CN=Heirs near,{STAFF_OU}")["member"])
    assert sorted(members) == sorted(f"CN=Heir {n},{STAFF_OU}" for n in range(N))


def test_contacts_are_promoted_while_mail_flows(both, mail, daemon):
    """Contacts of the target that another tool kept lead to mailboxes of the source; accounts take
    their places, and the mail goes to the same mailboxes all the time."""
    contacts, people = [], []
    for n in range(N):
        alias = f"kept{n}"
        dn = f"CN=Kept {n},{PEOPLE_OU}"
        both.target.add(dn, objectClass="contact", displayName=f"Kept {n}", mailNickname=alias,
                        mail=f"{alias}@acme.example", targetAddress=f"SMTP:{alias}@acme.example",
                        legacyExchangeDN=f"/o=Globex/ou=First/cn=Recipients/cn=kept{n}",
                        proxyAddresses=[f"SMTP:{alias}@acme.example",
                                        f"smtp:{alias}.old@acme.example"])
        contacts.append(dn)
    far = add_group(both.target, f"CN=All kept,{PEOPLE_OU}", "all-kept", contacts, GLOBEX.domain)
    daemon.wait_idle()
    assert daemon.ask(verb="pause")["ok"]
    for n in range(N):
        mailbox = add_mailbox(both, f"Kept {n}", f"kept{n}")
        both.source.modify(mailbox, **HOME, proxyAddresses=[
            f"SMTP:kept{n}@acme.example", f"smtp:kept{n}.old@acme.example"])
        source = both.source.read(mailbox)
        p = Person(f"kept{n}", {"source": home(ACME, source)}, sorted(smtp_addresses(source)))
        p.turn("source", 0, 0)
        people.append(p)
    with flowing(mail, flow_targets(people, [Group(far, people, 0)])) as flows:
        pass_some(mail, flows, 10)
        assert daemon.ask(verb="resume")["ok"]
        wait_for(lambda: all(is_promoted(both, n) for n in range(N)), "a contact was not promoted", 60)
        daemon.wait_idle()
        pass_some(mail, flows, 20)
        count = finish(mail, flows)
    assert count["acme"] and not count["globex"] and not count["either"]
    there = [counterpart(both.lab, f"CN=Kept {n},{STAFF_OU}") for n in range(N)]
    members = text(both.target.read(f"CN=All kept,{PEOPLE_OU}")["member"])
    assert sorted(members) == sorted(t["distinguishedName"][0].decode() for t in there)
    for n, p in enumerate(people):
        replies(mail, p, [f"/o=Globex/ou=First/cn=Recipients/cn=kept{n}"])


def test_what_is_left_is_right(both, daemon):
    daemon.wait_idle()
    p = both.galsyncctl("--socket", daemon.socket, "verify", conf=both.conf)
    assert p.returncode == 0, p.stdout
