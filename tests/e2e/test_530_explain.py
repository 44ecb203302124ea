# SPDX-License-Identifier: MIT
"""explain says why an object is, or is not, in the other address list. What it says is checked
against what a cycle then does, on two real forests."""

import json
import random
import uuid

import ldap
import pytest
from conftest import wait_for
from galsynclab.forests import LIMITS
from test_120_daemon import Daemon
from test_310_wave import add_mailboxes

STAMP = "extensionAttribute15"
DONE, FAILED, USAGE, HELD = range(4)
KEY = "extensionAttribute11"
ADOPT = f'adopt = ( {{ tool = "mig"; source_attribute = "{KEY}"; ' \
        'target_attribute = "extensionAttribute12"; value = "^mig:([0-9]+)$"; } );'
HIDDEN = "msExchHideFromAddressLists"


@pytest.fixture(scope="module", name="daemon")
def fixture_daemon(lab):
    """One that rests: a test lets it work when it has something to compare."""
    at, on = lab.special["acme"], lab.special["globex"]
    lab.ou = at["mailbox"].split(",", 1)[1]
    lab.aliases = add_mailboxes(lab, lab.ou, "explain", 6)
    lab.source.modify(at["leading-hash"], title="Temp")
    lab.source.change(at["chief"], (ldap.MOD_ADD, "proxyAddresses", b"smtp:chief@globex.example"))
    lab.target.modify(on["mail-match"], **{STAMP: "HR-4711"})
    lab.target.modify(on["x500-match"], adminCount="1")
    base = f'base = "OU=Staff,{lab.source.base}";'
    conf = lab.write_conf(lab.conf_text(**{
        base: f'{base} filter = "(!(title=Temp))";',
        'name = "acme-globex";': f'name = "acme-globex"; {ADOPT}',
        LIMITS: "limits = { deletes = 1; delete_percent = 100; redirections = 1000; "
                "redirection_percent = 100; };"}))
    lab.full(status=HELD, conf=conf)
    d = Daemon(lab, conf)
    d.start()
    rest(d)
    yield d
    if d.process.poll() is None:
        assert d.end() == 0


def rest(daemon):
    daemon.wait_idle()
    assert daemon.ask(verb="pause")["ok"]
    wait_for(lambda: daemon.link()["state"] == "paused", "not paused")


def work(daemon):
    """A full cycle, and at rest again."""
    answer = daemon.ask(verb="resync")
    assert answer["status"] in (DONE, HELD), answer
    return answer


def ctl(lab, daemon, *argv):
    return lab.galsyncctl("--socket", daemon.socket, "explain", *argv, conf=daemon.conf)


def explain(lab, daemon, *argv, status=(DONE, HELD)):
    p = ctl(lab, daemon, "--json", *argv)
    assert p.returncode in status, p.stdout + p.stderr
    return json.loads(p.stdout)


def guid_of(entry):
    return str(uuid.UUID(bytes_le=entry["objectGUID"][0]))


def of(values):
    """As explain shows them, in no order."""
    return sorted(map(text_of, values))


def text_of(value):
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.hex().upper()


# ---- out of scope ----

OUT = {
    "hidden": f"hidden from address lists ({HIDDEN} is TRUE)",
    "leading-hash": "the filter of the scope of",
    "plain": "not mail-enabled: it has no ",
    "group-without-mail": "not mail-enabled: it has no ",
    "arbitration": "a system mailbox of Exchange (msExchRecipientTypeDetails is 8388608)",
}


@pytest.mark.parametrize("key", OUT)
def test_out_of_scope(daemon, lab, key):
    dn = lab.special["acme"][key]
    a = explain(lab, daemon, dn)
    assert a["verdict"] == "out" and not a["scope"]["in"] and OUT[key] in a["scope"]["why"]
    assert OUT[key] in a["sentence"] and " is not in globex: " in a["sentence"]
    assert not a["changes"] and a["record"] is None and a["counterpart"] is None
    assert guid_of(lab.source.read(dn)) not in lab.records(), "a cycle thinks so too"


