# SPDX-License-Identifier: MIT
"""Switch and undo on two real forests."""

import json

import ldap
import pytest
from conftest import wait_for
from kill_helpers import Killer, Observer, Pairs
from test_120_daemon import Daemon

GUARD = "msExchCalendarRepairDisabled"
MARKER = "extensionAttribute14"
KEY = "comma"


@pytest.fixture(scope="module", name="daemon")
def fixture_daemon(lab):
    conf = lab.write_conf(lab.conf_text(**{
        "match = [": f'marker_group = "CN=galsync-switched,{lab.source.base}"; '
                     'client_attribute = "extensionAttribute12"; match = ['}))
    lab.full(status=3)
    lab.finish_mailboxes()
    lab.alias = lab.source.read(lab.special["acme"][KEY])["mailNickname"][0].decode()
    d = Daemon(lab, conf)
    d.start()
    yield d
    if d.process.poll() is None:
        assert d.end() == 0


def both(lab, key):
    dn = lab.special["acme"][key]
    guid = [r["target"]["guid"] for r in lab.records().values() if r["source"]["dn"] == dn][0]
    return lab.source.read(dn), lab.target.read(f"<GUID={guid}>"), guid


def switched(lab, key):
    source, target, _ = both(lab, key)
    alias = source["mailNickname"][0].decode()
    assert "targetAddress" not in target
    assert source["targetAddress"] == [f"SMTP:{alias}@redirect.globex.example".encode()]
    assert source[MARKER][0].startswith(b"galsync:switched:2")
    assert source[GUARD] == [b"TRUE"]
    assert target.get(GUARD, [b"FALSE"]) == [b"FALSE"]
    group = lab.source.read(f"CN=galsync-switched,{lab.source.base}")
    return lab.special["acme"][key].encode() in group.get("member", [])


def not_switched(lab, key):
    source, target, _ = both(lab, key)
    alias = source["mailNickname"][0].decode()
    assert "targetAddress" not in source and MARKER not in source and GUARD not in source
    assert target["targetAddress"] == [f"SMTP:{alias}@redirect.acme.example".encode()]
    assert target[GUARD] == [b"TRUE"]
    group = lab.source.read(f"CN=galsync-switched,{lab.source.base}")
    return lab.special["acme"][key].encode() not in group.get("member", [])


def test_switch_and_undo(daemon, lab):
    assert not_switched(lab, KEY)
    answer = daemon.ask(verb="switch", objects=[lab.alias])
    assert answer["ok"] and answer["results"][0]["ok"], answer
    assert switched(lab, KEY)
    assert [r for r in lab.records().values() if r["alias"] == lab.alias][0]["active"] == "target"
    p = lab.galsyncctl("--socket", daemon.socket, "switch", lab.alias)
    assert p.returncode == 0 and "switched already" in p.stdout
    p = lab.galsyncctl("--socket", daemon.socket, "undo-switch", lab.alias)
    assert p.returncode == 0, p.stdout + p.stderr
    assert not_switched(lab, KEY)


