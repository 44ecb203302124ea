# SPDX-License-Identifier: MIT
"""Bad input, fourth part: what can be wrong with the state directory and the map."""

import array
import contextlib
import csv
import fcntl
import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import termios
import uuid

import pytest

from conftest import BUILD, patient, wait_for
from badinput_helpers import (COMPLETE, DONE, FAILED, Running, check_output, check_words, conf,
                              first_logon, refused, simple, usns, with_sum, write)

PAGE = 4096
NOBODY = 65534


@pytest.fixture(scope="module", autouse=True)
def fixture_first_logon(lab):
    first_logon(lab)


@contextlib.contextmanager
def asked(server):
    """The connection of who asks SERVER, which does not answer."""
    server.settimeout(patient(30))
    connection, _ = server.accept()
    with connection:
        connection.settimeout(patient(30))
        connection.recv(1)
        yield


def test_second_galsyncd(lab, tmp_path):
    """The first one waits for a server that says nothing; only it may write the map."""
    with socket.create_server(("127.0.0.3", 0)) as server:
        url = f"ldap://dc1.globex.example:{server.getsockname()[1]}"
        (tmp_path / "first").mkdir()
        state = f"{tmp_path}/state"
        first = Running(lab, conf(lab, tmp_path / "first", state=state, globex={
            "servers": [url], "extra": "connect_timeout_ms = 60000;"}))
        with asked(server):
            file = conf(lab, tmp_path, state=state)
            refused(lab, file, f"state directory '{state}'", "in use by another galsyncd")
            # A reader is welcome.
            assert lab.galsyncctl("status", conf=file).returncode == DONE
            assert lab.galsyncd("--once", "--full", "--plan", conf=file).returncode == COMPLETE
            first.proc.send_signal(signal.SIGKILL)
            first.end()
    # The lock went with its owner.
    assert lab.galsyncd("--once", "--full", "--plan", conf=file).returncode == COMPLETE


def test_second_galsyncd_after_a_signal(lab, tmp_path):
    with socket.create_server(("127.0.0.3", 0)) as server:
        url = f"ldap://dc1.globex.example:{server.getsockname()[1]}"
        first = Running(lab, conf(lab, tmp_path, globex={
            "servers": [url], "extra": "connect_timeout_ms = 60000;"}))
        with asked(server):
            first.proc.send_signal(signal.SIGTERM)
            p = first.end(timeout_s=20)
    assert p.returncode == FAILED
    check_output(lab, p)
    check_words(p.stderr, ["cancelled", "forest '"])


# The state directory

@pytest.mark.parametrize("make,words", [
    (lambda path: write(path, "a file"), ["Not a directory"]),
    (lambda path: os.symlink("/nowhere/at/all", path), ["No such file or directory"]),
    (lambda path: None, ["No such file or directory"]),
], ids=["file", "dangling", "no-parent"])
def test_state_directory(lab, tmp_path, make, words):
    state = f"{tmp_path}/state" if words != ["No such file or directory"] else f"{tmp_path}/a/b"
    make(f"{tmp_path}/state")
    refused(lab, conf(lab, tmp_path, state=state), state, *words)


