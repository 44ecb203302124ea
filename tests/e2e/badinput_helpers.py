# SPDX-License-Identifier: MIT
"""What the tests of bad input and of faults share: a configuration that is wrong in one place, and
the demands that every refusal meets."""

import os
import re
import subprocess
import tempfile

from conftest import BUILD, patient, wait_for
from galsynclab.lab import GLOBEX, STAFF_OU, TARGET_OU

DONE, FAILED, USAGE, HELD = range(4)
# What the populated forests end with: some of the objects are in conflict on purpose.
COMPLETE = HELD
SAMPLE_CONF = """state_directory = "{state}";
map_size_mb = {map_size_mb};
forests = ( {acme},
  {globex} );
links = ( {{ name = "acme-globex"; source = "acme"; target = "globex";
    scopes = ( {{ base = "{base}"; target_ou = "{target_ou}"; create = "{create}"; }} );
    mailbox = {{ databases = [ "{database}" ]; home_server = "{home_server}"; }};
    {link}
}} );
"""


def write(path, content="", mode=0o600):
    with open(path, "wb" if isinstance(content, bytes) else "w") as f:
        f.write(content)
    os.chmod(path, mode)
    return str(path)


def gssapi(keytab, principal=GLOBEX.principal):
    return f'{{ principal = "{principal}"; keytab = "{keytab}"; }}'


def simple(password_file, bind_dn=f"CN=svc-galsync,CN=Users,{GLOBEX.base}"):
    return (f'{{ mechanism = "SIMPLE"; bind_dn = "{bind_dn}"; '
            f'password_file = "{password_file}"; }}')


def tls(mode, ca_file):
    return f'{{ mode = "{mode}"; ca_file = "{ca_file}"; }}'


def _forest(lab, name, *, auth=None, domain=None, servers=(), extra="", **groups):
    auth = auth or gssapi(lab.path(f"{name}.keytab"), f"svc-galsync@{name.upper()}.EXAMPLE")
    text = f'{{ name = "{name}"; domain = "{domain or name + ".example"}"; auth = {auth};'
    if servers:
        text += " servers = [ " + ", ".join(f'"{s}"' for s in servers) + " ];"
    for key, value in groups.items():
        text += f" {key} = {value};"
    return text + (f' mail_domains = [ "{name}.example" ];'
                   f' redirect_domain = "redirect.{name}.example"; {extra} }}')


def conf(lab, directory, *, acme=None, globex=None, **values):
    """Writes a configuration below DIRECTORY. ACME and GLOBEX override keys of the forests, VALUES
    the fields of SAMPLE_CONF. The path is the answer."""
    fields = {"state": f"{directory}/state", "map_size_mb": 64, "base": STAFF_OU,
              "target_ou": TARGET_OU, "create": "mailbox", "database": GLOBEX.databases[0],
              "home_server": GLOBEX.home_server, "link": "", **values}
    text = SAMPLE_CONF.format(acme=_forest(lab, "acme", **acme or {}),
                              globex=_forest(lab, "globex", **globex or {}), **fields)
    return write(f"{directory}/galsync.conf", text)


def secrets(lab):
    """Everything that no output may ever have in it."""
    for name in ("acme", "globex"):
        for kind in ("password", "admin-password"):
            with open(lab.path(f"{name}.{kind}"), encoding="ascii") as f:
                yield f.read().strip()


def check_output(lab, p, *more_secrets):
    """No secret, and nothing that a crash or a sanitizer leaves."""
    for secret in [*secrets(lab), *more_secrets]:
        assert secret not in p.stdout + p.stderr
    assert p.returncode >= 0, f"ended by signal {-p.returncode}"
    assert not re.search(r"AddressSanitizer|runtime error|LeakSanitizer", p.stderr), p.stderr


def check_words(text, words):
    missing = [w for w in words if w not in text]
    assert not missing, f"{missing} not in:\n{text}"


def usns(lab):
    return lab.source.usn(), lab.target.usn()


def first_logon(lab):
    """The first logon of an account is written to its lastLogonTimestamp. After it, a changed USN
    is another program's write."""
    p = lab.galsyncd("--once", "--full", "--plan")
    assert p.returncode == COMPLETE, p.stderr


