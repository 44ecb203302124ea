# SPDX-License-Identifier: MIT
"""Service accounts of the tests' own, and the rights that they are given."""

import fcntl
import os
import pty
import re
import shutil
import subprocess
import termios

import ldap

from badinput_helpers import simple, tls, write
from conftest import ROOT, patient
from galsynclab.lab import ACME


def _at_terminal(argv, env, typed, terminal):
    """Runs ARGV with a terminal of its own, on which TYPED is answered to every question; or
    without one, and with TYPED on the standard input."""
    if not terminal:
        p = subprocess.run(["setsid", "-w", *argv], input=typed, env=env, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True, timeout=patient(120), check=False)
        return p.returncode, p.stdout
    mine, its = pty.openpty()

    def own():
        os.setsid()
        fcntl.ioctl(its, termios.TIOCSCTTY, 0)
    with subprocess.Popen(argv, env=env, stdin=its, stdout=its, stderr=its, preexec_fn=own) as p:
        os.close(its)
        text, answered = "", 0
        while True:
            try:
                text += os.read(mine, 65536).decode(errors="replace")
            except OSError:     # nobody has the terminal any more
                break
            while text.count("Password") > answered:
                os.write(mine, typed.encode())
                answered += 1
        os.close(mine)
    return p.returncode, text.replace("\r\n", "\n")


def delegate(lab, forest, account, *args, script=os.path.join(ROOT, "conf", "delegate.sh")):
    """conf/delegate.sh for ACCOUNT, by the administrator of its forest."""
    cache = lab.path(f"{account}.admin-krb5cc")
    with open(lab.path(f"{forest.name}.admin-password"), encoding="ascii") as f:
        p = lab.run(["kinit", "-c", cache, f"Administrator@{forest.realm}"], stdin=f)
    assert p.returncode == 0, p.stderr
    try:
        return lab.run([script, "--server", forest.uri,
                        "--account", account, *args, "--", "--use-kerberos=required",
                        f"--use-krb5-ccache={cache}", f"--configfile={forest.smb_conf}"])
    finally:
        os.remove(cache)


class Account:
    """An account without any delegation, and the rights it is given."""

    def __init__(self, lab, forest, name):
        self.lab, self.forest, self.name = lab, forest, name
        self.side = lab.source if forest is ACME else lab.target
        self.dn = f"CN={name},CN=Users,{forest.base}"
        self.password = f"{name}-Passw0rd-1"
        self.side.add(self.dn, objectClass="user", sAMAccountName=name, userAccountControl="544")
        self.side.modify(self.dn, unicodePwd=f'"{self.password}"'.encode("utf-16-le"))
        self.side.modify(self.dn, userAccountControl="66048")
        # The first logon is written to lastLogonTimestamp: it must not look like a write of ours.
        conn = ldap.initialize(f"ldaps://{forest.host}")
        conn.set_option(ldap.OPT_X_TLS_CACERTFILE, lab.path("tls", "ca.pem"))
        conn.set_option(ldap.OPT_X_TLS_NEWCTX, 0)
        conn.simple_bind_s(self.dn, self.password)

    def may_create(self, ou, *classes):
        sid = self.lab.run(["ldbsearch", "-H", self.forest.sam_ldb, "-b", self.dn, "-s", "base",
                            "objectSid"]).stdout
        sid = re.search(r"objectSid: (S-\S+)", sid).group(1)
        sddl = "".join(f"(OA;CI;CC;{c};;{sid})" for c in classes)
        p = self.lab.run(["samba-tool", "dsacl", "set", "-H", self.forest.sam_ldb,
                          f"--objectdn={ou}", f"--trusteedn={self.dn}", f"--sddl={sddl}"])
        assert p.returncode == 0, p.stderr

    def keys(self, directory):
        """What the configuration says of its forest."""
        path = write(directory / f"{self.name}.password", self.password)
        return {"auth": simple(path, self.dn),
                "tls": tls("ldaps", self.lab.path("tls", "ca.pem"))}

    def connect(self):
        """A connection as the account."""
        conn = ldap.initialize(f"ldaps://{self.forest.host}")
        conn.set_option(ldap.OPT_REFERRALS, 0)
        conn.set_option(ldap.OPT_X_TLS_CACERTFILE, self.lab.path("tls", "ca.pem"))
        conn.set_option(ldap.OPT_X_TLS_NEWCTX, 0)
        conn.simple_bind_s(self.dn, self.password)
        return conn

    def delegate(self, *args, **kw):
        return delegate(self.lab, self.forest, self.name, *args, **kw)

    def delegate_by_password(self, directory, *args, terminal=True, typed=None):
        """The same as on a machine with Debian's own smb.conf and no ticket, as the README has it:
        (exit status, output, what the tools were called with and had in their environment).
        TYPED: what is typed at the terminal, or comes by the standard input if there is none."""
        if typed is None:
            with open(self.lab.path(f"{self.forest.name}.admin-password"), encoding="ascii") as f:
                typed = f.read()
        seen = directory / "seen"
        seen.write_text("")
        for tool in ("ldbsearch", "ldbmodify"):
            path = directory / tool
            path.write_text("#!/bin/sh\n{ echo CALLED; printf '%s\\n' \"$@\"; tr '\\0' '\\n' "
                            f"</proc/$$/environ; }} >>{seen}\nexec {shutil.which(tool)} \"$@\"\n")
            path.chmod(0o755)
        script = "mount --bind /usr/share/samba/smb.conf /etc/samba/smb.conf && exec \"$@\""
        env = {k: v for k, v in os.environ.items() if not k.startswith(("KRB5", "SMB_CONF"))}
        argv = ["timeout", "--foreground", str(patient(120)), "unshare", "-m", "sh", "-c", script, "sh",
                os.path.join(ROOT, "conf", "delegate.sh"), "--server", self.forest.uri,
                "--account", self.name, *args]
        status, text = _at_terminal(argv, env | {"PATH": f"{directory}:{os.environ['PATH']}"},
                                    typed, terminal)
        return status, text, seen.read_text()

    def entries(self, dn):
        """The access control entries of the account at DN, but for those that are inherited."""
        sid = self.lab.run(["ldbsearch", "-H", self.forest.sam_ldb, "-b", self.dn, "-s", "base",
                            "objectSid"]).stdout
        sid = re.search(r"objectSid: (S-\S+)", sid).group(1)
        p = self.lab.run(["samba-tool", "dsacl", "get", "-H", self.forest.sam_ldb,
                          f"--objectdn={dn}"])
        assert p.returncode == 0, p.stderr
        return sorted(e for e in re.findall(r"\([^()]*\)", p.stdout)
                      if e.endswith(f";{sid})") and "ID" not in e.split(";")[1])