def test_outside_the_bases(daemon, lab):
    a = explain(lab, daemon, f"CN=Administrator,CN=Users,{lab.source.base}")
    assert a["scope"]["verdict"] == "outside the bases"
    assert f"outside the bases of the scopes: 'OU=Staff,{lab.source.base}'" in a["sentence"]


def test_first_line_is_the_answer(daemon, lab):
    """The first question of a newcomer, by each name that people know."""
    e = lab.source.read(lab.special["acme"]["hidden"])
    said = f"Hidden Case is not in globex: {OUT['hidden']}."
    names = ("displayName", "mailNickname", "mail", "userPrincipalName", "sAMAccountName",
             "legacyExchangeDN")
    for who in [e[n][0].decode() for n in names] + [guid_of(e)]:
        p = ctl(lab, daemon, who)
        assert p.returncode == DONE, p.stderr
        assert p.stdout.splitlines()[0] == said, who


def test_nobody_and_several(daemon, lab):
    p = ctl(lab, daemon, "nobody.at.all")
    assert p.returncode == FAILED
    assert p.stdout.startswith("'nobody.at.all' names nobody in acme and nobody in globex")
    p = ctl(lab, daemon, "Mary Twin")
    assert p.returncode == USAGE and "names 2 objects" in p.stdout
    for key in ("twin-1", "twin-2"):
        assert lab.special["acme"][key] in p.stdout
    p = ctl(lab, daemon, "Mary Twin", "title", "more")
    assert p.returncode == USAGE and "explain WHO" in p.stderr
    assert ctl(lab, daemon, "Mary Twin", "no attribute").returncode == FAILED


def test_native_of_the_target(daemon, lab):
    a = explain(lab, daemon, lab.special["globex"]["native"])
    assert a["verdict"] == "no-flow" and "return_contacts_ou" in a["sentence"]


# ---- conflicts ----

def test_every_conflict(daemon, lab):
    """What the cycle says of each, explain says, and with all that are involved."""
    p = lab.galsyncctl("--json", "conflicts", conf=daemon.conf)
    known = json.loads(p.stdout)
    reasons = set()
    for c in known:
        a = explain(lab, daemon, c["source_dn"], status=(HELD,))
        assert a["conflict"] == {k: c[k] for k in ("reason", "what", "candidates", "help",
                                                  "resolutions")}
        assert not [x for x in a["changes"] if x["forest"] == "globex"] or \
            a["verdict"] in ("synchronized", "create")
        reasons.add(c["reason"])
    assert {"stamp", "refused", "match", "ambiguous", "kind", "foreign-address"} <= reasons, reasons


def test_conflicts_in_words(daemon, lab):
    at = lab.special["acme"]
    p = ctl(lab, daemon, at["mail-match"])
    assert p.returncode == HELD
    assert f"is not in globex: in conflict (stamp): {STAMP}=HR-4711" in p.stdout.splitlines()[0]
    p = ctl(lab, daemon, at["x500-match"])
    assert "in conflict (refused): " in p.stdout.splitlines()[0]
    assert lab.special["globex"]["x500-match"] in p.stdout


def test_waiting_for_an_approval(daemon, lab):
    c = next(c for c in json.loads(lab.galsyncctl("--json", "conflicts", conf=daemon.conf).stdout)
             if c["reason"] == "match")
    a = explain(lab, daemon, c["source_dn"], status=(HELD,))
    assert "its first match, found by" in a["sentence"]
    assert "waits for an operator (galsyncctl approve --kind matches)" in a["sentence"]
    assert [h["limit"] for h in a["held"]] == ["matches"]


def conflicts(lab, daemon):
    """By the DN of the source object."""
    p = lab.galsyncctl("--json", "conflicts", conf=daemon.conf)
    return {c["source_dn"]: c for c in json.loads(p.stdout)}


