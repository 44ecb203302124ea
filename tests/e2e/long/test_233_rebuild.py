# SPDX-License-Identifier: MIT
"""A map that is made anew after 200 switches is the map that was lost."""

from test_120_daemon import running
from test_371_rebuild_map import plain, usn

SWITCHED = 200
MAILBOX = ("homeMDB", "msExchHomeServerName")


def test_after_many_switches(lab):
    like = lab.source.read(lab.special["acme"]["mailbox"])
    ou = lab.special["acme"]["mailbox"].split(",", 1)[1]
    aliases = [f"many{i}" for i in range(SWITCHED + 20)]
    for a in aliases:
        lab.source.add(f"CN={a},{ou}", objectClass="user", sAMAccountName=a, displayName=a,
                       userPrincipalName=f"{a}@acme.example", userAccountControl=544,
                       mailNickname=a, mail=f"{a}@acme.example",
                       proxyAddresses=f"SMTP:{a}@acme.example",
                       legacyExchangeDN=f"/o=Acme/cn=Recipients/cn={a}",
                       msExchRecipientTypeDetails=1, **{x: like[x] for x in MAILBOX})
    lab.full(status=3)
    lab.finish_mailboxes()
    with running(lab) as daemon:
        answer = daemon.ask(verb="switch", objects=aliases[:SWITCHED])
        assert answer["ok"], answer
        daemon.ask(verb="resync")
        daemon.wait_idle()
    before = plain(lab)
    active = [r["active"] for r in before.values()]
    assert active.count("target") == SWITCHED
    lab.forget()
    at = usn(lab)
    lab.full(status=3)
    assert plain(lab) == before
    lab.full(status=3)
    assert usn(lab) == at
