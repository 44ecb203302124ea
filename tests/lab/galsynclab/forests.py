# SPDX-License-Identifier: MIT
"""Makes the two forests, and starts and stops their domain controllers.

Everything here runs inside the lab's namespaces (space.py). The forests get what an Exchange
organization has in the directory, a service account with a keytab, and the rights that
conf/delegate.sh gives it: the account is never an administrator.
"""

import os
import secrets
import shutil
import signal
import subprocess
import sys
import time

from . import schema
from .lab import (FORESTS, MARKER_GROUP, OUS, PEOPLE_OU, RETURN_OU, STAFF_OU, TARGET_OU, ACME,
                  LabError, SAMBA_ROOT)

SERVICE_CN = "svc-galsync"
EX_VERSION = "15312"
DC_DIRS = ("run", "lock", "ncalrpc", "cache")
COMPLETE = os.path.join("snapshot", "complete")     # there is a whole one


def _run(argv, log, **kw):
    with open(log, "ab") as out:
        p = subprocess.run(argv, stdout=out, stderr=out, stdin=subprocess.DEVNULL, check=False, **kw)
    if p.returncode:
        raise LabError(f"{argv[0]} {argv[1]} failed ({p.returncode}); its words are in {log}")


def write_secret(path, text):
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "w", encoding="utf-8") as f:
        f.write(text)


def wait_for(what, predicate, timeout_s=60):
    deadline = time.monotonic() + timeout_s
    while not predicate():
        if time.monotonic() > deadline:
            raise LabError(f"{what}: not within {timeout_s} s")
        time.sleep(0.02)


# Certificates, names

def _openssl(lab, *argv):
    _run(["openssl", *argv], lab.log("openssl.log"), cwd=lab.path("tls"))


def make_certificates(lab):
    for name, prefix in (("galsync lab CA", ""), ("another CA", "other-")):
        _openssl(lab, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj",
                 f"/CN={name}", "-keyout", f"{prefix}ca.key", "-out", f"{prefix}ca.pem")
    for f in FORESTS:
        make_certificate(lab, f)


def make_certificate(lab, f):
    """That of the forest's domain controller."""
    with open(lab.path("tls", f"{f.name}.ext"), "w", encoding="ascii") as out:
        out.write(f"subjectAltName=DNS:{f.host},IP:{f.address}\n")
    _openssl(lab, "req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={f.host}",
             "-keyout", f"{f.name}.key", "-out", f"{f.name}.csr")
    _openssl(lab, "x509", "-req", "-in", f"{f.name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
             "-CAcreateserial", "-days", "20", "-extfile", f"{f.name}.ext",
             "-out", f"{f.name}.pem")


def write_name_files(lab, all_forests=FORESTS):
    """hosts, resolv.conf and krb5.conf as the lab's processes see them. They may be mounted: what is
    there is written over."""
    with open(lab.path("etc", "hosts"), "w", encoding="ascii") as out:
        out.write("127.0.0.1 localhost\n")
        for f in all_forests:
            out.write(f"{f.address} {f.host} dc1-{f.name}\n")
    with open(lab.path("etc", "resolv.conf"), "w", encoding="ascii") as out:
        out.write("nameserver 127.0.0.1\noptions timeout:1 attempts:2\n")
    with open(lab.path("etc", "krb5.conf"), "w", encoding="ascii") as out:
        out.write("[libdefaults]\n default_realm = ACME.EXAMPLE\n dns_lookup_kdc = false\n"
                  " dns_lookup_realm = false\n rdns = false\n[realms]\n")
        for f in all_forests:
            out.write(f" {f.realm} = {{\n  kdc = {f.address}\n }}\n")
        out.write("[domain_realm]\n")
        for f in all_forests:
            out.write(f" .{f.domain} = {f.realm}\n")