@pytest.fixture(name="nobody_state")
def fixture_nobody_state(lab):
    """A state directory of the user nobody, with a map. What is below the lab nobody may enter."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as place:
        os.chmod(place, 0o755)
        p = lab.galsyncd("--once", "--full", conf=conf(lab, place))
        assert p.returncode == COMPLETE, p.stderr
        for path in [f"{place}/state", *(e.path for e in os.scandir(f"{place}/state"))]:
            os.chown(path, NOBODY, NOBODY)
        yield place


def test_root_follows_no_link_of_others(lab, nobody_state):
    """Who owns the state directory makes the lock file a link to a file of root's."""
    precious = write(f"{nobody_state}/precious", "of root")
    state = f"{nobody_state}/state"
    assert lab.galsyncctl("list", conf=f"{nobody_state}/galsync.conf").returncode == DONE
    os.unlink(f"{state}/map.mdb-lock")
    for verb in (["status"], ["list"], ["map", "check"], ["map", "export"]):
        os.symlink(precious, f"{state}/map.mdb-lock")
        p = lab.galsyncctl("--state-directory", state, *verb)
        assert (p.returncode, p.stdout) == (FAILED, "")
        check_output(lab, p)
        check_words(p.stderr, [f"{state}/map.mdb-lock' is a symbolic link", "allowed: a regular file"])
        os.unlink(f"{state}/map.mdb-lock")
    with open(precious, encoding="ascii") as f:
        assert f.read() == "of root"
    # With nobody's rights root makes the lock file, and reads.
    assert lab.galsyncctl("--state-directory", state, "status").returncode == COMPLETE
    assert os.stat(f"{state}/map.mdb-lock").st_uid == NOBODY


def test_root_is_not_root_in_the_daemon(lab, nobody_state):
    """It has the rights of the owner for all it does: root's keytab is not nobody's."""
    file = f"{nobody_state}/galsync.conf"
    os.chmod(file, 0o644)
    p = refused(lab, file, "keytab: '", "Permission denied", f"works as user {NOBODY}, who owns",
                args=("-t",))
    assert p.stdout == ""


@pytest.mark.parametrize("mode", [0o770, 0o777, 0o1777])
def test_state_directory_that_others_may_write(lab, tmp_path, mode):
    state = tmp_path / "state"
    state.mkdir()
    state.chmod(mode)
    refused(lab, conf(lab, tmp_path), f"'{state}' is writable by group or others (mode {mode:04o})",
            "allowed: a directory")


# What the daemon reads and runs

def test_what_others_may_write(lab, tmp_path):
    """Each path of the configuration, and what it lies in: named, with the reason."""
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    hook = write(tmp_path / "open/hook", "#!/bin/sh\n", 0o755)
    pairs = write(tmp_path / "pairs.csv", "a,b\n", 0o666)
    password = write(tmp_path / "open/password", "x", 0o600)
    file = conf(lab, tmp_path, globex={"auth": simple(password)},
                link=f'hook = "{hook}"; match = [ "stamp", "csv:{pairs}" ];')
    p = refused(lab, file, args=("-t",))
    check_words(p.stderr, [
        f"hook: '{hook}' lies in '{tmp_path}/open', which is writable by group or others "
        "(mode 0777); allowed: ",
        f"'{pairs}' is writable by group or others (mode 0666); allowed: ",
        f"'{password}' lies in '{tmp_path}/open', which is writable by group or others"])
    good = conf(lab, tmp_path)
    os.chmod(good, 0o666)
    for p in (refused(lab, good, args=("-t",)), lab.galsyncctl("status", conf=good)):
        assert p.returncode == FAILED
        check_words(p.stderr, [f"'{good}' is writable by group or others (mode 0666); allowed: "])


# The map

def _mdb(*argv, text=None):
    p = subprocess.run(argv, input=text, text=True, capture_output=True, check=False)
    assert p.returncode == 0, p.stderr
    return p.stdout


@pytest.fixture(name="map_file")
def fixture_map_file(lab, tmp_path):
    """The map of a first run, and the configuration that goes with it."""
    lab.reset()
    first_logon(lab)
    file = conf(lab, tmp_path)
    p = lab.galsyncd("--once", "--full", conf=file)
    assert p.returncode == COMPLETE, p.stderr
    return f"{tmp_path}/state/map.mdb", file


def both_refuse(lab, file, *words):
    refused(lab, file, *words)
    refused(lab, file, *words, args=("--once", "--full", "--plan"))
    p = lab.galsyncctl("list", conf=file)
    assert (p.returncode, p.stdout) == (FAILED, "")
    check_output(lab, p)
    check_words(p.stderr, words)