def test_what_clients_report(daemon, lab):
    """By the verb and by the attribute; ok ends the membership, a report before the switch does not."""
    def ctl(*argv, status=0):
        p = lab.galsyncctl("--socket", daemon.socket, *argv)
        assert p.returncode == status, p.stdout + p.stderr
        return p.stdout + p.stderr

    def is_member():
        group = lab.source.read(f"CN=galsync-switched,{lab.source.base}")
        return lab.special["acme"][KEY].encode() in group.get("member", [])
    dn = lab.special["acme"][KEY]
    assert "is not switched" in ctl("client", lab.alias, "--result", "ok", status=1)
    lab.source.modify(dn, extensionAttribute12="galsync1;ok;OLD;2026-12-01T08:00:00Z")
    wait_for(lambda: "ok on OLD" in ctl("show", lab.alias), "it is not heard")
    ctl("switch", lab.alias)
    lab.source.modify(dn, extensionAttribute12="galsync1;failed;PC-1;2026-12-01T08:15:00Z;no; profile")
    wait_for(lambda: "failed on PC-1, " in ctl("show", lab.alias), "it is not heard")
    assert ": no; profile" in ctl("show", lab.alias) and is_member()
    assert ctl("client", lab.alias, "--result", "ok", "--machine", "PC-2") == "noted; the profile is done\n"
    wait_for(lambda: not is_member(), "it is a member still")
    link, = json.loads(ctl("--json", "status", status=3))
    assert link["clients"] == {"done": 1, "failed": 0, "several": 0}
    assert "NOTICE" in ctl("client", lab.alias, "--result", "ok", "--machine", "PC-1")
    client = json.loads(ctl("--json", "show", lab.alias))[0]["client"]
    assert (client["result"], client["done"], client["several"]) == ("ok", True, True)
    assert [(r["machine"], r["counts"]) for r in client["reports"]] == \
        [("OLD", False), ("PC-1", True), ("PC-2", True)]
    assert "machine" in ctl("client", lab.alias, "--result", "ok", "--machine", "a b", status=1)
    address = lab.source.read(dn)["mail"][0].decode()
    assert "its user's profile: ok at " in ctl("trace", address)
    hops = [h for w in json.loads(ctl("--json", "trace", address))["ways"] for h in w["hops"]]
    assert [h["client"]["result"] for h in hops if h["mailbox"]] == ["ok", "ok"]
    lab.source.modify(dn, extensionAttribute12=[])
    ctl("undo-switch", lab.alias)
    assert not_switched(lab, KEY)


def test_a_mailbox_that_exchange_has_not_finished(daemon, lab):
    """It is refused, unless it is forced; what Update-Recipient did is seen at once."""
    def ctl(*argv):
        return lab.galsyncctl("--socket", daemon.socket, *argv)
    _, target, guid = both(lab, KEY)
    lab.target.modify(f"<GUID={guid}>", showInAddressBook=None)
    assert daemon.ask(verb="resync", object=lab.alias)["status"] == 0
    p = ctl("switch", lab.alias)
    assert p.returncode == 1 and "FAILED" in p.stdout, p.stdout + p.stderr
    assert "Exchange has not finished the mailbox in the target yet: run Update-Recipient" in p.stdout
    assert not_switched(lab, KEY)
    assert "is true or false" in daemon.ask(
        verb="switch", objects=[lab.alias], force="yes")["error"]
    for argv in ("undo-switch", "--force", lab.alias), ("wave", "x", "--at", "now", "--undo", "--force"):
        assert ctl(*argv).returncode == 2
    p = ctl("switch", "--force", lab.alias)
    assert p.returncode == 0, p.stdout + p.stderr
    assert switched(lab, KEY)
    assert ctl("undo-switch", lab.alias).returncode == 0
    assert daemon.ask(verb="pause")["ok"]
    lab.target.modify(f"<GUID={guid}>", showInAddressBook=target["showInAddressBook"])
    assert ctl("switch", lab.alias).returncode == 0
    assert daemon.ask(verb="resume")["ok"]
    assert ctl("undo-switch", lab.alias).returncode == 0
    assert not_switched(lab, KEY)


@pytest.mark.parametrize("full", [False, True], ids=["delta", "full"])
def test_without_the_marker_group(daemon, lab, full):
    """Mail is switched, and told so; the membership follows when the group is there again, by a cycle
    about the object, or by a full one."""
    group = f"CN=galsync-switched,{lab.source.base}"
    # Another group would lack the account's right to it.
    lab.source.rename(group, "CN=galsync-parked")
    p = lab.galsyncctl("--socket", daemon.socket, "switch", lab.alias)
    assert p.returncode == 0 and p.stdout.startswith("done "), p.stdout + p.stderr
    assert f"the marker group is not yet as it must be, which is tried again: '{group}' does not exist" \
        in p.stdout
    lab.source.rename(f"CN=galsync-parked,{lab.source.base}", "CN=galsync-switched")

    def healed():
        who = {} if full else {"object": lab.alias}
        assert daemon.ask(verb="resync", **who)["status"] in ((0, 3) if full else (0,))
        return switched(lab, KEY)
    wait_for(healed, "the membership is not put right", 60)
    assert daemon.ask(verb="undo-switch", objects=[lab.alias])["ok"]
    assert not_switched(lab, KEY)