def start_dns(lab):
    """Answers the SRV questions by which the daemon finds domain controllers."""
    argv = ["dnsmasq", "--keep-in-foreground", "--no-resolv", "--no-daemon", "--conf-file=/dev/null",
            "--listen-address=127.0.0.1", "--bind-interfaces", "--port=53", "--user=root",
            "--addn-hosts=" + lab.path("etc", "hosts"), "--local=/example/"]
    for f in FORESTS:
        argv += [f"--srv-host=_ldap._tcp.dc._msdcs.{f.domain},{f.host},389,0,100",
                 f"--srv-host=_ldap._tcp.{f.domain},{f.host},389,0,100",
                 f"--srv-host=_kerberos._tcp.{f.domain},{f.host},88,0,100"]
    _background(argv, lab.log("dnsmasq.log"))


def _background(argv, log):
    """Starts a process that outlives us inside the lab; the lab's first process inherits it."""
    with open(log, "ab") as out:
        p = subprocess.Popen(argv, stdout=out, stderr=out, stdin=subprocess.DEVNULL,
                             start_new_session=True)
    return p


# Forests

SMB_CONF = """
	server services = ldap, cldap, kdc
	pid directory = {d}/run
	lock directory = {d}/lock
	ncalrpc dir = {d}/ncalrpc
	cache directory = {d}/cache
	log file = {d}/log.samba
	tls enabled = yes
	tls keyfile = {d}/private/tls/dc.key
	tls certfile = {d}/private/tls/dc.pem
	tls cafile = {d}/private/tls/ca.pem
	dsdb:schema update allowed = yes
"""


def provision(lab, f, exchange=True):
    """Makes the forest's files, with or without Exchange's schema. The DC is not running yet."""
    log = lab.log(f"{f.name}.provision.log")
    d = f.samba_dir
    _run(["samba-tool", "domain", "provision", f"--targetdir={d}", f"--realm={f.realm}",
          f"--domain={f.netbios}", "--server-role=dc", "--dns-backend=NONE",
          f"--host-ip={f.address}", "--host-name=dc1", f"--option=interfaces = {f.address}/8",
          "--option=bind interfaces only = yes", "--option=pid directory = " + d,
          "--option=cache directory = " + d, "--option=lock directory = " + d], log)
    for name in (*DC_DIRS, "private/tls"):
        os.makedirs(f"{d}/{name}", exist_ok=True)
    os.chmod(f"{d}/private/tls", 0o700)
    for name, to in ((f"{f.name}.key", "dc.key"), (f"{f.name}.pem", "dc.pem"), ("ca.pem", "ca.pem")):
        with open(lab.path("tls", name), encoding="ascii") as src:
            write_secret(f"{d}/private/tls/{to}", src.read())
    with open(f.smb_conf, encoding="utf-8") as src:
        lines = [line for line in src if not line.strip().startswith(
            ("pid directory", "cache directory", "lock directory", "server services"))]
    at = lines.index("[global]\n") + 1
    lines[at:at] = [SMB_CONF.format(d=d)]
    with open(f.smb_conf, "w", encoding="utf-8") as out:
        out.writelines(lines)
    _fill(lab, f, exchange)
    _run(["samba-tool", "spn", "add", f"ldap/{f.host}", "DC1$", "-s", f.smb_conf], log)
    _run(["samba-tool", "domain", "exportkeytab", lab.path(f"{f.name}.keytab"),
          f"--principal={f.principal}", "-s", f.smb_conf], log)
    os.chmod(lab.path(f"{f.name}.keytab"), 0o600)


def open_sam(f):
    """The forest's database, as the system: for setting up, never for what is under test."""
    # Imported here: the command's other verbs work without python3-samba.
    # pylint: disable=import-outside-toplevel
    from samba.auth import system_session
    from samba.param import LoadParm
    from samba.samdb import SamDB
    lp = LoadParm()
    lp.load(f.smb_conf)
    return SamDB(url=f.sam_ldb, session_info=system_session(), lp=lp)


