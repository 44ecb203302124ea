# SPDX-License-Identifier: MIT
"""What the tests of outages share: relays, a daemon that goes through them, and what must be true
when everything works again."""

import collections
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import uuid

from badinput_helpers import conf, first_logon, simple, tls, write
from conftest import BUILD, wait_for
from galsynclab.forests import running
from galsynclab.lab import ACME, GLOBEX, STAFF_OU, TARGET_OU
from test_120_daemon import STAMP, Daemon

HERE = os.path.dirname(os.path.realpath(__file__))
RELAY, LDAP_RELAY = os.path.join(HERE, "relay.py"), os.path.join(HERE, "ldap_relay.py")
FAILS, WORKS = "tried again until it works", "works again"
QUICK = "connect_timeout_ms = 2000; timeout_ms = 1500;"
FOREST = {"acme": ACME, "globex": GLOBEX}


class Relay:
    """relay.py in front of a port of a forest's domain controller."""

    def __init__(self, forest, port, to_port):
        self.start([RELAY, forest.address, str(port), str(to_port)])

    def start(self, argv):
        # pylint: disable=consider-using-with
        self.proc = subprocess.Popen([sys.executable, *argv], stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, text=True)
        self.set("pass")

    def ask(self, command):
        """What the relay answers: numbers."""
        self.proc.stdin.write(command + "\n")
        self.proc.stdin.flush()
        return [int(word) for word in self.proc.stdout.readline().split()]

    def set(self, command):
        """The first of them: of relay.py, the connections accepted so far."""
        return self.ask(command)[0]

    def accepted(self):
        return self.set("count")

    def end(self):
        self.proc.stdin.close()
        self.proc.kill()
        self.proc.wait()


class Watched(Daemon):
    """A daemon whose log is looked at from a mark on."""
    mark = 0

    def __init__(self, lab, conf, env=None):
        super().__init__(lab, conf)
        self.env = env or {}

    @contextlib.contextmanager
    def started(self):
        """Runs until the end of the block; KRB5_CONFIG and the like are its own."""
        lab = self.lab
        with open(lab.log("galsyncd.log"), "ab") as log:
            self.process = subprocess.Popen(
                [os.path.join(BUILD, "galsyncd"), "-c", self.conf, "--socket", self.socket],
                env={**os.environ, **lab.env(), **self.env}, stdin=subprocess.DEVNULL, stdout=log,
                stderr=log)
        try:
            self.wait_idle()
            self.set_mark()
            yield self
            if self.process.poll() is None:
                assert self.end() == 0
        finally:
            if self.process.poll() is None:
                self.end(signal.SIGKILL)

    def wait_idle(self, timeout_s=60):
        try:
            return super().wait_idle(timeout_s)
        except AssertionError as e:
            raise AssertionError(f"{e}; it says: {self.link()}") from None

    def set_mark(self):
        self.mark = len(self.log())

    def news(self):
        return self.log()[self.mark:]

    def begin_full(self):
        """Asks for a full synchronization; the answer is not waited for."""
        s = self.connect()
        s.sendall(b'{"verb": "resync"}\n')
        return s

    def wait_failing(self):
        wait_for(lambda: self.link()["failing"] or FAILS in self.news(),
                 "the outage is not noticed", 60)

    def wait_working(self, timeout_s=90):
        """Until the last cycle was complete."""
        done = self.link()["cycles"]
        wait_for(lambda: not self.link()["failing"] and self.link()["cycles"] > done
                 and self.link()["state"] == "idle", "it does not work again", timeout_s)

    def check_lines(self, most=1):
        """One line at the beginning of an outage and one at its end, of so many at the most."""
        news = self.news()
        assert news.count(FAILS) == news.count(WORKS) <= most, news


def counterpart(lab, dn):
    guid = uuid.UUID(bytes_le=lab.source.read(dn)["objectGUID"][0])
    rows = lab.target.search(f"({STAMP}=galsync:*:{guid}*)")
    assert len(rows) <= 1, rows
    return rows[0][1] if rows else {}


def wait_titles(lab, dns, title, timeout_s=90):
    wait_for(lambda: all(counterpart(lab, dn).get("title") == [title.encode()] for dn in dns),
             f"not everybody is '{title}' in the target", timeout_s)


def check_settled(lab, daemon):
    """Read whole, nothing is left to be done, and it becomes so by itself."""
    def settled():
        p = lab.galsyncctl("--socket", daemon.socket, "plan", conf=daemon.conf)
        return p.stdout.startswith("version: 1") and "changetype" not in p.stdout
    wait_for(settled, "something is left to be done", 60)