def test_cycles_leave_a_switched_mailbox_alone(daemon, lab):
    assert daemon.ask(verb="switch", objects=[lab.alias])["ok"]
    source, target, guid = both(lab, KEY)
    dn = lab.special["acme"][KEY]
    daemon.ask(verb="resync")
    daemon.wait_idle()
    assert switched(lab, KEY)
    # The target is authoritative now: nothing of it is overwritten.
    lab.target.modify(f"<GUID={guid}>", title="Changed in the target")
    daemon.ask(verb="resync")
    assert lab.target.read(f"<GUID={guid}>")["title"] == [b"Changed in the target"]
    # A broken redirection is put right, and never loops.
    lab.target.modify(f"<GUID={guid}>", targetAddress=f"SMTP:{lab.alias}@redirect.acme.example")
    daemon.ask(verb="resync")
    assert switched(lab, KEY)
    lab.source.modify(dn, targetAddress=None)
    daemon.ask(verb="resync")
    assert switched(lab, KEY)
    assert source and target
    assert daemon.ask(verb="undo-switch", objects=[lab.alias])["ok"]
    assert not_switched(lab, KEY)


def test_what_flows_back(daemon, lab):
    """A change is made in one directory only: in that of the mailbox in use, before and after."""
    dn = lab.special["acme"][KEY]
    assert daemon.ask(verb="switch", objects=[lab.alias])["ok"]
    before, target, guid = both(lab, KEY)
    there = f"<GUID={guid}>"
    old = [v for v in target["proxyAddresses"] if v.startswith(b"SMTP:")][0]
    new = f"{lab.alias}.new@acme.example"
    lab.target.modify(there, title="Chief", displayName="Changed, in the target", mail=new,
                      proxyAddresses=[b"smtp:" + old[5:], f"SMTP:{new}".encode()]
                      + [v for v in target["proxyAddresses"] if v != old])

    def arrived():
        s = lab.source.read(dn)
        return s["title"] == [b"Chief"] and s["displayName"] == [b"Changed, in the target"] \
            and s["mail"] == [new.encode()] and f"SMTP:{new}".encode() in s["proxyAddresses"] \
            and b"smtp:" + old[5:] in s["proxyAddresses"]
    wait_for(arrived, "it does not flow back", 60)
    assert switched(lab, KEY)
    daemon.wait_idle()
    usn = lab.source.usn(), lab.target.usn()
    assert daemon.ask(verb="resync")["status"] in (0, 3)
    assert (lab.source.usn(), lab.target.usn()) == usn
    # The turn back takes nothing along, and from then on the source decides.
    assert daemon.ask(verb="undo-switch", objects=[lab.alias])["ok"]
    assert not_switched(lab, KEY) and arrived()
    redirect = b"@redirect.acme.example"
    held = [v for v in before["proxyAddresses"] if not v.endswith(redirect)]
    lab.source.modify(dn, title="Back", displayName=before["displayName"], mail=before["mail"],
                      proxyAddresses=held + [v for v in lab.source.read(dn)["proxyAddresses"]
                                             if v.endswith(redirect)])
    wait_for(lambda: lab.target.read(there)["title"] == [b"Back"] and
             lab.target.read(there)["mail"] == before["mail"], "it does not flow to the target", 60)
    assert not_switched(lab, KEY)