def _fill(lab, f, exchange):
    sam = open_sam(f)
    for ldif in schema.stages(str(sam.get_schema_basedn())) if exchange else ():
        sam.modify_ldif(ldif)
        sam.set_schema_update_now()
    sam = open_sam(f)
    _add_exchange(sam, f, exchange)
    for dn in OUS[f]:
        sam.add({"dn": dn, "objectClass": "organizationalUnit"})
    if f is ACME:
        sam.add({"dn": MARKER_GROUP, "objectClass": "group", "sAMAccountName": "galsync-switched"})
    admin, service = secrets.token_urlsafe(18) + "aA1!", secrets.token_urlsafe(18) + "aA1!"
    sam.setpassword("(sAMAccountName=Administrator)", admin)
    write_secret(lab.path(f"{f.name}.admin-password"), admin)
    sam.newuser(SERVICE_CN, service)
    write_secret(lab.path(f"{f.name}.password"), service)


def _add_exchange(sam, f, has_schema):
    for dn in f.exchange_containers + [f.servers]:
        sam.add({"dn": dn, "objectClass": "container"})
    server = {"dn": f"CN=EX1,{f.servers}", "objectClass": "container"}
    if has_schema:
        server["legacyExchangeDN"] = f.home_server
    sam.add(server)


def start(lab, f):
    if os.path.exists(_pid_file(f)) and running(f):
        raise LabError(f"the DC of {f.dc} runs already")
    p = _background(["samba", "-F", "-M", "single", "-s", f.smb_conf], lab.log(f"{f.dc}.log"))
    with open(_pid_file(f), "w", encoding="ascii") as out:
        out.write(f"{p.pid}\n")

    def answers():
        if p.poll() is not None:
            raise LabError(f"the DC of {f.dc} ended; see {lab.log(f.dc + '.log')}")
        return _port_open(f, 389) and _port_open(f, 88)

    wait_for(f"the DC of {f.dc} does not answer", answers)


def stop(f, sig=signal.SIGTERM):
    with open(_pid_file(f), encoding="ascii") as src:
        pid = int(src.read())
    os.kill(pid, sig)
    if sig != signal.SIGSTOP:
        wait_for(f"the DC of {f.dc} does not end", lambda: not running(f))


def _between_stop_and_start(lab, function):
    up = [f for f in FORESTS if running(f)]
    for f in up:
        stop(f)
    try:
        function()
    finally:
        for f in up:
            start(lab, f)


def snapshot(lab):
    """Keeps both databases as they are now, in place of an earlier snapshot."""
    def save():
        if has_snapshot(lab):
            os.unlink(lab.path(COMPLETE))
        for f in FORESTS:
            to = lab.path("snapshot", f.name)
            shutil.rmtree(to, ignore_errors=True)
            os.makedirs(to)
            _run(["cp", "-a", "--sparse=always", f"{f.samba_dir}/private", to], lab.log("snapshot.log"))
        with open(lab.path(COMPLETE), "w", encoding="ascii"):
            pass

    _between_stop_and_start(lab, save)


def has_snapshot(lab):
    return os.path.exists(lab.path(COMPLETE))


def copy_snapshot(lab, other):
    """Makes both forests as those that lab OTHER has kept: with the same names, keys, passwords and
    certificates. Inside a lab its paths are those of every lab. The DCs are not running yet."""
    if not has_snapshot(other):
        raise LabError(f"there is no snapshot in {other.dir}: run 'lab snapshot' there first")

    def copy(*names, to):
        _run(["cp", "-a", "--sparse=always", *(other.path(n) for n in names), to],
             lab.log("snapshot.log"))

    copy("tls", "snapshot", to=lab.dir)
    for f in FORESTS:
        copy(*(f"{f.name}.{what}" for what in ("keytab", "password", "admin-password")), to=lab.dir)
        to = lab.path("samba", f.dc)
        for name in DC_DIRS:
            os.makedirs(f"{to}/{name}", exist_ok=True)
        copy(*(f"samba/{f.dc}/{name}" for name in ("etc", "state")),
             f"snapshot/{f.name}/private", to=to)
    copy("populate.json", to=lab.dir)