def check_same(lab, daemon):
    """Nothing is left to be done, nothing is there twice, and nothing is written any more. What is
    there is compared with an undisturbed run by wait_same()."""
    p = lab.galsyncctl("--socket", daemon.socket, "plan", conf=daemon.conf)
    assert p.stdout.startswith("version: 1") and "changetype" not in p.stdout, p.stdout + p.stderr
    stamps = collections.Counter(
        value for _, attrs in lab.target.search(f"({STAMP}=galsync:*)", [STAMP], TARGET_OU)
        for value in attrs[STAMP])
    assert stamps and set(stamps.values()) == {1}, stamps
    before = lab.source.usn(), lab.target.usn()
    done = daemon.link()["cycles"]
    wait_for(lambda: daemon.link()["cycles"] > done, "no further cycle")
    assert (lab.source.usn(), lab.target.usn()) == before

# ---- the three ways to a forest, each through relays ----

PORT, TLS_PORT, INNER_PORT, KDC_PORT = 3890, 6360, 6361, 8800
INVALID_CREDENTIALS, BUSY, UNAVAILABLE, UNWILLING = 49, 51, 52, 53


class LdapRelay(Relay):
    """ldap_relay.py in front of an LDAPS port of a forest's domain controller."""

    def __init__(self, lab, forest, port, to_port=636):
        tls_files = [lab.path("tls", name) for name in
                     (f"{forest.name}.pem", f"{forest.name}.key", "ca.pem")]
        self.start([LDAP_RELAY, forest.address, str(port), str(to_port), *tls_files])

    def answered(self):
        """Requests that it has answered in the server's place so far."""
        return self.ask("count")[0]

    def changes(self):
        """Changes that it has handed on so far."""
        return self.ask("count")[1]


class Relays:
    """All relays of both forests, by forest."""

    def __init__(self, lab):
        both = (ACME, GLOBEX)
        self.plain = {f.name: Relay(f, PORT, 389) for f in both}
        self.inner = {f.name: LdapRelay(lab, f, INNER_PORT) for f in both}
        self.tls = {f.name: Relay(f, TLS_PORT, INNER_PORT) for f in both}

    def of(self, way):
        return self.tls if way == "ldaps" else self.plain

    def all(self):
        return [r for group in (self.tls, self.inner, self.plain) for r in group.values()]

    def reset(self):
        for relay in self.all():
            relay.set("pass")

    def end(self):
        for relay in self.all():
            relay.end()


def conf_file(lab, directory, way, state):
    """WAY: gssapi (sealed by Kerberos), starttls or ldaps (both with passwords)."""
    port = TLS_PORT if way == "ldaps" else PORT
    forests = {}
    for name, f in FOREST.items():
        # A small window keeps the writes under way for a while.
        keys = {"servers": [f"{'ldaps' if way == 'ldaps' else 'ldap'}://{f.host}:{port}"],
                "extra": QUICK + " window = 2;"}
        if way != "gssapi":
            keys["auth"] = simple(lab.path(f"{name}.password"),
                                  f"CN=svc-galsync,CN=Users,{f.base}")
            keys["tls"] = tls(way, lab.path("tls", "ca.pem"))
        forests[name] = keys
    # Guests come and go: no limit is to hold that up.
    path = conf(lab, directory, state=state, **forests, link="interval_s = 1; "
                "limits = { deletes = 100000; delete_percent = 100; matches = 100000; "
                "redirections = 100000; redirection_percent = 100; "
                "member_removals = 100000; member_removal_percent = 100; "
                "primary_changes = 100000; primary_change_percent = 100; };")
    with open(path, encoding="utf-8") as f:
        text = f.read()
    return write(path, text.replace('create = "mailbox";', 'create = "mailbox"; on_leave = "delete";'))


class Daemons:
    """One daemon at a time, for any of the ways; they share the map."""

    def __init__(self, lab, directory):
        self.lab, self.directory, self.state = lab, directory, str(directory / "state")
        self.stack, self.key, self.daemon = contextlib.ExitStack(), None, None

    def get(self, way, env=None):
        key = way, tuple((env or {}).items())
        if key != self.key or self.daemon.process.poll() is not None:
            self.end()
            place = self.directory / way
            place.mkdir(exist_ok=True)
            self.daemon = Watched(self.lab, conf_file(self.lab, place, way, self.state), env)
            self.stack.enter_context(self.daemon.started())
            self.key = key
        return self.daemon

    def end(self):
        self.key = None
        self.stack.close()


# ---- work, and what it must come to ----

CROWD, GUESTS = 25, 5
CROWD_GROUP = f"CN=Outage Crowd,{STAFF_OU}"
ROUND = re.compile(r"r\d{4}")
# In stamps with dashes, in a legacyExchangeDN without.
GUID_TEXT = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")
# What differs between two runs that did the same.
VOLATILE = {"objectGUID", "objectSid", "uSNChanged", "uSNCreated", "whenChanged", "whenCreated",
            "lastLogon", "lastLogonTimestamp", "logonCount", "badPwdCount", "badPasswordTime",
            "lockoutTime", "pwdLastSet", "dSCorePropagationData"}
