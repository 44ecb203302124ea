# SPDX-License-Identifier: MIT
"""Two real mail servers, one for each organization, that route by what is in the directory.

Each is a Postfix that reads the forest of its organization over LDAPS, for every message: nothing
is copied or cached, so what a test or the daemon writes holds for the next one. It logs on as the
service account; any account may read what it needs. Every recipient goes through the alias tables
(virtual_alias_maps) until nothing changes any more; the first table that knows an address answers:

    x500        IMCEAEX-NAME@DOMAIN, to which an old message is answered whose sender has an X500
                name, is replaced by the mail of the object with that legacyExchangeDN or X500
                address. NAME has four parts and is wrapped up: /o=A B is _o=A+20B.
    members     a group is replaced by the mail of the users and contacts in it, nested groups
                and all. Postfix can neither retrieve a large group by ranges nor end where
                groups contain each other. So the DN of the group is looked up, and then all that
                have that DN in their chain of memberOf: the directory does the work.
    empty       a group without members swallows what it gets.
    one         an object with targetAddress, a mailbox too, is replaced by that address; any
                other one with homeMDB by SAMACCOUNTNAME@mailboxes.DOMAIN, an address that exists
                inside the server only. Both by one read of one object, so that a mailbox in the
                middle of its turn is never nothing.

All look for proxyAddresses=smtp:ADDRESS, whatever the domain is: an organization resolves an
address of the other one, if an object of its own has it. What is left is routed by its domain:

    mailboxes.DOMAIN                     to the maildir named after the sAMAccountName
    a domain of the organization         nobody has the address: refused, or bounced
    a domain of the other organization   to the other server
    anything else                        the world outside: to the maildir "outside", where the
                                         bounces for the senders out there come to lie as well

Like Exchange: all proxy addresses count, whatever the case; targetAddress wins over the mailbox;
groups expand recursively and once; the other side's domain is an internal relay domain (shared
name space); a message that goes in a circle is bounced after a number of hops, here a small one.
Unlike Exchange: nothing is cached (Exchange: minutes, so a real turn is slower to show); a nested
group without mail is expanded as well; altRecipient, restrictions on senders and dynamic groups
are not looked at. In both, mail to an address that two objects have bounces.

The files are in DIR/mail, which the lab's processes see as /var/spool/postfix: the machine's own
Postfix is out of reach, paths are short, and user postfix needs no right on what DIR lies in.
"""

import os
import re
import shutil
import socket
import subprocess

from .forests import progress, wait_for, write_secret
from .lab import FORESTS, LabError, forest

ROOT = "/var/spool/postfix"
OUTSIDE = "outside"
HOPS = 10
PROGRAMS = "/usr/lib/postfix/sbin"
# The user that delivers mail: nobody, not the owner of the queue.
DELIVERY_UID = DELIVERY_GID = 65534

