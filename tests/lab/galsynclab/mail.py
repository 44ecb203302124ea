# SPDX-License-Identifier: MIT
"""Mail for tests: send a message with an id of its own, and find where it landed.

    mail = Mail()
    mail.send(ACME, "martha.full@acme.example", "one")
    mail.wait(["one"])
    mail.landed("one")      # [Landed(forest="globex", mailbox="martha.full", ...)]
    mail.bounced("one")     # []

The mail servers are postfix.py's, and must run; all of this works inside the lab only. A message
that was answered with an error is an exception of send() already. One that came back afterwards
lies in the maildir of the world outside, where its sender lives.
"""

import dataclasses
import glob
import os
import re
import smtplib

from .forests import wait_for
from .lab import FORESTS
from .postfix import OUTSIDE, mailboxes_dir, queue_dir

# The kernel's clock for files lags behind the real one by up to a tick.
TICK_S = 0.02
SENDER = "sender@outside.example"
ID = re.compile(rb"^X-Galsync-Test: (\S+)\r?$", re.M)
QUEUES = ("maildrop", "incoming", "active", "deferred", "hold", "corrupt")


@dataclasses.dataclass(frozen=True)
class Landed:
    forest: str
    mailbox: str        # sAMAccountName, or OUTSIDE
    recipient: str      # the address it had last
    time: float         # of the delivery or a little later, by time.time()


class Mail:
    def __init__(self):
        self._landed, self._bounced = {}, {}

    def send(self, f, recipients, name, sender=SENDER):
        """Hands the message to the organization's server; SMTPException if that refuses it."""
        to = [recipients] if isinstance(recipients, str) else recipients
        text = (f"From: {sender}\r\nTo: {', '.join(to)}\r\nSubject: {name}\r\n"
                f"Message-ID: <{name}@outside.example>\r\nX-Galsync-Test: {name}\r\n\r\nTest.\r\n")
        with smtplib.SMTP(f.address, 25, local_hostname="outside.example", timeout=60) as smtp:
            refused = smtp.sendmail(sender, to, text)
            if refused:
                raise smtplib.SMTPRecipientsRefused(refused)

    def _read_one(self, f, mailbox, path):
        with open(path, "rb") as file:
            octets = file.read()
            when = os.fstat(file.fileno()).st_ctime
        head = octets.partition(b"\n\n")[0]
        recipient = re.search(rb"^Delivered-To: (.*)$", head, re.M).group(1).decode()
        returned = re.search(rb"^Return-Path: <>", head, re.M)
        # A bounce has the headers of its message within its body.
        found = ID.search(octets if returned else head)
        name = found.group(1).decode() if found else None
        landed = Landed(f.name, mailbox, recipient, when + TICK_S)
        (self._bounced if returned else self._landed).setdefault(name, []).append(landed)

    def read(self):
        """Looks into all mailboxes. What was read is new no more, as in any maildir."""
        for f in FORESTS:
            for path in glob.iglob(f"{mailboxes_dir(f)}/*/new/*"):
                self._read_one(f, path.split("/")[-3], path)
                os.rename(path, path.replace("/new/", "/cur/"))

    def landed(self, name):
        """Where, as it was read last."""
        return self._landed.get(name, [])

    def bounced(self, name):
        return self._bounced.get(name, [])

    def queued(self):
        """How many messages are under way. A message is written into the next queue, or into its
        mailbox, before it leaves the one it is in, so each server is asked twice, in turn."""
        return max(_queued(f) for f in FORESTS * 2)

    def wait(self, names, timeout_s=120):
        """Until each has landed or come back, and nothing at all is under way any more."""
        def ended():
            self.read()
            left = [n for n in names if n not in self._landed and n not in self._bounced]
            return not left and not self.queued()
        wait_for("mail is still under way, see mail/*/mail.log", ended, timeout_s)
        self.read()


def _queued(f):
    return sum(len(files) for queue in QUEUES
               for _, _, files in os.walk(os.path.join(queue_dir(f), queue)))
