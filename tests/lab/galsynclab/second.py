# SPDX-License-Identifier: MIT
"""A second domain controller for a forest.

It is joined to the domain as any other is, with a database and an invocationId of its own.
Replication is real too, but happens on command alone: so a test decides how far one of them lags
behind the other.
"""

import os
import re
import shutil
import subprocess

from . import forests
from .lab import second

# RPC is what domain controllers replicate by.
SERVICES = "ldap, cldap, kdc, rpc"
SMB_CONF = """	server services = {services}
	tls enabled = no
	ldap server require strong auth = no
	ncalrpc dir = {d}/ncalrpc
	log file = {d}/log.samba
"""


def _samba_tool(lab, f, *argv):
    """As the administrator; arguments are everybody's to read, the environment is not."""
    with open(lab.path(f"{f.name}.admin-password"), encoding="ascii") as password:
        env = {**os.environ, "PASSWD": password.read()}
    # pylint: disable=protected-access
    forests._run(["samba-tool", *argv, f"--username=Administrator@{f.realm}"],
                 lab.log(f"{f.name}.second.log"), env=env)


def _edit(path, function):
    """In place: the file may be a mount."""
    with open(path, "r+", encoding="utf-8") as file:
        text = function(file.read())
        file.seek(0)
        file.truncate()
        file.write(text)


def _set_services(path, text):
    def edit(conf):
        conf = re.sub(r"(?m)^\s*(server services|tls enabled|log file|ncalrpc dir) = .*\n", "", conf)
        return conf.replace("[global]\n", "[global]\n" + text, 1)
    _edit(path, edit)


def serve_rpc(f, yes):
    """From its next start on."""
    _edit(f.smb_conf, lambda conf: re.sub(
        r"server services = .*", "server services = " + (SERVICES if yes else "ldap, cldap, kdc"),
        conf))


def _name_files(lab, f, s, add):
    """Its name, and that it is a KDC too."""
    host, kdc = f"{s.address} {s.host} dc2-{s.name}\n", f"  kdc = {f.address}\n"
    _edit(lab.path("etc", "hosts"), lambda t: t.replace(host, "") + (host if add else ""))
    _edit(lab.path("etc", "krb5.conf"), lambda t: t.replace(f"  kdc = {s.address}\n", "").replace(
        kdc, kdc + (f"  kdc = {s.address}\n" if add else "")))


def add(lab, f):
    s = second(f)
    d = s.samba_dir
    subprocess.run(["ip", "address", "replace", f"{s.address}/8", "dev", "lo"], check=True)
    _name_files(lab, f, s, True)
    forests.stop(f)
    serve_rpc(f, True)
    forests.start(lab, f)
    os.makedirs(d, exist_ok=True)
    _samba_tool(lab, f, "domain", "join", f.domain, "DC", f"--server={f.host}", f"--targetdir={d}",
                "--dns-backend=NONE", f"--realm={f.realm}",
                f"--option=interfaces={s.address}/8", "--option=bind interfaces only=yes",
                "--option=netbios name=DC2", f"--option=pid directory={d}",
                f"--option=cache directory={d}", f"--option=lock directory={d}")
    os.makedirs(f"{d}/ncalrpc", exist_ok=True)
    _set_services(s.smb_conf, SMB_CONF.format(services=SERVICES, d=d))
    _samba_tool(lab, f, "spn", "add", f"ldap/{s.host}", "DC2$", "-s", f.smb_conf)
    forests.start(lab, s)
    replicate(lab, f, s)


def remove(lab, f):
    s = second(f)
    for dc in (f, s):
        if forests.running(dc):
            forests.resume(dc)
            forests.stop(dc)
    shutil.rmtree(s.samba_dir, ignore_errors=True)
    _name_files(lab, f, s, False)
    serve_rpc(f, False)
    forests.start(lab, f)


def replicate(lab, source, to):
    """TO takes over what SOURCE knows and TO does not; SOURCE has to run."""
    _samba_tool(lab, to, "drs", "replicate", to.host, source.host, to.base, "--local", "-s",
                to.smb_conf)