MAIN_CF = """compatibility_level = 3.6
queue_directory = {dir}/queue
data_directory = {dir}/data
maillog_file = {dir}/mail.log
myhostname = mail.{domain}
myorigin = mail.{domain}
inet_interfaces = {address}
inet_protocols = ipv4
smtp_bind_address = {address}
mynetworks = 127.0.0.0/8
mydestination =
alias_maps =
alias_database =
local_recipient_maps =
local_transport = error:there are no local users
disable_dns_lookups = yes
smtpd_peername_lookup = no
smtputf8_enable = no
smtp_connection_cache_on_demand = no

virtual_alias_domains = {own}
virtual_alias_maps = pipemap:{{regexp:{dir}/etc/wrapped, {unwrap}, ldap:{dir}/etc/x500.cf}},
	pipemap:{{ldap:{dir}/etc/group.cf, ldap:{dir}/etc/members.cf}},
	ldap:{dir}/etc/empty.cf,
	pipemap:{{ldap:{dir}/etc/one.cf, regexp:{dir}/etc/address}}
virtual_alias_expansion_limit = 10000
virtual_mailbox_domains = mailboxes.{domain}
virtual_mailbox_maps = ldap:{dir}/etc/maildir.cf
virtual_mailbox_base = {dir}/mailboxes
virtual_mailbox_limit = 0
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
relay_domains = {other}
relay_recipient_maps =
transport_maps = inline:{{ {routes} }}
default_transport = outside
# A copy for each mailbox, however many groups and addresses led to it.
enable_original_recipient = no

hopcount_limit = {hops}
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_client_connection_count_limit = 0
notify_classes =
minimal_backoff_time = 1s
maximal_backoff_time = 5s
queue_run_delay = 1s
transport_retry_time = 1s
default_process_limit = 8
"""
MASTER_CF = """{address}:25 inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
relay unix - - n - - smtp
virtual unix - n n - - virtual
outside unix - n n - - virtual
	-o virtual_mailbox_maps=static:{outside}/
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""
LDAP_CF = """version = 3
server_host = ldaps://{host}
tls_ca_cert_file = {dir}/etc/ca.pem
tls_require_cert = yes
bind = yes
bind_dn = CN=svc-galsync,CN=Users,{base}
bind_pw = {password}
search_base = {base}
scope = sub
"""
# What table "one" found, made an address. Two answers are separated by a comma.
ADDRESS = """/,/ ambiguous@nowhere.invalid
/^smtp:(.+)$/ $1
/^(.+)$/ $1@mailboxes.{domain}
"""
# The parts of a wrapped X500 name; and one "+XX" of it made a character, which is done many times.
WRAPPED = r"""/^IMCEAEX-_(o=[^_@]*)_(ou=[^_@]*)_(cn=[^_@]*)_(cn=[^_@]*)@/ /$(1)/$(2)/$(3)/$(4)
"""
ENCODED, ENCODED_MAX = " ()._,", 16
CHARACTER = "".join(rf"/^(.*)\+{ord(c):02X}(.*)$/ $(1){c}$(2)" + "\n" for c in ENCODED) + \
    "/^(.*)$/ $(1)\n"
ROUTES = ("nobody@nowhere.invalid = discard:",
          "ambiguous@nowhere.invalid = error:5.1.4 two objects have this address")
# Addresses alone, and not the ones that exist inside the server only.
BY_ADDRESS = "domain = !mailboxes.{domain}, static:all\n"
MEMBER_OF = "memberOf:1.2.840.113556.1.4.1941:"    # in a chain
HOLDER = "(proxyAddresses=smtp:%s)"
TABLES = {
    "x500": """query_filter = (&(|(legacyExchangeDN=%s)(proxyAddresses=X500:%s))(mail=*))
result_attribute = mail
""",
    "group": BY_ADDRESS + f"""query_filter = (&(objectClass=group){HOLDER}(member=*))
result_attribute = distinguishedName
""",
    "members": f"""query_filter = (&(objectCategory=person)(mail=*)({MEMBER_OF}=%s))
result_attribute = mail
""",
    "empty": BY_ADDRESS + f"""query_filter = (&(objectClass=group){HOLDER}(!(member=*)))
result_attribute = mail
result_format = nobody@nowhere.invalid
""",
    "one": BY_ADDRESS + f"""query_filter = (&{HOLDER}(|(targetAddress=*)(homeMDB=*)))
terminal_result_attribute = targetAddress
result_attribute = sAMAccountName
""",
    "maildir": """domain = mailboxes.{domain}