def test_the_other_conflicts(daemon, lab):
    """Each is explained before the cycle that meets it, and is what that then makes of it."""
    lab.settle = add_mailboxes(lab, lab.ou, "settle", 3)
    held, adopted, undone = (f"CN=Wave {a},{lab.ou}" for a in lab.settle)
    lab.source.modify(adopted, **{KEY: "mig:7"})
    lab.source.change(held, (ldap.MOD_ADD, "proxyAddresses", b"smtp:settle.taken@else.example"))
    work(daemon)
    counterpart, _ = lab.target.find("(mailNickname=%s)", lab.settle[0])
    [extra] = add_mailboxes(lab, lab.ou, "taken", 1)
    taken = f"CN=Wave {extra},{lab.ou}"
    for side, dn, address in ((lab.source, taken, b"smtp:settle.taken@else.example"),
                              (lab.target, lab.special["globex"]["native"],
                               b"smtp:settle.held@else.example"),
                              (lab.source, held, b"smtp:settle.held@else.example")):
        side.change(dn, (ldap.MOD_ADD, "proxyAddresses", address))
    p = lab.galsyncctl("--socket", daemon.socket, "undo", undone, conf=daemon.conf)
    assert p.returncode == DONE, p.stdout + p.stderr
    reasons = {taken: "taken", held: "address", adopted: "adopt", undone: "undone"}
    said = {dn: explain(lab, daemon, dn, status=(HELD,)) for dn in reasons}
    assert {dn: a["conflict"]["reason"] for dn, a in said.items()} == reasons
    assert {dn: a["verdict"] for dn, a in said.items()} == {
        dn: "synchronized" if dn == held else "conflict" for dn in reasons}
    work(daemon)
    known = conflicts(lab, daemon)
    for dn, a in said.items():
        assert a["conflict"] == {k: known[dn][k] for k in a["conflict"]}
    there = {v.lower() for v in lab.target.read(counterpart)["proxyAddresses"]}
    assert b"smtp:settle.taken@else.example" in there
    assert b"smtp:settle.held@else.example" not in there


# ---- conflicts that an operator ends ----

def settle(lab, daemon, *argv, status=DONE):
    p = lab.galsyncctl("--socket", daemon.socket, "conflicts", *argv, conf=daemon.conf)
    assert p.returncode == status, p.stdout + p.stderr
    return p.stdout + p.stderr


def test_resolve_with(daemon, lab):
    """What may not be is refused at once; what may be is carried out by the next cycle."""
    at, on = lab.special["acme"], lab.special["globex"]
    c = conflicts(lab, daemon)[at["ambiguous"]]
    assert c["resolutions"] == ["with", "create", "ignore"]
    assert "in conflict (refused): csv=" in settle(
        lab, daemon, "resolve", at["x500-match"], "--with", on["x500-match"], status=FAILED)
    assert "names no recipient of globex" in settle(
        lab, daemon, "resolve", at["ambiguous"], "--with", "nobody.at.all", status=FAILED)
    settle(lab, daemon, "resolve", at["ambiguous"], "--with", "x", "--create", status=USAGE)
    candidate = c["candidates"][0]
    assert f"resolved: its counterpart is '{candidate}'" in settle(
        lab, daemon, "resolve", at["ambiguous"], "--with", candidate)
    a = explain(lab, daemon, at["ambiguous"])
    assert a["verdict"] == "match" and a["counterpart"]["dn"] == candidate
    work(daemon)
    same = explain(lab, daemon, at["ambiguous"])
    assert (same["verdict"], same["counterpart"]["dn"]) == ("synchronized", candidate)
    assert (same["resolved"]["resolution"], same["resolved"]["by"]) == ("with", 0)
    p = lab.galsyncctl("show", candidate, conf=daemon.conf)
    assert f"resolved     with {candidate}" in p.stdout and "by           user 0, " in p.stdout