def test_map_of_a_newer_format(lab, map_file):
    path, file = map_file
    dump = _mdb("mdb_dump", "-n", "-s", "meta", path)
    lines = dump.splitlines()
    at = lines.index(" " + b"format".hex()) + 1
    assert lines[at] == " " + with_sum("meta", b"format", b"\3\0\0\0").hex()
    lines[at] = " 63000000"
    _mdb("mdb_load", "-n", "-s", "meta", path, text="\n".join(lines) + "\n")
    both_refuse(lab, file, f"map in '{os.path.dirname(path)}' has format 99",
                "this galsync knows format 3", "use the galsync that wrote it",
                "rebuilt from the stamps")
    # And doing what the message says helps: nothing is left to write but what the map held.
    os.rename(path, path + ".old")
    before = usns(lab)
    p = lab.galsyncd("--once", "--full", conf=file)
    assert p.returncode == COMPLETE, p.stderr
    assert usns(lab) == before


@pytest.mark.parametrize("damage", [
    lambda path: write(path, "rubbish" * 5000),
    lambda path: os.truncate(path, 100),
    lambda path: os.truncate(path, 2 * PAGE),
    lambda path: os.truncate(path, os.path.getsize(path) // 2 // PAGE * PAGE),
    lambda path: overwrite(path, 0, bytes(PAGE)),
], ids=["rubbish", "cut", "two-pages", "half", "zeroed-page"])
def test_damaged_map(lab, map_file, damage):
    """No signal, no assertion: a word of what happened and what to do. Doing it helps."""
    path, file = map_file
    damage(path)
    both_refuse(lab, file, f"map in '{os.path.dirname(path)}' is damaged", "move it away",
                "rebuilt from the stamps")
    check_damage(lab, file)
    move_away(lab, path, file)


def overwrite(path, at, octets):
    with open(path, "r+b") as f:
        f.seek(at)
        f.write(octets)


def check_damage(lab, file, *words):
    p = lab.galsyncctl("map", "check", conf=file)
    assert p.returncode == FAILED, p.stdout + p.stderr
    check_output(lab, p)
    check_words(p.stdout + p.stderr, ["is damaged", "move it away", *words])


def move_away(lab, path, file):
    os.rename(path, path + ".old")
    os.unlink(path + "-lock")
    before = usns(lab)
    p = lab.galsyncd("--once", "--full", conf=file)
    assert p.returncode == COMPLETE, p.stderr
    assert usns(lab) == before


def test_export_that_nobody_fetches(lab, map_file):
    """It holds no transaction while it waits: mdb_stat lists the readers that do."""
    _, file = map_file
    out, into = os.pipe()
    fcntl.fcntl(into, fcntl.F_SETPIPE_SZ, PAGE)
    # pylint: disable=consider-using-with
    proc = subprocess.Popen([os.path.join(BUILD, "galsyncctl"), "-c", file, "map", "export"],
                            env={**os.environ, **lab.env()}, stdout=into)
    os.close(into)
    wait_for(lambda: is_full(out), "the pipe is not full")
    readers = subprocess.run(["mdb_stat", "-n", "-r", f"{os.path.dirname(file)}/state/map.mdb"],
                             text=True, capture_output=True, check=False).stdout
    places = [line.split()[2] for line in readers.splitlines() if line.split()[0].isdigit()]
    assert places and set(places) == {"-"}, readers
    with os.fdopen(out, encoding="utf-8") as f:
        rows = list(csv.reader(f))
    assert proc.wait() == DONE
    p = lab.galsyncctl("--json", "map", "export", conf=file)
    assert len(rows) == 1 + len(json.loads(p.stdout)) > 40


def is_full(pipe):
    size = array.array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, size)
    return size[0] >= PAGE


