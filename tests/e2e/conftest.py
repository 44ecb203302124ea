# SPDX-License-Identifier: MIT
"""The lab as pytest fixtures.

One lab is made for the session; the test process itself moves into the lab's namespaces, so that
tests speak LDAP to the forests directly and every process they start ends with the lab. A test
module starts with the forests as `populate --mini` left them and without a map.

GALSYNC_BUILD is where the binaries are (default: build). GALSYNC_E2E_LAB names a lab directory
that is kept between runs, for those who write tests; GALSYNC_E2E_LIKE one whose snapshot a new lab is
made of.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

import ldap
import ldap.controls
import ldap.filter
import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "lab"))
sys.dont_write_bytecode = True

# pylint: disable=wrong-import-position
from galsynclab import space                        # noqa: E402
from galsynclab.lab import ACME, GLOBEX, Lab        # noqa: E402

LAB = os.path.join(ROOT, "tests", "lab", "lab")
BUILD = os.path.abspath(os.environ.get("GALSYNC_BUILD", os.path.join(ROOT, "build")))


class Side:
    """One forest, as its administrator sees it."""

    def __init__(self, lab, forest):
        self.lab, self.forest, self.conn = lab, forest, None

    @property
    def base(self):
        return self.forest.base

    def connect(self):
        with open(self.lab.path(f"{self.forest.name}.admin-password"), encoding="ascii") as f:
            password = f.read()
        conn = ldap.initialize(f"ldaps://{self.forest.host}")
        conn.set_option(ldap.OPT_REFERRALS, 0)
        conn.set_option(ldap.OPT_X_TLS_CACERTFILE, self.lab.path("tls", "ca.pem"))
        conn.set_option(ldap.OPT_X_TLS_NEWCTX, 0)
        conn.simple_bind_s(f"Administrator@{self.forest.realm}", password)
        self.conn = conn

    def _try(self, function):
        """The DC may have been started anew since the last call."""
        if self.conn is None:
            self.connect()
        try:
            return function(self.conn)
        except (ldap.SERVER_DOWN, ldap.CONNECT_ERROR):
            self.connect()
            return function(self.conn)

    def search(self, filterstr, attrs=None, base=None, scope=ldap.SCOPE_SUBTREE):
        """[(dn, {attribute: [bytes]})]; referrals left out."""
        rows = self._try(lambda c: c.search_s(
            self.base if base is None else base, scope, filterstr, attrs))
        return [(dn, values) for dn, values in rows if dn is not None]

    def read(self, dn, attrs=None):
        """The attributes of one object, or None."""
        try:
            return self.search("(objectClass=*)", attrs, dn, ldap.SCOPE_BASE)[0][1]
        except ldap.NO_SUCH_OBJECT:
            return None

    def find(self, filterstr, *args, attrs=None):
        """The one object that the filter finds: (dn, attributes)."""
        rows = self.search(ldap.filter.filter_format(filterstr, args), attrs)
        assert len(rows) == 1, f"{filterstr} {args}: {[dn for dn, _ in rows]}"
        return rows[0]

    def add(self, dn, **attrs):
        self._try(lambda c: c.add_s(dn, [(k, _values(v)) for k, v in attrs.items()]))

    def modify(self, dn, **attrs):
        """Replaces; None removes the attribute."""
        self._try(lambda c: c.modify_s(dn, [
            (ldap.MOD_REPLACE, k, _values(v) if v is not None else None) for k, v in attrs.items()]))

    def change(self, dn, *mods):
        self._try(lambda c: c.modify_s(dn, list(mods)))

    def rename(self, dn, rdn, parent=None):
        self._try(lambda c: c.rename_s(dn, rdn, parent))

    def delete(self, dn):
        self._try(lambda c: c.delete_s(dn))

    def undelete(self, guid, dn):
        """Of an object that was deleted what its tombstone has kept, under a new name."""
        show_deleted = ldap.controls.RequestControl("1.2.840.113556.1.4.417", True)
        self._try(lambda c: c.modify_ext_s(
            f"<GUID={guid}>", [(ldap.MOD_DELETE, "isDeleted", None),
                               (ldap.MOD_REPLACE, "distinguishedName", [dn.encode()])],
            serverctrls=[show_deleted]))

    def usn(self):
        return int(self.search("(objectClass=*)", ["highestCommittedUSN"], "", ldap.SCOPE_BASE)
                   [0][1]["highestCommittedUSN"][0])


def _values(v):
    values = v if isinstance(v, list) else [v]
    return [x if isinstance(x, bytes) else str(x).encode() for x in values]


class TestLab(Lab):
    """The lab, and the product's commands run in it."""
    __test__ = False

    def __init__(self, directory):
        super().__init__(directory, ROOT)
        self.source, self.target = Side(self, ACME), Side(self, GLOBEX)

    def command(self, *argv):
        subprocess.run([LAB, "--dir", self.dir, *argv], check=True)

    def reset(self):
        """The forests as populated; no map."""
        self.command("restore")
        self.source.conn = self.target.conn = None
        self.forget()

    def forget(self):
        """Without the map, as on a new machine."""
        shutil.rmtree(self.path("state"), ignore_errors=True)
        os.makedirs(self.path("state"))

    @property
    def special(self):
        with open(self.path("populate.json"), encoding="utf-8") as f:
            return json.load(f)["special"]

    def conf_text(self, **replacements):
        """galsync.conf of the lab with each KEY text replaced: conf_text(**{"old": "new"})."""
        with open(self.path("galsync.conf"), encoding="utf-8") as f:
            text = f.read()
        for old, new in replacements.items():
            assert old in text, old
            text = text.replace(old, new)
        return text

    def one_way(self):
        """Without the return flow, of which only its own tests are: the others would take twice as
        long. The configuration with it is kept."""
        path = self.path("galsync.conf")
        os.rename(path, self.path("both-ways.conf"))
        with open(self.path("both-ways.conf"), encoding="utf-8") as f:
            lines = [line for line in f if "return_contacts_ou" not in line]
        with open(path, "w", encoding="utf-8") as f:
            f.writelines(lines)

    def write_conf(self, text):
        path = self.path("test.conf")
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def run(self, argv, timeout_s=120, **kw):
        return subprocess.run(argv, text=True, errors="replace", check=False,
                              env={**os.environ, **self.env()}, timeout=patient(timeout_s),
                              **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE,
                                 "stderr": subprocess.PIPE, **kw})

    def galsyncd(self, *args, conf=None, **kw):
        return self.run([os.path.join(BUILD, "galsyncd"), "-c", conf or self.path("galsync.conf"),
                         *args], **kw)

    def galsyncctl(self, *args, conf=None, **kw):
        return self.run([os.path.join(BUILD, "galsyncctl"), "-c",
                         conf or self.path("galsync.conf"), *args], **kw)

    def full(self, *args, status=0, **kw):
        """One full synchronization that ends with STATUS."""
        p = self.galsyncd("--once", "--full", *args, **kw)
        assert p.returncode == status, f"status {p.returncode}\n{p.stdout}\n{p.stderr}"
        return p

    def finish_mailboxes(self):
        """What Update-Recipient does with the mailboxes that were created."""
        book = f"CN=Users,{self.target.base}"
        for dn, _ in self.target.search("(&(objectCategory=person)(homeMDB=*)(targetAddress=*)"
                                        "(!(showInAddressBook=*)))", ["cn"]):
            self.target.modify(dn, showInAddressBook=book)

    def records(self):
        """The map, by source GUID."""
        p = self.galsyncctl("--json", "map", "export")
        assert p.returncode == 0, p.stderr
        return {r["source"]["guid"]: r for r in json.loads(p.stdout)}