query_filter = (&(sAMAccountName=%u)(homeMDB=*))
result_attribute = sAMAccountName
result_format = %s/
""",
}


def domains(f):
    """The domains that the organization accepts; the last one carries redirected mail alone."""
    return [f.domain, f"old.{f.domain}", f"merged.{f.domain}", f"redirect.{f.domain}"]


def wrapped(x500, f):
    """The address that an old reply to the X500 name goes to."""
    name = re.sub("[^A-Za-z0-9=/-]", lambda m: f"+{ord(m[0]):02X}", x500).replace("/", "_")
    assert name.count("+") <= ENCODED_MAX
    return f"IMCEAEX-{name}@{f.domain}"


def _dir(f):
    return f"{ROOT}/{f.name}"


def mailboxes_dir(f):
    return f"{_dir(f)}/mailboxes"


def queue_dir(f):
    return f"{_dir(f)}/queue"


def _command(f, verb):
    return ["postfix", "-c", f"{_dir(f)}/etc", verb]


def _running(f):
    return os.path.exists(f"{_dir(f)}/etc/main.cf") and subprocess.run(
        _command(f, "status"), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, check=False).returncode == 0


def _configure(lab, f):
    other = forest(f.other)
    d = _dir(f)
    for name in ("etc", "queue", "data", "mailboxes"):
        os.makedirs(f"{d}/{name}")
    shutil.chown(f"{d}/data", "postfix")
    os.chown(f"{d}/mailboxes", DELIVERY_UID, DELIVERY_GID)
    # Read as user postfix, who may not look into the lab's own folder of certificates.
    shutil.copy(lab.path("tls", "ca.pem"), f"{d}/etc/ca.pem")
    routes = [f"{name} = relay:[{other.address}]:25" for name in domains(other)]
    values = {"dir": d, "domain": f.domain, "address": f.address, "host": f.host, "base": f.base,
              "own": " ".join(domains(f)), "other": " ".join(domains(other)), "hops": HOPS,
              "unwrap": ", ".join([f"regexp:{d}/etc/character"] * ENCODED_MAX),
              "outside": OUTSIDE, "uid": DELIVERY_UID, "gid": DELIVERY_GID,
              "routes": ", ".join(f"{{ {r} }}" for r in (*routes, *ROUTES))}
    with open(lab.path(f"{f.name}.password"), encoding="ascii") as src:
        values["password"] = src.read()
    for name, text in TABLES.items():
        write_secret(f"{d}/etc/{name}.cf", (LDAP_CF + text).format(**values))
        # virtual(8) reads its tables when it is no longer root.
        shutil.chown(f"{d}/etc/{name}.cf", group="postfix")
        os.chmod(f"{d}/etc/{name}.cf", 0o640)
    for name, text in (("main.cf", MAIN_CF.format(**values)),
                       ("master.cf", MASTER_CF.format(**values)),
                       ("address", ADDRESS.format(**values)),
                       ("wrapped", WRAPPED), ("character", CHARACTER)):
        with open(f"{d}/etc/{name}", "w", encoding="utf-8") as out:
            out.write(text)


def _answers(f):
    try:
        with socket.create_connection((f.address, 25), 1) as s:
            return s.recv(3) == b"220"
    except OSError:
        return False


def _mount(lab):
    """In the lab's mount namespace: gone with the lab."""
    if not (shutil.which("postfix") and os.path.exists(f"{PROGRAMS}/postlogd")
            and os.path.exists("/usr/lib/postfix/postfix-ldap.so") and os.path.isdir(ROOT)):
        raise LabError("mail needs Debian's packages postfix and postfix-ldap")
    if os.path.exists(lab.path("mail")):
        raise LabError("the mail servers were started already: run 'lab mail down' first")
    os.makedirs(lab.path("mail"))
    os.chmod(lab.path("mail"), 0o755)
    subprocess.run(["mount", "--bind", lab.path("mail"), ROOT], check=True)


def up(lab):
    _mount(lab)
    starts = []
    for f in FORESTS:
        _configure(lab, f)
        starts.append(subprocess.Popen(_command(f, "start"), stdin=subprocess.DEVNULL))
    for f, start in zip(FORESTS, starts):
        if start.wait():
            raise LabError(f"the mail server of {f.name} does not start")
        wait_for(f"the mail server of {f.name} does not answer", lambda f=f: _answers(f))
        progress(f"lab: mail.{f.domain} ({f.address}) answers")


def down(lab):
    """Stops both and throws their mail away; nothing to do when they do not run."""
    for f in FORESTS:
        if _running(f):
            subprocess.run(_command(f, "abort"), stdin=subprocess.DEVNULL, check=False)
            wait_for(f"the mail server of {f.name} does not end", lambda f=f: not _running(f))
    if os.path.exists(lab.path("mail")) and os.path.samefile(lab.path("mail"), ROOT):
        subprocess.run(["umount", "--lazy", ROOT], check=True)
    shutil.rmtree(lab.path("mail"), ignore_errors=True)
