# SPDX-License-Identifier: MIT
"""What is measured inside a lab that is up and populated; bench.py runs this with `lab run`.

    inlab.py OPTIONS-AS-JSON

OPTIONS: tools (directory of the binaries), users, rounds, parts (full, resync, both, links, latency,
memory, delta, switch, peers), out (file for the result, JSON). Every timed run but those of delta and switch
begins with both domain controllers just started from the same files, and with both sides read once,
so that no run finds warmer caches than another.
"""

import json
import os
import re
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "lab")]

# pylint: disable=wrong-import-position
from galsynclab.lab import FORESTS      # noqa: E402
import measure                          # noqa: E402
from measure import BenchError          # noqa: E402

LAB = os.path.join(os.path.dirname(HERE), "lab", "lab")
FILTER = ("(|(objectClass=user)(objectClass=contact)(objectClass=group)"
          "(objectClass=msExchDynamicDistributionList)(objectClass=publicFolder))")
WINDOW = "64"
DELAY_PORT = 10389
DELAY_MS = 5        # each way
DONE = (0, 3)       # the populated forests have conflicts on purpose


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


class Bench:
    say = staticmethod(say)

    def __init__(self, tools, directory):
        self.tools = tools
        self.dir = directory
        self.work = os.path.join(directory, "bench")
        self.log = os.path.join(directory, "log", "bench.log")
        self.relays = []
        os.makedirs(self.work, exist_ok=True)
        self.conf = self.make_conf("galsync.conf")
        self.far_conf = self.make_conf("far.conf", port=DELAY_PORT)
        self.both_conf = self.make_conf("both.conf", both=True)
        self.attrs = self._attrs()

    def path(self, *parts):
        return os.path.join(self.work, *parts)

    def tool(self, name):
        return os.path.join(self.tools, name)

    def make_conf(self, name, port=None, interval_s=60, both=False, links="",
                  scopes=None):
        """The lab's configuration with a map of its own, and perhaps with other servers, more LINKS
        and other SCOPES; without a return flow, unless it is for BOTH."""
        with open(os.environ["GALSYNC_CONF"], encoding="utf-8") as f:
            text = f.read()
        if not both:
            text = re.sub(r"^ *return_contacts_ou = .*\n", "", text, flags=re.M)
        if scopes:
            text = re.sub(r"scopes = \(.*?\} \);", lambda _: f"scopes = ( {scopes} );", text,
                          flags=re.S)
        text = text.replace("links = (", f"links = ({links}", 1)
        text = re.sub(r'^state_directory = .*', f'state_directory = "{self.path("state")}";',
                      text, flags=re.M)
        text = re.sub(r"interval_s = \d+", f"interval_s = {interval_s}", text)
        if port:
            text = re.sub(r'^( *)domain = "([^"]*)";',
                          rf'\1domain = "\2"; servers = [ "ldap://dc1.\2:{port}" ];', text,
                          flags=re.M)
        with open(self.path(name), "w", encoding="utf-8") as out:
            out.write(text)
        return self.path(name)

    def _attrs(self):
        text = measure.run([self.tool("bench/attrs"), self.conf], keep=True, log=self.log).text
        return {f.name: [line.split()[1] for line in text.splitlines()
                         if line.split()[0] == f.name] for f in FORESTS}

    # The servers' state

    def _dc(self, action, f):
        measure.run([LAB, "--dir", self.dir, "dc", action, f.name], log=self.log)

    def save(self):
        for f in FORESTS:
            self._dc("stop", f)
            measure.run(["cp", "-a", f"{f.samba_dir}/private", self.path(f.name)], log=self.log)
            self._dc("start", f)
        self.warm()

    def restore(self):
        """Both forests as they were when save() ran, and no map."""
        for f in FORESTS:
            self._dc("stop", f)
            shutil.rmtree(f"{f.samba_dir}/private")
            measure.run(["cp", "-a", self.path(f.name), f"{f.samba_dir}/private"], log=self.log)
        os.sync()
        for f in FORESTS:
            self._dc("start", f)
        shutil.rmtree(self.path("state"), ignore_errors=True)
        self.warm()

    @property
    def synchronized(self):
        """The floor writes the same, but it leaves no map."""
        return os.path.exists(self.path("state"))

    def warm(self):
        self.read_both()

    def usns(self):
        return [re.search(r"highestCommittedUSN: (\d+)", measure.run(
            ["ldapsearch", "-x", "-LLL", "-H", f.uri, "-s", "base", "-b", "",
             "highestCommittedUSN"], keep=True, log=self.log).text).group(1) for f in FORESTS]

    # The floor

    def login(self, f):
        cache = "FILE:" + self.path(f"{f.name}.krb5cc")
        measure.run(["kinit", "-c", cache, "-k", "-t", os.path.join(self.dir, f"{f.name}.keytab"),
                     f.principal], log=self.log)
        return {"KRB5CCNAME": cache}

    def _read(self, f, env):
        return measure.run(["ldapsearch", "-LLL", "-Q", "-N", "-Y", "GSSAPI", "-H", f.uri,
                            "-b", f.base, "-E", "pr=1000/noprompt", FILTER, *self.attrs[f.name]],
                           env=env, log=self.log).seconds

    def read_both(self):
        """Seconds in parallel, and one side after the other. The tickets are fetched before."""
        envs = {f: self.login(f) for f in FORESTS}
        parallel, _ = measure.side_by_side(*[lambda f=f: self._read(f, envs[f]) for f in FORESTS])
        return parallel, sum(self._read(f, envs[f]) for f in FORESTS)

    def read_parallel(self, envs):
        return measure.side_by_side(*[lambda f=f: self._read(f, envs[f]) for f in FORESTS])[0]

    def _write(self, f, env):
        run = measure.run([self.tool("bench/writer"), f.uri, self.path(f"{f.name}.ldif"), WINDOW],
                          keep=True, env=env, log=self.log)
        made, seconds = re.match(r"(\d+) changes, ([\d.]+) seconds", run.text).groups()
        if int(made) != self.changes[f.name]:
            raise BenchError(f"{made} changes written to {f.name}, {self.changes[f.name]} planned")
        return float(seconds)

    def floor(self):
        """Reads of both sides in parallel, then writes of both sides in parallel. Only the time
        between the bind and the last answer counts for the writers."""
        envs = {f: self.login(f) for f in FORESTS}
        seconds = self.read_parallel(envs)
        _, writes = measure.side_by_side(*[lambda f=f: self._write(f, envs[f]) for f in FORESTS])
        return seconds + max(writes)

    # What is measured

    def galsyncd(self, *options, conf=None, full=True, **kw):
        options = (*(["--full"] if full else []), *options)
        run = measure.run([self.tool("galsyncd"), "-c", conf or self.conf, "--once", *options],
                          ok=DONE, keep=True, log=self.log, **kw)
        phases = re.search(r"\btime (connect .*)", run.text)
        words = ["galsyncd", *options, *([] if conf is None else [os.path.basename(conf)])]
        say(f"{' '.join(words)}: {run.seconds:.2f} s: {phases.group(1) if phases else '?'}")
        return run

    def plan(self):
        """One LDIF file for each forest with what a full sync would write, and their numbers."""
        text = self.galsyncd("--plan").text
        self.changes = {}       # pylint: disable=attribute-defined-outside-init
        blocks = re.split(r"(?m)^(?=# forest: )", text)[1:]
        for f in FORESTS:
            mine = [b for b in blocks if b.startswith(f"# forest: {f.name} ")]
            self.changes[f.name] = len(mine)
            with open(self.path(f"{f.name}.ldif"), "w", encoding="utf-8") as out:
                out.write("version: 1\n\n" + "".join(mine))

    def resync(self, conf=None, **kw):
        """A run that must find nothing to do."""
        before = self.usns()
        run = self.galsyncd(conf=conf, **kw)
        if self.usns() != before:
            raise BenchError(f"a second sync wrote: USNs {before} before, {self.usns()} after")
        return run

    def start_relays(self):
        for f in FORESTS:
            # pylint: disable=consider-using-with
            p = subprocess.Popen([self.tool("bench/delay"), f.address, str(DELAY_PORT), "389",
                                  str(DELAY_MS)], stdout=subprocess.PIPE)
            self.relays.append(p)
            p.stdout.readline()

    def stop_relays(self):
        for p in self.relays:
            p.kill()
            p.wait()
        self.relays.clear()