def test_another_alias_of_a_switched_mailbox(daemon, lab):
    """The redirect address follows the alias; at no moment does mail go to one that is gone."""
    dn, before = lab.special["acme"][KEY], lab.alias
    assert daemon.ask(verb="switch", objects=[before])["ok"]
    _, _, guid = both(lab, KEY)
    for alias in (f"{before}-new", before):
        want = f"SMTP:{alias}@redirect.globex.example".encode()

        def arrived():
            to = lab.source.read(dn)["targetAddress"]
            held = lab.target.read(f"<GUID={guid}>")["proxyAddresses"]
            assert to[0].lower() in [v.lower() for v in held], (to, held)
            return to == [want]
        lab.source.modify(dn, mailNickname=alias)
        wait_for(arrived, "it is not led to the new address", 60)
        # The map learns of the alias behind the directories.
        wait_for(lambda a=alias: daemon.ask(verb="resync", object=a).get("status") == 0,
                 "the new alias is not known", 60)
        # The old one goes when nobody is led to it any more.
        held = lab.target.read(f"<GUID={guid}>")["proxyAddresses"]
        assert [v.lower() for v in held if v.endswith(b"@redirect.globex.example")] == [want.lower()]
        assert lab.galsyncctl("--socket", daemon.socket, "verify", alias).returncode == 0
    assert daemon.ask(verb="undo-switch", objects=[before])["ok"]
    assert not_switched(lab, KEY)


def test_verify(daemon, lab):
    def verify():
        return lab.galsyncctl("--socket", daemon.socket, "verify")
    p = verify()
    assert p.returncode == 0, p.stdout + p.stderr
    assert daemon.ask(verb="pause")["ok"]
    dn, target = lab.special["acme"][KEY], f"<GUID={both(lab, KEY)[2]}>"
    usn = lab.source.usn(), lab.target.usn()
    assert verify().returncode == 0
    assert (lab.source.usn(), lab.target.usn()) == usn
    lab.source.modify(dn, targetAddress=f"SMTP:{lab.alias}@redirect.globex.example")
    p = verify()
    assert p.returncode == 3 and f"loop: source object '{dn}'" in p.stdout
    lab.source.modify(dn, targetAddress=None)
    lab.target.modify(target, targetAddress=None)
    p = verify()
    assert p.returncode == 3 and "BROKEN redirection: target object" in p.stdout
    assert daemon.ask(verb="resume")["ok"]
    wait_for(lambda: verify().returncode == 0, "the redirection was not put right")


def test_refusals(daemon, lab):
    def refused(who, *words):
        answer = daemon.ask(verb="switch", objects=[who])
        text = answer.get("error", "") + " ".join(r["text"] for r in answer.get("results", []))
        assert not answer["ok"], answer
        for word in words:
            assert word in text, text
    refused("nobody", "not in the map")
    refused("connie.contact", "it is a contact, not a mailbox")
    dn = lab.special["acme"]["long-name"]
    _, _, guid = both(lab, "long-name")
    alias = lab.source.read(dn)["mailNickname"][0].decode()
    assert daemon.ask(verb="pause")["ok"]
    try:
        lab.target.modify(f"<GUID={guid}>", targetAddress="SMTP:elsewhere@example.org")
        refused(alias, "redirects to SMTP:elsewhere@example.org")
        lab.target.modify(f"<GUID={guid}>", targetAddress=f"SMTP:{alias}@redirect.acme.example",
                          homeMDB=None, msExchHomeServerName=None)
        refused(alias, "target object has no mailbox")
    finally:
        assert daemon.ask(verb="resume")["ok"]


def test_addresses_that_are_missing_or_shared(daemon, lab):
    """Mail would be lost, or go to another person: nothing is switched, and nothing is written."""
    dn, key = lab.special["acme"]["long-name"], "long-name"
    mailbox, other = (f"<GUID={both(lab, k)[2]}>" for k in (key, "polish"))
    alias = lab.source.read(dn)["mailNickname"][0].decode()
    mine = f"smtp:{alias}@redirect.globex.example".encode()
    x500 = b"X500:" + lab.target.read(mailbox)["legacyExchangeDN"][0]
    wait_for(lambda: "homeMDB" in lab.target.read(mailbox), "its mailbox is not back", 60)
    daemon.wait_idle()
    assert daemon.ask(verb="pause")["ok"]

    def refused(words):
        usn = lab.source.usn(), lab.target.usn()
        answer = daemon.ask(verb="switch", objects=[alias])
        assert not answer["ok"] and words in answer["results"][0]["text"], answer
        assert (lab.source.usn(), lab.target.usn()) == usn
    try:
        for directory, name, op, value, words in (
                (lab.target, other, ldap.MOD_ADD, mine,
                 f"2 target objects hold the redirect address {alias}@redirect.globex.example"),
                (lab.target, mailbox, ldap.MOD_DELETE, mine,
                 "the target object has no address in redirect.globex.example"),
                (lab.source, dn, ldap.MOD_DELETE, x500,
                 "the source object lacks the X500 address of its counterpart")):
            directory.change(name, (op, "proxyAddresses", [value]))
            try:
                refused(words)
            finally:
                back = ldap.MOD_DELETE if op == ldap.MOD_ADD else ldap.MOD_ADD
                directory.change(name, (back, "proxyAddresses", [value]))
        assert daemon.ask(verb="switch", objects=[alias])["ok"]
        assert daemon.ask(verb="undo-switch", objects=[alias])["ok"]
    finally:
        assert daemon.ask(verb="resume")["ok"]


