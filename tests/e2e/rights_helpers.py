# SPDX-License-Identifier: MIT
"""Service accounts of the tests' own, and the rights that they are given."""

import os
import re

import ldap

from badinput_helpers import simple, tls, write
from conftest import ROOT
from galsynclab.lab import ACME


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

    def delegate(self, *args):
        """conf/delegate.sh for the account, by the administrator of its forest."""
        cache = self.lab.path(f"{self.name}.admin-krb5cc")
        with open(self.lab.path(f"{self.forest.name}.admin-password"), encoding="ascii") as f:
            p = self.lab.run(["kinit", "-c", cache, f"Administrator@{self.forest.realm}"], stdin=f)
        assert p.returncode == 0, p.stderr
        try:
            return self.lab.run([os.path.join(ROOT, "conf", "delegate.sh"), "--server",
                                 self.forest.uri, "--account", self.name, *args, "--",
                                 "--use-kerberos=required", f"--use-krb5-ccache={cache}",
                                 f"--configfile={self.forest.smb_conf}"])
        finally:
            os.remove(cache)

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