RECIPIENTS = ("(|(objectClass=user)(objectClass=group)(objectClass=contact)"
              "(objectClass=organizationalUnit))")
# An object that was put down as failed is told with these words. No outage is an object's fault.
BLAMED = "tried again in the next cycle"


def add_mailbox(side, cn, alias, guid, **more):
    dn = f"CN={cn},{STAFF_OU}"
    side.add(dn, objectClass="user", sAMAccountName=alias, userAccountControl="544", displayName=cn,
             mailNickname=alias, mail=f"{alias}@acme.example",
             proxyAddresses=[f"SMTP:{alias}@acme.example", f"smtp:{alias}@old.acme.example"],
             legacyExchangeDN=f"{ACME.admin_group}/cn=Recipients/cn={alias}",
             homeMDB=ACME.databases[0], msExchHomeServerName=ACME.home_server,
             msExchMailboxGuid=guid, msExchVersion="44220983382016",
             msExchRecipientTypeDetails="1", msExchRecipientDisplayType="1073741824", **more)
    return dn


class Work:
    """Rounds of changes in the source. In each, everybody's title changes, guests come who refer to
    one another, they replace those of the round before in a group, and these are deleted. Rounds
    differ in the round's name, which is in every title, address and name, and in nothing else."""

    def __init__(self, lab):
        self.lab, self.number, self.guests = lab, 0, []
        self.people = [add_mailbox(lab.source, f"Out {n:02}", f"out{n:02}",
                                   uuid.UUID(int=n + 1000).bytes_le) for n in range(CROWD)]
        lab.source.add(CROWD_GROUP, objectClass="group", sAMAccountName="outage-crowd",
                       groupType="8", mailNickname="outage-crowd", mail="outage-crowd@acme.example",
                       displayName="Outage Crowd", proxyAddresses="SMTP:outage-crowd@acme.example",
                       legacyExchangeDN=f"{ACME.admin_group}/cn=Recipients/cn=outage-crowd",
                       member=self.people)

    @property
    def name(self):
        return f"r{self.number:04}"

    def next(self):
        """All changes of the next round."""
        source, leaving, self.guests = self.lab.source, self.guests, []
        self.number += 1
        for dn in self.people:
            source.modify(dn, title=self.name)
        for n in range(GUESTS):
            more = {"manager": self.guests[-1]} if self.guests else {}
            self.guests.append(add_mailbox(source, f"Guest {self.name} {n}", f"{self.name}-guest{n}",
                                           f"{self.name} guest {n:04}".encode(), **more))
        source.modify(CROWD_GROUP, member=self.people[:5] + self.guests)
        for dn in leaving:
            source.delete(dn)

    def poke(self):
        """One small change, to be seen soon."""
        self.lab.source.modify(self.people[0], department=self.name)


def _names_by_guid(lab):
    known = {}
    for side in (lab.source, lab.target):
        for dn, attrs in side.search(RECIPIENTS, ["objectGUID"]):
            guid = uuid.UUID(bytes_le=attrs["objectGUID"][0])
            known[str(guid)] = known[guid.hex] = dn
    return known


def _directory(side, common):
    rows = {}
    for dn, attrs in side.search(RECIPIENTS):
        rows[common(dn.encode())] = {
            name: sorted(common(v) for v in values) for name, values in attrs.items()
            if name not in VOLATILE and not (name == "msExchMailboxGuid" and ROUND.search(dn))}
    return rows


def _map(lab, daemon, names, common):
    """Every record names objects that are there, by their GUIDs. Left out: times, and how a
    counterpart was found, for one that was written and not yet recorded is found by its stamp."""
    p = lab.galsyncctl("--json", "map", "export", conf=daemon.conf)
    assert p.returncode == 0, p.stderr
    known = {}
    for r in json.loads(p.stdout):
        for key in ("created_at", "synced_at", "rule", "evidence"):
            r.pop(key)
        for side in ("source", "target"):
            r[side].pop("sid")
            r[side]["there"] = names.get(r[side].pop("guid"), "").lower() == r[side]["dn"].lower()
        key = common(r["source"]["dn"].encode())
        known.setdefault(key, []).append(common(json.dumps(r, sort_keys=True).encode()))
    return {key: {"record": sorted(values)} for key, values in known.items()}


def picture(lab, daemon, work):
    """Both forests and the map, object by object, without what two rounds have not in common."""
    names = _names_by_guid(lab)
    mine, this = work.name.encode(), b"rNNNN"

    def common(value):
        value = GUID_TEXT.sub(lambda m: names.get(m[0].decode(), "?").encode(), value)
        return value.replace(mine, this).replace(mine.upper(), this)
    return {"acme": _directory(lab.source, common), "globex": _directory(lab.target, common),
            "map": _map(lab, daemon, names, common)}