def _full(b, rounds, parts, result):
    """Rounds of the full sync; what is compared runs next to each other, in changing order."""
    runs = {"full": lambda: b.galsyncd().seconds}
    if "full" in parts:
        runs["floor"] = b.floor
    if "both" in parts:
        runs["both_full"] = lambda: b.galsyncd(conf=b.both_conf).seconds
    if "latency" in parts:
        runs["far"] = lambda: b.galsyncd(conf=b.far_conf).seconds
    for i in range(rounds):
        for name in list(runs)[::1 if i % 2 else -1]:
            b.restore()
            result.setdefault(name, []).append(runs[name]())
            say(f"{name} {result[name][-1]:.2f} s; load {measure.load()}")


def _again(b, rounds, parts, result):
    """The same for the re-sync, of forests that galsyncd has synchronized."""
    if not b.synchronized:
        b.restore()
        b.galsyncd()
    b.resync()
    for _ in range(rounds):
        for name, value in zip(("read_parallel", "read_one_by_one"), b.read_both()):
            result.setdefault(name, []).append(value)
        result.setdefault("again", []).append(b.resync().seconds)
        if "latency" in parts:
            result.setdefault("again_far", []).append(b.resync(conf=b.far_conf).seconds)


def _both(b, rounds, result):
    """What is one-way with the same forests is measured by _again()."""
    b.restore()
    b.galsyncd(conf=b.both_conf)
    b.resync(conf=b.both_conf)
    result["both_again"] = [b.resync(conf=b.both_conf).seconds for _ in range(rounds)]