def test_resolve_ignore_and_take_back(daemon, lab):
    """Undone by its number, said again, and taken back."""
    dn = f"CN=Wave {lab.settle[1]},{lab.ou}"
    settle(lab, daemon, "resolve", dn, "--ignore")
    work(daemon)
    assert dn not in conflicts(lab, daemon)
    assert dn in settle(lab, daemon, "--resolved")
    a = explain(lab, daemon, dn)
    assert a["verdict"] == "nothing" and "an operator said that it is left alone" in a["sentence"]
    p = lab.galsyncctl("--json", "history", dn, conf=daemon.conf)
    [said] = [c for c in json.loads(p.stdout) if c["operation"] == "resolve"]
    assert said["asked_by"] == "user 0" and said["attributes"] == [
        {"name": "resolution", "old": [], "new": ["ignore"]}]
    p = lab.galsyncctl("--socket", daemon.socket, "undo", str(said["number"]), conf=daemon.conf)
    assert p.returncode == DONE, p.stdout + p.stderr
    work(daemon)
    assert conflicts(lab, daemon)[dn]["reason"] == "adopt"
    settle(lab, daemon, "resolve", dn, "--create")
    work(daemon)
    assert explain(lab, daemon, dn)["verdict"] == "synchronized"
    assert "'create' is taken back" in settle(lab, daemon, "reopen", dn)
    assert "nothing was said about it" in settle(lab, daemon, "reopen", dn, status=FAILED)
    work(daemon)
    assert explain(lab, daemon, dn)["verdict"] == "synchronized", "a pair stays one"


def test_resolutions_in_a_file(daemon, lab, tmp_path):
    """What is exported is taken in again, by the same checks; a file with a mistake is not."""
    def export(*argv):
        return lab.galsyncctl(*argv, "map", "export", "--resolved", conf=daemon.conf).stdout

    dn = f"CN=Wave {lab.settle[0]},{lab.ou}"
    settle(lab, daemon, "resolve", dn, "--ignore")
    file = tmp_path / "resolved.csv"
    file.write_text(export())
    assert file.read_text().startswith("source,resolution,target,link,origin,source_dn,")
    assert {x["resolution"] for x in json.loads(export("--json"))} == {"with", "ignore"}
    text = settle(lab, daemon, "resolve", "--file", str(file), status=FAILED)
    assert text.count("that is what was said before") == 2
    settle(lab, daemon, "reopen", dn)
    text = settle(lab, daemon, "resolve", "--file", str(file), status=FAILED)
    assert text.count("that is what was said before") == 1 and "resolved: it is left alone" in text
    assert file.read_text().count("\n") == export().count("\n")
    settle(lab, daemon, "reopen", dn)
    for line, why in (("x,maybe,", ":2: x,maybe,: its second column is with, create or ignore"),
                      ("x,create,y", ":2: x,create,y: its third column names"),
                      ("x,with", ":2: x,with: its third column names"),
                      (",create,", "its first column is empty")):
        file.write_text(f"{dn.replace(',', ' ')},ignore\n{line}\n")
        assert why in settle(lab, daemon, "resolve", "--file", str(file), status=FAILED)
    work(daemon)


# ---- what is to be created, what waits ----

def test_what_would_be_created(daemon, lab):
    """With its names, which the next cycle then gives it."""
    [alias] = add_mailboxes(lab, lab.ou, "fresh", 1)
    a = explain(lab, daemon, alias)
    assert a["verdict"] == "create" and a["record"] is None
    assert "is not in globex yet: no rule finds a counterpart" in a["sentence"]
    assert [c["op"] for c in a["changes"] if c["forest"] == "globex"] == ["add"]
    work(daemon)
    dn, made = lab.target.find("(mailNickname=%s)", alias)
    assert dn.lower() == a["counterpart"]["dn"].lower()
    assert made["sAMAccountName"] == [a["names"]["sam_account_name"].encode()]
    assert made["userPrincipalName"] == [a["names"]["user_principal_name"].encode()]
    same = explain(lab, daemon, alias)
    assert (same["verdict"], same["changes"]) == ("synchronized", [])
    assert same["sentence"].endswith(f"is in globex as '{dn}'.")
    # By its counterpart it is the same answer.
    other = explain(lab, daemon, dn)
    assert other["hits"][0]["guid"] == same["hits"][0]["guid"]


def test_reference_that_waits(daemon, lab):
    a = explain(lab, daemon, lab.special["acme"]["manager-outside"])
    assert [w["attribute"] for w in a["waiting"]] == ["manager"]
    assert a["waiting"][0]["dn"].lower().startswith("cn=administrator,")
    [row] = [r for r in a["attributes"] if r["attribute"] == "manager"]
    assert "waits for a counterpart of" in row["text"] and not row["target"]