def test_many_at_once_and_one_that_fails(daemon, lab):
    keys = ["polish", "turkish", "cyrillic", "apostrophe", "japanese"]
    aliases = [lab.source.read(lab.special["acme"][k])["mailNickname"][0].decode() for k in keys]
    daemon.wait_idle()
    _, _, guid = both(lab, "turkish")
    assert daemon.ask(verb="pause")["ok"]
    lab.target.modify(f"<GUID={guid}>", targetAddress="SMTP:elsewhere@example.org")
    answer = daemon.ask(verb="switch", objects=aliases)
    assert answer["status"] == 1
    assert [r["ok"] for r in answer["results"]].count(False) == 1
    for key in ("polish", "cyrillic", "apostrophe", "japanese"):
        assert switched(lab, key)
    # A redirection to a third place is left alone.
    lab.target.modify(f"<GUID={guid}>", targetAddress=f"SMTP:{aliases[1]}@redirect.acme.example")
    assert daemon.ask(verb="resume")["ok"]
    answer = daemon.ask(verb="undo-switch", objects=[a for a, k in zip(aliases, keys) if k != "turkish"])
    assert answer["ok"], answer


def test_a_list_with_mistakes_is_refused_whole(daemon, lab):
    path = lab.path("wave.csv")
    with open(path, "w", encoding="utf-8") as f:
        f.write(f"# who\n{lab.alias},note\nnobody\n\n{lab.alias}\nnor.me;x\n")
    p = lab.galsyncctl("--socket", daemon.socket, "switch", "--file", path)
    assert p.returncode == 1
    assert p.stdout.count("FAILED") == 3 and "named twice" in p.stdout
    assert "nothing was begun: 3 of 4" in p.stderr
    assert not_switched(lab, KEY)
    with open(path, "w", encoding="utf-8") as f:
        f.write(f'DN;Note\r\n"{lab.special["acme"][KEY]}";x\r\n')
    assert lab.galsyncctl("--socket", daemon.socket, "switch", "--file", path).returncode == 0
    assert switched(lab, KEY)
    assert lab.galsyncctl("--socket", daemon.socket, "undo-switch", "--file", path).returncode == 0
    for octets, words in {b"jos\xe9\n%b\n" % lab.alias.encode(): ":1: jos\\xE9: it is not UTF-8",
                          b'"x\n': "its quote is not closed", b"# only\n": "names nobody"}.items():
        with open(path, "wb") as f:
            f.write(octets)
        for verb in ("switch", "undo-switch", "proxy-toggle", "verify"):
            p = lab.galsyncctl("--socket", daemon.socket, verb, "--file", path)
            assert p.returncode == 1 and words in p.stderr, p.stderr
    p = lab.galsyncctl("--socket", daemon.socket, "--json", "switch", "nobody", lab.alias)
    assert p.returncode == 1 and "nothing was begun" in p.stderr
    assert [r["ok"] for r in json.loads(p.stdout)["results"]] == [False]
    assert not_switched(lab, KEY)


def test_a_guid_that_the_map_does_not_know(daemon, lab):
    """It is no reason to begin with the others."""
    guid = "11111111-2222-3333-4444-555555555555"
    for verb in ("switch", "undo-switch", "proxy-toggle"):
        p = lab.galsyncctl("--socket", daemon.socket, verb, guid, lab.alias)
        assert p.returncode == 1 and "nothing was begun: 1 of 2" in p.stderr
        assert f"'{guid}' is not in the map of link 'acme-globex'\n" in p.stdout
    assert not_switched(lab, KEY)