def _links(b, rounds, result):
    import inlinks      # pylint: disable=import-outside-toplevel
    b.restore()
    result["links"] = inlinks.measure_links(b, rounds)


def _memory(b, result):
    b.restore()
    for name, run in (("full", b.galsyncd(memory=True)), ("again", b.resync(memory=True))):
        result[f"{name}_anon_kib"] = run.rss_anon_kib
        result[f"{name}_hwm_kib"] = run.vm_hwm_kib


def _delta(b, rounds, users, result):
    import indelta      # pylint: disable=import-outside-toplevel
    if not b.synchronized:
        b.restore()
        b.galsyncd()
    result["delta"] = indelta.measure_delta(b, rounds, users)


def _switch(b, rounds, result):
    import inswitch     # pylint: disable=import-outside-toplevel
    if not b.synchronized:
        b.restore()
        b.galsyncd()
    result["switch"] = inswitch.measure_switch(b, rounds)


def _peers(b, rounds, result):
    import inpeers      # pylint: disable=import-outside-toplevel
    result["peers"] = inpeers.measure_peers(b, rounds)


def measure_all(options):
    parts, rounds, result = options["parts"], options["rounds"], {}
    b = Bench(options["tools"], os.environ["GALSYNC_LAB_DIR"])
    b.save()
    b.plan()
    result["changes"] = b.changes
    try:
        b.start_relays()
        if "memory" in parts:
            _memory(b, result)
        if {"full", "both", "latency"} & set(parts):
            _full(b, rounds, parts, result)
        if {"resync", "both", "latency"} & set(parts):
            _again(b, rounds, parts, result)
        if "both" in parts:
            _both(b, rounds, result)
        if "links" in parts:
            _links(b, rounds, result)
        if "delta" in parts:
            _delta(b, rounds, options["users"], result)
        if "switch" in parts:
            _switch(b, rounds, result)
        if "peers" in parts:
            _peers(b, rounds, result)
    finally:
        b.stop_relays()
    return result


def main():
    options = json.loads(sys.argv[1])
    try:
        result = measure_all(options)
    except BenchError as e:
        say(str(e))
        return 1
    with open(options["out"], "w", encoding="utf-8") as out:
        json.dump(result, out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