def differences(got, wanted):
    """One line for each object or attribute that is not as in WANTED."""
    lines = []
    for name, mine in got.items():
        theirs = wanted[name]
        lines += [f"{name}: {'unexpected' if dn in mine else 'lacking'}: {dn}"
                  for dn in sorted(mine.keys() ^ theirs.keys())]
        for dn in mine.keys() & theirs.keys():
            a, b = mine[dn], theirs[dn]
            lines += [f"{name}: {dn}: {key}: {a.get(key)}, not {b.get(key)}"
                      for key in sorted(a.keys() | b.keys()) if a.get(key) != b.get(key)]
    return lines


def wait_same(lab, daemon, work, wanted, timeout_s=90):
    """Both forests and the map become what the undisturbed round made of them, and nothing is written
    any more."""
    found = [[]]

    def same():
        found[0] = differences(picture(lab, daemon, work), wanted)
        return not found[0]
    try:
        wait_for(same, "the same picture", timeout_s)
    except AssertionError as e:
        raise AssertionError("\n".join([str(e), *found[0][:40]])) from None
    check_same(lab, daemon)
    assert not differences(picture(lab, daemon, work), wanted)


class World:
    """What the tests of outages work in."""

    def __init__(self, lab, directory):
        self.lab, self.directory = lab, directory
        self.relays = Relays(lab)
        self.daemons = Daemons(lab, directory)
        self.work = Work(lab)
        self.wanted = None

    def daemon(self, way="gssapi", env=None):
        d = self.daemons.get(way, env)
        d.wait_idle()
        d.set_mark()
        return d

    def undisturbed(self):
        """A round without an outage: its picture."""
        d = self.daemon()
        self.work.next()
        wait_titles(self.lab, self.work.people, self.work.name)
        wait_for(lambda: all(counterpart(self.lab, dn) for dn in self.work.guests), "no guests")
        check_settled(self.lab, d)
        assert FAILS not in d.news() and BLAMED not in d.news(), d.news()
        return picture(self.lab, d, self.work)

    def check(self, daemon, *, silent=False, most=1):
        """The outages, MOST at the most, are over: all is as if they had not been, and nobody
        did anything about it."""
        wait_same(self.lab, daemon, self.work, self.wanted)
        wait_for(lambda: not daemon.link()["failing"], "it does not work again")
        daemon.check_lines(0 if silent else most)
        assert BLAMED not in daemon.news(), daemon.news()

    def calm(self):
        """After each test, whatever it left."""
        self.relays.reset()
        for forest in (ACME, GLOBEX):
            self.lab.command("dc", "thaw" if running(forest) else "start", forest.name)

    def end(self):
        self.daemons.end()
        self.relays.end()


@contextlib.contextmanager
def world_of(lab, directory):
    first_logon(lab)
    world = World(lab, directory)
    try:
        world.undisturbed()                     # without leavers yet
        world.wanted = world.undisturbed()
        yield world
    finally:
        world.end()


@contextlib.contextmanager
def struck_in(world, daemon, phase, begun=None):
    """The block is run while the daemon is in PHASE, or as soon as BEGUN says. There is a round of
    work to be done in any case."""
    if phase == "idle":
        yield
        world.work.next()
        return
    world.work.next()
    with contextlib.ExitStack() as stack:
        if phase == "full":
            stack.enter_context(daemon.begin_full())
        wait_for(begun or (lambda: daemon.link()["state"] == "running"), "nothing is under way")
        yield


def writing(relay):
    """True once changes of this round are under way."""
    before = relay.changes()
    return lambda: relay.changes() >= before + 3


# ---- Kerberos ----

# Near their end, by ten minutes, tickets are renewed at the next login; the libraries refuse those
# that end within five.
SHORT_TICKETS = "ticket_lifetime = 400s"


@contextlib.contextmanager
def kdc_relays():
    kdcs = {f.name: Relay(f, KDC_PORT, 88) for f in (ACME, GLOBEX)}
    try:
        yield kdcs
    finally:
        for relay in kdcs.values():
            relay.end()


def krb5_conf(world, name, *settings):
    """The environment of a daemon whose KDCs are behind the relays."""
    with open(world.lab.path("etc", "krb5.conf"), encoding="ascii") as f:
        text = f.read()
    for f in (ACME, GLOBEX):
        text = text.replace(f"kdc = {f.address}\n", f"kdc = {f.address}:{KDC_PORT}\n")
    text = text.replace("[libdefaults]\n", "\n ".join(
        ["[libdefaults]", "udp_preference_limit = 1", *settings]) + "\n")
    path = world.directory / name
    path.write_text(text)
    return {"KRB5_CONFIG": str(path)}
