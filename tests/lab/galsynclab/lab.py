# SPDX-License-Identifier: MIT
"""What a lab is: its two forests, the files of its directory, and its environment.

Everything a lab has lies below one directory (Lab.dir). Inside the lab's mount namespace
DIR/samba is seen as /var/lib/samba: socket paths stay short however deep DIR lies, no path that
Samba reads has a space in it, and the machine's own Samba is out of reach.
"""

import dataclasses
import os

MARKER = ".galsync-lab"
SAMBA_ROOT = "/var/lib/samba"


class LabError(Exception):
    """What the user of the lab must be told; the message is complete."""


@dataclasses.dataclass(frozen=True)
class Forest:
    name: str            # acme
    address: str         # 127.0.0.2
    organization: str    # Acme
    other: str           # the forest on the other end of the link
    number: int = 1      # of the domain controller

    @property
    def dc(self):
        """The domain controller's name in the lab: acme, acme2."""
        return self.name if self.number == 1 else f"{self.name}{self.number}"

    @property
    def domain(self):
        return f"{self.name}.example"

    @property
    def realm(self):
        return self.domain.upper()

    @property
    def netbios(self):
        return self.name.upper()

    @property
    def host(self):
        return f"dc{self.number}.{self.domain}"

    @property
    def base(self):
        return f"DC={self.name},DC=example"

    @property
    def uri(self):
        return f"ldap://{self.host}"

    @property
    def principal(self):
        return f"svc-galsync@{self.realm}"

    @property
    def admin_group(self):
        """The legacyExchangeDN of the administrative group of the Exchange organization."""
        return f"/o={self.organization}/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)"

    @property
    def home_server(self):
        return f"{self.admin_group}/cn=Configuration/cn=Servers/cn=EX1"

    @property
    def exchange_containers(self):
        """DNs in the configuration NC, parents first; the last ones are the databases."""
        dns = [f"CN=Services,CN=Configuration,{self.base}"]
        for rdn in ("Microsoft Exchange", self.organization, "Administrative Groups",
                    "Exchange Administrative Group (FYDIBOHF23SPDLT)", "Databases"):
            dns.append(f"CN={rdn},{dns[-1]}")
        return dns[1:] + [f"CN=DB{n},{dns[-1]}" for n in (1, 2)]

    @property
    def databases(self):
        return self.exchange_containers[-2:]

    @property
    def servers(self):
        """The DN of the container of the organization's servers."""
        return f"CN=Servers,{self.exchange_containers[3]}"

    # Paths as they are seen inside the lab.
    @property
    def samba_dir(self):
        return f"{SAMBA_ROOT}/{self.dc}"

    @property
    def smb_conf(self):
        return f"{self.samba_dir}/etc/smb.conf"

    @property
    def sam_ldb(self):
        return f"{self.samba_dir}/private/sam.ldb"


ACME = Forest("acme", "127.0.0.2", "Acme", "globex")
GLOBEX = Forest("globex", "127.0.0.3", "Globex", "acme")
FORESTS = (ACME, GLOBEX)
# The second domain controllers, which `lab add-dc` makes.
SECONDS = (Forest("acme", "127.0.0.4", "Acme", "globex", 2),
           Forest("globex", "127.0.0.5", "Globex", "acme", 2))
# A forest that `lab add-forest` makes, for the tests that need a third one.
INITECH = Forest("initech", "127.0.0.6", "Initech", "globex")

STAFF_OU = f"OU=Staff,{ACME.base}"
RETURN_OU = f"OU=Globex GAL,{ACME.base}"
MARKER_GROUP = f"CN=galsync-switched,{ACME.base}"
TARGET_OU = f"OU=Acme,{GLOBEX.base}"
PEOPLE_OU = f"OU=People,{GLOBEX.base}"
# What each forest begins with.
OUS = {ACME: (STAFF_OU, RETURN_OU), GLOBEX: (TARGET_OU, PEOPLE_OU),
       INITECH: (f"OU=Staff,{INITECH.base}",)}


def forest(name):
    """The forest by its name, or one of its domain controllers."""
    for f in FORESTS + SECONDS:
        if f.dc == name:
            return f
    raise LabError(f"there is no forest '{name}': it is acme or globex")


def second(f):
    """The second domain controller of the forest of F."""
    return next(s for s in SECONDS if s.name == f.name)


class Lab:
    def __init__(self, directory, repo):
        self.dir = os.path.realpath(directory)
        self.repo = repo
        self.holder_fd = None   # of the holder, for a process that has entered the lab

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def log(self, name):
        return self.path("log", name)

    @property
    def exists(self):
        return os.path.exists(self.path(MARKER))

    def check_dir(self):
        """Refuses a directory that is not a lab's: `down` removes the whole of it."""
        if os.path.exists(self.dir) and not self.exists and os.listdir(self.dir):
            raise LabError(f"{self.dir} is not empty and not a lab: choose another --dir")

    def env(self):
        e = {
            "GALSYNC_LAB_DIR": self.dir,
            "GALSYNC_CONF": self.path("galsync.conf"),
            "KRB5_CONFIG": self.path("etc", "krb5.conf"),
            "KRB5CCNAME": "FILE:" + self.path("krb5cc"),
            "LDAPTLS_CACERT": self.path("tls", "ca.pem"),
        }
        for f in FORESTS:
            e.update({
                f"{f.netbios}_{key}": value for key, value in (
                    ("URI", f.uri),
                    ("HOST", f.host),
                    ("ADDRESS", f.address),
                    ("REALM", f.realm),
                    ("BASE", f.base),
                    ("PRINCIPAL", f.principal),
                    ("BIND_DN", f"CN=svc-galsync,CN=Users,{f.base}"),
                    ("KEYTAB", self.path(f"{f.name}.keytab")),
                    ("PASSWORD_FILE", self.path(f"{f.name}.password")),
                    ("ADMIN", f"Administrator@{f.realm}"),
                    ("ADMIN_DN", f"CN=Administrator,CN=Users,{f.base}"),
                    ("ADMIN_PASSWORD_FILE", self.path(f"{f.name}.admin-password")),
                    ("CA_FILE", self.path("tls", "ca.pem")),
                    ("SMB_CONF", f.smb_conf),
                    ("DATABASE", f.databases[0]),
                )})
        e.update(ACME_SCOPE=STAFF_OU, ACME_RETURN_OU=RETURN_OU, ACME_MARKER_GROUP=MARKER_GROUP,
                 GLOBEX_TARGET_OU=TARGET_OU, GLOBEX_MATCH_SCOPE=PEOPLE_OU)
        return e