# ---- attributes ----

PLAIN = {"title": "Title", "department": "Department", "company": "Company", "l": "Town",
         "telephoneNumber": "+1 555", "physicalDeliveryOfficeName": "Office", "info": "Info",
         "otherMobile": ["+1 1", "+1 2"], "extensionAttribute3": "three", "displayName": "Shown"}
SAMPLES = 100


def sampled(lab, daemon):
    """[(GUID of the counterpart, row)] of explained values, half of them about to be written."""
    rnd = random.Random(530)
    keys = ("mailbox", "shared", "room", "accents", "japanese", "comma", "odd-ou", "chief",
            "contact", "worker", "mail-user", "equipment")
    rows = []
    for i, key in enumerate(keys):
        dn = lab.special["acme"][key]
        here = lab.source.read(dn)
        for name in rnd.sample(sorted(PLAIN), 5):
            value = PLAIN[name]
            lab.source.modify(dn, **{name: None if name in here and i % 3 == 0 else
                                     value if isinstance(value, list) else f"{value} {i}"})
        a = explain(lab, daemon, dn)
        assert a["verdict"] == "synchronized"
        target = f"<GUID={a['record']['target']['guid']}>"
        rows += [(target, r) for r in a["attributes"] if r["forest"] == "globex"]
    writes = [r for r in rows if "the next cycle writes it" in r[1]["text"]]
    others = [r for r in rows if r not in writes]
    assert len(writes) >= 40, len(writes)
    return writes + rnd.sample(others, SAMPLES - len(writes))


def test_sampled_values(daemon, lab):
    """Each is what the cycle then makes of it, and the table's words are with it."""
    rows = sampled(lab, daemon)
    before = {(t, r["attribute"]): of(lab.target.read(t).get(r["attribute"], [])) for t, r in rows}
    work(daemon)
    assert len(rows) >= SAMPLES
    for target, row in rows:
        name = row["attribute"]
        now = of(lab.target.read(target).get(name, []))
        if not any(", SHA-256 " in v for v in row["after"]):
            assert sorted(row["after"]) == now, (target, row)
        if "the next cycle writes it" not in row["text"]:
            assert now == before[target, name], (target, row)
        assert row["how"] and row["when"] and row["authority"] and row["from"]


def test_who_wrote_it_last(daemon, lab):
    dn = lab.special["acme"]["comma"]
    lab.source.modify(dn, title="By galsync")
    work(daemon)
    [row] = explain(lab, daemon, dn, "title")["attributes"]
    assert (row["source"], row["target"]) == (["By galsync"], ["By galsync"])
    assert row["ours"] and row["text"] == "it is as it should be"
    assert row["written"]["cycle"] == daemon.link()["last"]["cycle"]
    assert row["written"]["outcome"] == "done" and row["written"]["server"].startswith("dc1.")
    target = explain(lab, daemon, dn)["record"]["target"]["guid"]
    lab.target.modify(f"<GUID={target}>", title="By hand")
    [row] = explain(lab, daemon, dn, "TITLE")["attributes"]
    assert row["target"] == ["By hand"] and not row["ours"]
    assert row["after"] == ["By galsync"] and row["text"] == "the next cycle writes it"
    p = ctl(lab, daemon, dn, "title")
    assert "title: the next cycle writes it" in p.stdout and "By hand" in p.stdout
    [row] = explain(lab, daemon, dn, "description")["attributes"]
    assert "no row of the projection table" in row["text"] and row["forest"] is None
    work(daemon)


# ---- leaving ----