def refused(lab, conf_file, *words, status=FAILED, args=("--once", "--full"), secret=()):
    """A run that ends with STATUS, says all of WORDS and has written nothing to either forest."""
    before = usns(lab)
    p = lab.galsyncd(*args, conf=conf_file)
    assert usns(lab) == before, "something was written"
    assert p.returncode == status, f"status {p.returncode}\n{p.stdout}\n{p.stderr}"
    check_output(lab, p, *secret)
    check_words(p.stderr, words)
    return p


_P1, _P2, _P3, _P4, _P5 = (0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9,
                           0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5)
_ALL = 2**64 - 1


def _rotate(v, by):
    v &= _ALL
    return (v << by | v >> (64 - by)) & _ALL


def _round(lane, octets):
    return _rotate(lane + int.from_bytes(octets, "little") * _P2, 31) * _P1 & _ALL


def _sum64(data, seed):
    """XXH64, as dsa/base/sum64.c has it."""
    at, h = 0, seed + _P5
    if len(data) >= 32:
        lanes = [seed + _P1 + _P2, seed + _P2, seed, seed - _P1]
        for at in range(0, len(data) - 31, 32):
            lanes = [_round(lane, data[at + 8 * i:at + 8 * i + 8]) for i, lane in enumerate(lanes)]
        at += 32
        h = sum(_rotate(lane, by) for lane, by in zip(lanes, (1, 7, 12, 18)))
        for lane in lanes:
            h = (h ^ _round(0, lane.to_bytes(8, "little"))) * _P1 + _P4 & _ALL
    h += len(data)
    while at + 8 <= len(data):
        h = _rotate(h & _ALL ^ _round(0, data[at:at + 8]), 27) * _P1 + _P4
        at += 8
    if at + 4 <= len(data):
        h = _rotate(h & _ALL ^ int.from_bytes(data[at:at + 4], "little") * _P1 & _ALL, 23) * _P2
        h += _P3
        at += 4
    for octet in data[at:]:
        h = _rotate(h & _ALL ^ octet * _P5 & _ALL, 11) * _P1
    h &= _ALL
    h = (h ^ h >> 33) * _P2 & _ALL
    h = (h ^ h >> 29) * _P3 & _ALL
    return h ^ h >> 32


def with_sum(database, key, value):
    """VALUE as it stands in the map, with its check sum behind it."""
    seed = _sum64(key, _sum64(database.encode(), 0))
    return value + _sum64(value, seed).to_bytes(8, "little")


class Running:
    """galsyncd under way; its lines on stderr are waited for. TERMINAL: that is one, and has its
    progress too."""
    last = None

    def __init__(self, lab, conf_file, *args, terminal=False):
        # Files: a process that has moved to another PID namespace cannot make threads.
        self.files = [tempfile.TemporaryFile("w+", errors="replace") for _ in range(2)]
        master, slave = os.openpty() if terminal else (None, None)
        # pylint: disable=consider-using-with
        self.proc = subprocess.Popen(
            [os.path.join(BUILD, "galsyncd"), "-c", conf_file, *(args or ("--once", "--full"))],
            env={**os.environ, **lab.env(), "TERM": "xterm"}, stdin=subprocess.DEVNULL,
            stdout=self.files[0], stderr=slave if terminal else self.files[1])
        self.copier = None
        if terminal:
            # It ends when nobody has the terminal any more.
            os.close(slave)
            self.copier = subprocess.Popen(["cat"], stdin=master, stdout=self.files[1],
                                           stderr=subprocess.DEVNULL)
            os.close(master)
        Running.last = self

    def text(self, number):
        """What it has written so far. The offset is shared with the writer: pread leaves it."""
        fd = self.files[number].fileno()
        return os.pread(fd, os.fstat(fd).st_size, 0).decode(errors="replace")

    def wait_line(self, word, timeout_s=30):
        def look():
            ended = self.proc.poll() is not None
            if word in self.text(1):
                return True
            assert not ended, f"ended without '{word}':\n{self.text(1)}"
            return False
        wait_for(look, f"'{word}' on stderr", timeout_s)

    def end(self, timeout_s=60):
        """Waits for the end: what subprocess.run() would have answered."""
        try:
            self.proc.wait(patient(timeout_s))
        finally:
            if self.proc.poll() is None:
                self.proc.kill()
                self.proc.wait()
            if self.copier:
                self.copier.wait(patient(timeout_s))
        return subprocess.CompletedProcess(self.proc.args, self.proc.returncode, self.text(0),
                                           self.text(1))
