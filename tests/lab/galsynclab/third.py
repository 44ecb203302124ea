# SPDX-License-Identifier: MIT
"""A third forest, beside the two that every lab has.

It is made when a test asks for it, which takes some seconds, and thrown away afterwards: `restore`
knows nothing of it. Its domain controller is found by name, not by SRV records.
"""

import os
import shutil
import subprocess

from . import forests
from .lab import FORESTS, INITECH


def add(lab):
    subprocess.run(["ip", "address", "replace", f"{INITECH.address}/8", "dev", "lo"], check=True)
    forests.write_name_files(lab, FORESTS + (INITECH,))
    forests.make_certificate(lab, INITECH)
    forests.provision(lab, INITECH)
    forests.start(lab, INITECH)


def remove(lab):
    if forests.running(INITECH):
        forests.stop(INITECH)
    shutil.rmtree(INITECH.samba_dir, ignore_errors=True)
    for name in ("keytab", "password", "admin-password"):
        if os.path.exists(lab.path(f"{INITECH.name}.{name}")):
            os.remove(lab.path(f"{INITECH.name}.{name}"))
    forests.write_name_files(lab)