def patient(timeout_s):
    """A deadline for a busy machine: what is given fits one that has nothing else to do."""
    return timeout_s * 4


def wait_for(predicate, what, timeout_s=30):
    deadline = time.monotonic() + patient(timeout_s)
    while True:
        value = predicate()
        if value:
            return value
        assert time.monotonic() < deadline, f"{what}: not within {patient(timeout_s)} s"
        time.sleep(0.02)


@pytest.fixture(scope="session", name="lab_session")
def fixture_lab_session():
    kept = os.environ.get("GALSYNC_E2E_LAB")
    lab = TestLab(kept or tempfile.mkdtemp(prefix="lab-"))
    try:
        fresh = not (kept and space.holder_pid(lab))
        like = os.environ.get("GALSYNC_E2E_LIKE")
        if fresh and like:
            lab.command("up", "--like", like)
        elif fresh:
            lab.command("up")
            lab.command("populate", "--mini")
        space.enter(lab)
        if fresh:
            lab.one_way()
        if fresh and not like:
            # The DC notes the account's first logon, which moves the USN once.
            lab.galsyncd("--once", "--full", "--plan")
            lab.command("snapshot")
        yield lab
    finally:
        if not kept:
            space.destroy(lab)
            shutil.rmtree(lab.dir)


@pytest.fixture(scope="module")
def lab(lab_session):
    lab_session.reset()
    return lab_session