def restore(lab):
    """Brings both forests back to the snapshot. Time goes back for them, as after a restored
    virtual machine: what a client remembers of USNs is void."""
    def load():
        for f in FORESTS:
            if not os.path.isdir(lab.path("snapshot", f.name)):
                raise LabError("there is no snapshot: run 'lab snapshot' first")
            shutil.rmtree(f"{f.samba_dir}/private")
            _run(["cp", "-a", "--sparse=always", lab.path("snapshot", f.name, "private"), f.samba_dir],
                 lab.log("snapshot.log"))

    _between_stop_and_start(lab, load)


def resume(f):
    with open(_pid_file(f), encoding="ascii") as src:
        os.kill(int(src.read()), signal.SIGCONT)


def running(f):
    try:
        with open(_pid_file(f), encoding="ascii") as src:
            pid = int(src.read())
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as src:
            return src.read().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError, ValueError):
        return False


def _pid_file(f):
    return f"{SAMBA_ROOT}/{f.dc}.pid"


def _port_open(f, port):
    import socket   # pylint: disable=import-outside-toplevel
    with socket.socket() as s:
        s.settimeout(1)
        return s.connect_ex((f.address, port)) == 0


# Rights

def delegate(lab, f):
    """The script that administrators use too, run as the administrator over LDAP."""
    argv = [os.path.join(lab.repo, "conf", "delegate.sh"), "--server", f.uri,
            "--account", SERVICE_CN]
    if f is ACME:
        argv += ["--source-scope", STAFF_OU, "--return-ou", RETURN_OU,
                 "--marker-group", MARKER_GROUP]
    else:
        argv += ["--target-ou", TARGET_OU, "--match-scope", PEOPLE_OU]
    log, cache = lab.log(f"{f.name}.delegate.log"), lab.path(f"{f.name}.admin-krb5cc")
    with open(lab.path(f"{f.name}.admin-password"), encoding="ascii") as password:
        subprocess.run(["kinit", "-c", cache, f"Administrator@{f.realm}"], stdin=password,
                       stdout=subprocess.DEVNULL, check=True)
    _run(argv + ["--", "--use-kerberos=required", f"--use-krb5-ccache={cache}",
                 f"--configfile={f.smb_conf}"], log)
    os.remove(cache)


# In a small organization in which much is tried, the default of five percent is soon used up.
LIMITS = "limits = { delete_percent = 40; redirection_percent = 100; " \
         "primary_change_percent = 100; matches = 1000; };"


def write_conf(lab):
    def forest(f):
        return f"""  {{ name = "{f.name}";
    domain = "{f.domain}";
    auth = {{ mechanism = "GSSAPI"; principal = "{f.principal}"; keytab = "{lab.path(f.name + '.keytab')}"; }};
    mail_domains = [ "{f.domain}" ];
    redirect_domain = "redirect.{f.domain}"; }}"""

    source, target = FORESTS
    text = f"""# The lab's configuration: galsyncd -c {lab.path('galsync.conf')}
state_directory = "{lab.path('state')}";
map_size_mb = 16384;
forests = (
{forest(source)},
{forest(target)} );
links = (
  {{ name = "acme-globex"; source = "acme"; target = "globex";
    scopes = ( {{ base = "{STAFF_OU}"; kinds = [ "user", "group", "contact" ];
                 target_ou = "{TARGET_OU}"; create = "mailbox"; }} );
    match = [ "stamp", "sid-history", "x500", "mail", "sam-account-name" ];
    return_contacts_ou = "{RETURN_OU}";
    mailbox = {{ databases = [ "{target.databases[0]}",
                              "{target.databases[1]}" ];
                home_server = "{target.home_server}"; }};
    {LIMITS}
    interval_s = 60; }} );
"""
    with open(lab.path("galsync.conf"), "w", encoding="utf-8") as out:
        out.write(text)


def progress(text):
    print(text, file=sys.stderr, flush=True)