def test_zeroed_pages(lab, map_file):
    """Each page in turn, below the daemon and all verbs that read."""
    path, file = map_file
    with open(path, "rb") as f:
        whole = f.read()
    step = max(1, len(whole) // PAGE // 12)
    refusals = 0
    for page in range(2, len(whole) // PAGE, step):
        overwrite(path, page * PAGE, bytes(PAGE))
        p = lab.galsyncctl("list", conf=file)
        check_output(lab, p)
        assert p.returncode == DONE or "is damaged" in p.stderr, p.stderr
        checked = lab.galsyncctl("map", "check", conf=file)
        check_output(lab, checked)
        if checked.returncode == DONE:      # a free page
            assert p.returncode == DONE
        else:
            refusals += 1
            refused(lab, file, "is damaged", "move it away")
        overwrite(path, 0, whole)
    assert refusals > 3
    assert lab.galsyncctl("map", "check", conf=file).returncode == DONE


def test_flipped_bit_in_a_record(lab, map_file):
    path, file = map_file
    p = lab.galsyncctl("map", "check", conf=file)
    assert p.returncode == DONE and "the map is whole" in p.stdout, p.stdout + p.stderr
    with open(path, "rb") as f:
        whole = f.read()
    for m in re.finditer(b"/o=", whole):        # of a legacyExchangeDN; some are in old pages
        at = m.start() + 4
        overwrite(path, at, bytes([whole[at] ^ 4]))
        if "'record'" in lab.galsyncctl("map", "check", conf=file).stdout:
            break
        overwrite(path, at, whole[at:at + 1])
    refused(lab, file, "is damaged: database 'record', key ", "check sum", "move it away")
    refused(lab, file, "is damaged: database 'record', key ", args=("--once", "--full", "--plan"))
    p = lab.galsyncctl("list", conf=file)
    assert p.returncode == FAILED
    check_words(p.stderr, ["database 'record', key ", "check sum", "move it away"])
    check_damage(lab, file, "database 'record', key ")
    p = lab.galsyncctl("--json", "map", "check", conf=file)
    report = json.loads(p.stdout)
    assert not report["whole"] and len(report["damages"]) == 1, report
    move_away(lab, path, file)


def test_cut_off_under_the_daemon(lab, map_file):
    """It is open: there is no error to return, but a last word, and no core."""
    path, file = map_file
    daemon = Running(lab, file, "--socket", os.path.dirname(file) + "/control.sock")
    daemon.wait_line("started")
    os.truncate(path, 2 * PAGE)
    daemon.proc.send_signal(signal.SIGHUP)
    p = daemon.end()
    assert p.returncode == FAILED, p.returncode
    check_output(lab, p)
    check_words(p.stderr, [path, "is damaged", "move it away"])


def _edit_cursors(path, edit):
    """Each value of the map's cursors becomes what EDIT makes of it, with its check sum."""
    lines = _mdb("mdb_dump", "-n", "-s", "cursor", path).splitlines()
    first = lines.index("HEADER=END") + 2
    for at in range(first, lines.index("DATA=END"), 2):
        key, value = (bytes.fromhex(lines[i].strip()) for i in (at - 1, at))
        lines[at] = " " + with_sum("cursor", key, edit(value[:-8])).hex()
    _mdb("mdb_load", "-n", "-s", "cursor", path, text="\n".join(lines) + "\n")


# A cursor is its version, its way, and the server's database; the cookie is last.
@pytest.mark.parametrize("edit,words", [
    (lambda raw: raw[:-8], "another version, or damaged"),
    (lambda raw: b"\x63" + raw[1:], "another version, or damaged"),
    (lambda raw: b"rubbish", "another version, or damaged"),
    (lambda raw: raw[:54] + bytes(255 - octet for octet in raw[54:]), "does not take the cookie"),
], ids=["cut", "newer", "rubbish", "cookie"])
def test_bad_cursor(lab, map_file, edit, words):
    """A delta says that it cannot, everything is read, and then deltas go on."""
    path, file = map_file
    dn = lab.special["acme"]["mailbox"]
    assert "delta synchronization" in lab.galsyncd("--once", conf=file).stdout
    _edit_cursors(path, edit)
    lab.source.modify(dn, title=words)
    p = lab.galsyncd("--once", conf=file)
    assert p.returncode == COMPLETE and "full synchronization" in p.stdout, p.stdout + p.stderr
    check_words(p.stderr, [words, "everything is read"])
    guid = uuid.UUID(bytes_le=lab.source.read(dn)["objectGUID"][0])
    assert lab.target.search(f"(extensionAttribute15=galsync:*:{guid}*)")[0][1]["title"] == \
        [words.encode()]
    before = usns(lab)
    p = lab.galsyncd("--once", conf=file)
    assert "delta synchronization" in p.stdout, p.stdout + p.stderr
    assert usns(lab) == before


def test_map_that_reaches_its_limit(lab, tmp_path):
    lab.reset()
    first_logon(lab)
    state = tmp_path / "state"
    state.mkdir()
    # 20 MB of something else in the map, and a limit of 16.
    junk = "\n".join(f" {i:08x}\n {'00' * 60000}" for i in range(350))
    header = "VERSION=3\nformat=bytevalue\ntype=btree\nmapsize=67108864\nHEADER=END\n"
    _mdb("mdb_load", "-n", "-s", "junk", f"{state}/map.mdb", text=f"{header}{junk}\nDATA=END\n")
    file = conf(lab, tmp_path, map_size_mb=16)
    refused(lab, file, f"map in '{state}' is full", "raise map_size_mb")
    p = lab.galsyncd("--once", "--full", conf=conf(lab, tmp_path))
    assert p.returncode == COMPLETE, p.stderr


# Space

@pytest.fixture(name="disk")
def fixture_disk(tmp_path):
    """A small file system of its own, seen in the lab only."""
    path = tmp_path / "disk"
    path.mkdir()

    def size(text):
        option = f"size={text}" if not os.path.ismount(path) else f"remount,size={text}"
        subprocess.run(["mount", "-t", "tmpfs", "-o", option, "tmpfs", str(path)], check=True)

    size("600k")
    yield str(path), size
    subprocess.run(["umount", str(path)], check=True)


@pytest.mark.parametrize("crowd,text,words", [
    (0, "16k", ["map in '", "the disk is full", "make room"]),
    (0, "64k", ["map in '", "the disk is full", "make room"]),
    # More than a working set keeps in memory.
    (400, "240k", ["working set '", "the disk is full", "make room"]),
], ids=["lock-file", "map", "working-set"])
def test_full_disk(lab, tmp_path, disk, crowd, text, words):
    path, size = disk
    lab.reset()
    first_logon(lab)
    for i in range(crowd):
        lab.source.add(f"CN=Crowd {i},OU=Staff,{lab.source.base}", objectClass="contact",
                       mailNickname=f"crowd{i}", targetAddress=f"SMTP:crowd{i}@partner.example",
                       proxyAddresses=f"SMTP:crowd{i}@partner.example", description="x" * 1000)
    file = conf(lab, tmp_path, state=f"{path}/state")
    size(text)
    refused(lab, file, f"{path}/state", *words)
    size("6m")
    p = lab.galsyncd("--once", "--full", conf=file)
    assert p.returncode == COMPLETE, p.stderr
    # With room again everything is written, and that once.
    before = usns(lab)
    assert lab.galsyncd("--once", "--full", conf=file).returncode == COMPLETE
    assert usns(lab) == before


def test_disk_without_any_room(lab, tmp_path, disk):
    path, _ = disk
    os.mkdir(f"{path}/state")
    with open(f"{path}/ballast", "wb", buffering=0) as f:
        try:
            while f.write(bytes(4096)):
                pass
        except OSError:
            pass
    refused(lab, conf(lab, tmp_path, state=f"{path}/state"), f"{path}/state", "the disk is full")
