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


class Running:
    """galsyncd under way; its lines on stderr are waited for."""
    last = None

    def __init__(self, lab, conf_file, *args):
        # Files: a process that has moved to another PID namespace cannot make threads.
        self.files = [tempfile.TemporaryFile("w+", errors="replace") for _ in range(2)]
        # pylint: disable=consider-using-with
        self.proc = subprocess.Popen(
            [os.path.join(BUILD, "galsyncd"), "-c", conf_file, *(args or ("--once", "--full"))],
            env={**os.environ, **lab.env()}, stdin=subprocess.DEVNULL, stdout=self.files[0],
            stderr=self.files[1])
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
        return subprocess.CompletedProcess(self.proc.args, self.proc.returncode, self.text(0),
                                           self.text(1))