def test_long_lists(daemon, lab):
    """Thousands with their whole DNs; what is too much is said."""
    path = lab.path("wave.csv")

    def said(n):
        with open(path, "w", encoding="utf-8") as f:
            f.writelines(f'"CN=Nobody {i},OU=A Department,OU=A Place,OU=Staff,{lab.source.base}"\n'
                         for i in range(n))
        p = lab.galsyncctl("--socket", daemon.socket, "switch", "--file", path)
        assert p.returncode == 1
        return p
    p = said(10000)
    assert "nothing was begun: 10000 of 10000" in p.stderr
    assert p.stdout.count("is not in the map") == 10000
    assert "1 to 10000 (a wave may have more)" in said(10001).stderr
    assert "a request has at most 2097152 octets" in said(40000).stderr


def test_an_outage_is_told_once(daemon, lab):
    """What an earlier request failed of is not the reason of a later one."""
    assert daemon.ask(verb="pause")["ok"]
    lab.command("dc", "stop", "globex")
    try:
        answer = daemon.ask(verb="switch", objects=[lab.alias])
        assert answer["status"] == 1 and "connect to" in answer["error"], answer
    finally:
        lab.command("dc", "start", "globex")
    answer = daemon.ask(verb="switch", objects=["connie.contact"])
    assert (answer["status"], answer["error"]) == (1, "")
    assert answer["results"][0]["text"] == "it is a contact, not a mailbox"
    assert daemon.ask(verb="resume")["ok"]
    lab.target.conn = None
    daemon.wait_idle()


def test_json_of_every_verb(daemon, lab):
    """One object, or one list, or the events of a plan and its answer."""
    def told(*argv, status=(0,)):
        p = lab.galsyncctl("--socket", daemon.socket, "--json", *argv)
        assert p.returncode in status, p.stdout + p.stderr
        decoder, text, found = json.JSONDecoder(), p.stdout.strip(), []
        while text:
            value, end = decoder.raw_decode(text)
            found.append(value)
            text = text[end:].lstrip()
        return found
    for verb in ("pause", "resume"):
        assert told(verb) == [{"version": 1, "ok": True, "links": 1}]
    *events, answer = told("plan", status=(0, 3))
    assert answer["ok"] and "".join(e["ldif"] for e in events).startswith("version: 1")
    assert all(c["since"].endswith("Z") for c in told("conflicts", status=(3,))[0])
    for argv in (["switch", lab.alias], ["undo-switch", lab.alias], ["verify", lab.alias],
                 ["proxy-toggle", "--dry-run", lab.alias], ["proxy-toggle", "--sweep"],
                 ["resync", "--object", lab.alias], ["trace", f"{lab.alias}@acme.example"]):
        assert [a["ok"] for a in told(*argv, status=(0, 3))] == [True], argv
    for argv in (["status"], ["list"], ["list", "--held"], ["show", lab.alias], ["wave", "list"],
                 ["map", "lookup", lab.alias], ["map", "export"]):
        assert [type(a) for a in told(*argv, status=(0, 3))] == [list], argv
    for argv in (["approve", "nobody"], ["wave", "cancel", "99"], ["pause", "nolink"], ["trace", "x"]):
        assert told(*argv, status=(1,))[0]["ok"] is False, argv


def test_killed_in_the_middle(daemon, lab):
    """SIGKILL at any moment of a switch or undo: the next start finishes it or turns it back, and
    never do both sides redirect. Hundreds of them: make check-kills."""
    daemon.wait_idle()
    pairs = Pairs.of_keys(lab)
    observer = Observer(lab, pairs)
    try:
        killer = Killer(lab, daemon, pairs)
        killer.run(12, ["switch"])
        looks = observer.looks()
    finally:
        bad = observer.end()
    assert not bad, bad[:10]
    assert looks > 12 and killer.count["open"], killer.count