def test_left_and_held(daemon, lab):
    """A limit of one: the first leaves, the others wait; each says so, and approval is done."""
    dns = [f"CN=Wave {a},{lab.ou}" for a in lab.aliases]
    lab.source.modify(dns[0], **{HIDDEN: "TRUE"})
    a = explain(lab, daemon, dns[0])
    assert a["verdict"] == "out" and "with the next cycle it leaves" in a["sentence"]
    [change] = [c for c in a["changes"] if c["forest"] == "globex"]
    assert change["reason"] == "leave" and HIDDEN in change["attributes"]
    work(daemon)
    target = lab.target.read(a["counterpart"]["dn"])
    assert target[HIDDEN] == [b"TRUE"]
    left = explain(lab, daemon, dns[0])
    assert left["left"] and not left["changes"]
    assert "; it has left at " in left["sentence"] and left["sentence"].endswith(" is hidden.")
    for dn in dns[1:4]:
        lab.source.modify(dn, **{HIDDEN: "TRUE"})
    work(daemon)
    for dn in dns[1:4]:
        held = explain(lab, daemon, dn, status=(HELD,))
        assert "which a limit holds (galsyncctl approve --kind deletes)" in held["sentence"]
        assert [(h["limit"], h["verdict"]) for h in held["held"]] == [("deletes", "held")]
        assert not held["changes"] and held["record"]["state"] in ("synced", "waiting")


def test_gone(daemon, lab):
    """What was deleted is found by the map."""
    dn = f"CN=Wave {lab.aliases[5]},{lab.ou}"
    guid = guid_of(lab.source.read(dn))
    target = explain(lab, daemon, dn)["counterpart"]["dn"]
    lab.source.delete(dn)
    a = explain(lab, daemon, guid, status=(DONE, HELD))
    assert a["verdict"] == "gone" and a["scope"] is None
    assert "is gone from acme" in a["sentence"] and target in a["sentence"]


# ---- show, waves, HTML ----

def test_planned_wave(daemon, lab, tmp_path):
    file = tmp_path / "wave.csv"
    file.write_text(f"{lab.special['acme']['comma']}\n".replace("CN=", '"CN=', 1).replace(
        "\n", '"\n'))
    p = lab.galsyncctl("--socket", daemon.socket, "wave", str(file), "--at", "2099-01-01 22:00",
                       conf=daemon.conf)
    assert p.returncode == DONE, p.stderr
    a = explain(lab, daemon, lab.special["acme"]["comma"])
    assert a["wave"]["at"].startswith("2099-01-0") and not a["wave"]["undo"]


def test_show_points_to_it(daemon, lab):
    def show(who):
        p = lab.galsyncctl("show", who, conf=daemon.conf)
        return p.returncode, p.stdout + p.stderr

    status, text = show(lab.special["acme"]["mail-match"])
    assert status == HELD and "in conflict (stamp)" in text and "galsyncctl explain" in text
    status, text = show(lab.special["acme"]["hidden"])
    assert status == FAILED and "galsyncctl explain" in text
    status, text = show(f"CN=Wave {lab.aliases[0]},{lab.ou}")
    assert status == DONE and "left" in text and "galsyncctl explain" in text


def test_html(daemon, lab):
    """One page; a hostile name is text on it."""
    dn = lab.special["acme"]["worker"]
    name = "<script>alert(1)</script> & \"quoted\" 'too'"
    lab.source.modify(dn, displayName=name, title="<b>bold</b>")
    p = ctl(lab, daemon, dn, "--html")
    assert p.returncode in (DONE, HELD), p.stderr
    page = p.stdout
    assert page.startswith("<!DOCTYPE html>") and page.rstrip().endswith("</html>")
    assert "<script" not in page and "<b>" not in page and "http://" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;quoted&quot; &#39;too&#39;" in page
    assert "<title>&lt;script&gt;" in page and "&lt;b&gt;bold&lt;/b&gt;" in page
    p = lab.galsyncctl("--socket", daemon.socket, "--json", "explain", dn, "--html",
                       conf=daemon.conf)
    assert p.returncode == USAGE


def test_writes_nothing(daemon, lab):
    usn = lab.source.usn(), lab.target.usn()
    conflicts = lab.galsyncctl("conflicts", conf=daemon.conf).stdout
    for key in ("mailbox", "hidden", "ambiguous", "group", "worker"):
        explain(lab, daemon, lab.special["acme"][key])
    assert (lab.source.usn(), lab.target.usn()) == usn
    assert lab.galsyncctl("conflicts", conf=daemon.conf).stdout == conflicts
