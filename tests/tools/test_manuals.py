# SPDX-License-Identifier: MIT
"""The manuals, the README and the completion name what there is: every verb, option, exit status,
name of a state and package, and nothing else."""

import os
import re

import pytest
from conftest import ROOT

PAGES = sorted(os.listdir(os.path.join(ROOT, "man")))


def read(*name):
    with open(os.path.join(ROOT, *name), encoding="utf-8") as f:
        return f.read()


def page(name):
    return read("man", name)


def section(text, name):
    """The text of a .Sh or .Ss section."""
    found = re.search(rf"^\.S[hs] {re.escape(name)}\n(.*?)(?=^\.S[hs] |\Z)", text, re.M | re.S)
    assert found, name
    return found[1]


def plain(mdoc):
    """What a line of macros says: without them, their quotes and escapes."""
    text = re.sub(r"\\&|\\(?=-)", "", mdoc)
    return re.sub(r"^\.\w+ |(?<= )(Fl|Ar|Op|Oo|Oc|Ic|Li|Cm|No|Ns|Xo|Xc|Pq|Sx|\|)(?= |$)", "", text)


def array(file, name):
    """The texts of a C array."""
    found = re.search(rf"\b{name}\[\w*\] = \{{(.*?)\}};", read(*file.split("/")), re.S)
    assert found, f"{file}: {name}"
    return re.findall(r'"([^"]+)"', found[1])


def items(text, macro="Cm"):
    """The names that a list gives: those of its items with MACRO."""
    lines = re.findall(rf"^\.It {macro} (.*)$", text, re.M)
    return [word for line in lines for word in line.split() if word not in (",", "Ns", "No")]


def ctl_verbs():
    """[(verb, arguments)] of galsyncctl --help."""
    table = read("dsa", "ctl", "main.c").partition("verbs[] = {")[2].partition("\n};")[0]
    found = [(verb, "".join(re.findall(r'"([^"]*)"', args)))
             for verb, args in re.findall(r'\{"([a-z -]+)",\s*((?:"[^"]*"\s*)+),', table)]
    assert len(found) > 20
    return [(verb if verb != "map" else use, args) for verb, args in found
            for use in ([verb] if verb != "map" else ["map lookup", "map export"])]


def options_of(*files):
    """The long options that programs know."""
    text = "".join(read(*f.split("/")) for f in files)
    return set(re.findall(r'"--([a-z-]+)"', text)) | \
        set(re.findall(r'\{"([a-z-]+)", (?:no|required)_argument', text))


def ctl_options():
    folder = os.path.join("dsa", "ctl")
    return options_of(*(f"dsa/ctl/{f}" for f in os.listdir(os.path.join(ROOT, folder))
                        if f.endswith(".c")))


def documented_options(text):
    return set(re.findall(r"(?:Fl |Fl \w , )-([a-z]+(?:-[a-z]+)*)", text))


def test_verbs_of_galsyncctl():
    text = page("galsyncctl.8")
    heads = re.findall(r"^\.It (?:Xo\n\.)?Ic ([a-z-]+(?: [a-z-]+)*)", text, re.M)
    documented = set(heads) | {re.sub(r" (Ar|Fl|Oo|Op) .*", "", h) for h in heads}
    for verb, _ in ctl_verbs():
        assert verb in documented, f"galsyncctl.8 does not describe {verb}"
    words = {verb.split()[0] for verb, _ in ctl_verbs()}
    for head in heads:
        assert head.split()[0] in words, f"galsyncctl.8 describes {head}"
    completed = re.search(r"verbs='([^']*)'", read("conf", "galsyncctl.completion"))[1].split()
    assert set(completed) == words


def test_words_behind_verbs_are_completed():
    text = read("conf", "galsyncctl.completion")
    for verb, args in ctl_verbs():
        case = re.search(rf"^\t(?:[a-z -]*\| )?{verb.split()[0]}(?: \|[a-z -]*)?\)(.*?);;(?=\n\t[a-z'\n]|\n\tesac)",
                         text, re.M | re.S)
        for option in re.findall(r"--[a-z-]+", args) + verb.split()[1:]:
            assert case and option in case[1], f"{verb}: {option} is not completed"


def test_options_of_galsyncctl():
    known = ctl_options()
    assert documented_options(page("galsyncctl.8")) - {"once"} == known
    completion = read("conf", "galsyncctl.completion")
    assert {o for o in known if f"--{o}" not in completion} == set()


def test_options_of_galsyncd():
    known = options_of("dsa/daemon/main.c")
    text = page("galsyncd.8")
    assert set(re.findall(r"^\.It Fl (?:\w , )?-([a-z-]+)", text, re.M)) == known
    usage = read("dsa", "daemon", "main.c").partition("usage(FILE")[2].partition("\n}\n")[0]
    assert {o for o in known if f"--{o}" not in usage} == set()


def test_options_of_galsync_portal():
    known = options_of("dsa/portal/main.c")
    text = page("galsync-portal.8")
    assert set(re.findall(r"^\.It Fl (?:\w , )?-([a-z-]+)", text, re.M)) == known
    usage = read("dsa", "portal", "main.c").partition("usage(FILE")[2].partition("\n}\n")[0]
    assert {o for o in known if f"--{o}" not in usage} == set()


@pytest.mark.parametrize("name, source, enum", [
    ("galsync-portal.8", "dsa/portal/main.c", "portal_status"),
    ("galsyncctl.8", "dsa/ctl/ctl.h", "ctl_status"),
    ("galsyncd.8", "dsa/daemon/once.h", "exit_status")])
def test_exit_statuses(name, source, enum):
    values = re.search(rf"enum {enum} \{{(.*?)\}}", read(*source.split("/")), re.S)[1]
    told = re.findall(r"^\.It (\d+)$", section(page(name), "EXIT STATUS"), re.M)
    assert told == re.findall(r"= (\d+)", values)


@pytest.mark.parametrize("name, source, of, but", [
    ("galsyncctl.8", "mapping/conflict.c", "reason_names", ()),
    ("galsyncctl.8", "mapping/record.c", "state_names", ()),
    ("galsyncctl.8", "redirect/audit.c", "names", ()),
    ("galsyncctl.8", "redirect/move_ready.c", "names", ()),
    ("galsyncctl.8", "mapping/held.c", "kind_names", ("nothing",)),
    ("galsyncctl.8", "mapping/wave.c", "state_names", ()),
    ("galsync.conf.5", "mapping/match_rule.c", "names", ("record", "adopt", "attribute", "csv")),
    ("galsyncd.8", "mapping/event.c", "names", ()),
    ("galsync-control.7", "dsa/run/event.c", "phase_names", ()),
    ("galsync-control.7", "dsa/view/view_worker.c", "phase_names", ()),
    ("galsync-control.7", "mapping/held.c", "kind_names", ("nothing",)),
    ("galsync-portal.8", "dsa/rules/progress.c", "step_names", ()),
    ("galsync-portal.8", "dsa/view/roster_sort.c", "order_names", ()),
    ("galsync-portal.8", "dsa/view/view_problems.c", "names", ()),
    ("galsync-control.7", "dsa/view/view_adopt.c", "redirections", ())])
def test_names(name, source, of, but):
    text = re.sub(r"[\\&,.()\n]", " ", page(name))
    for word in array(source, of):
        assert word in but or f" {word} " in text or f"{word}\"" in text, f"{name} lacks {word}"


def test_requests_of_the_socket():
    known = re.findall(r'^    \{"([a-z-]+)", CONTROL_', read("dsa", "daemon", "verbs.c"), re.M)
    assert set(items(section(page("galsync-control.7"), "Requests"))) == set(known)
    readers = re.findall(r'^    \{"([a-z-]+)", CONTROL_READ', read("dsa", "daemon", "verbs.c"), re.M)
    may = section(page("galsync-control.7"), "Who may ask").partition(".Li galsync\n")[2]
    told = " ".join(re.findall(r"^\.Cm (.*)$", may, re.M))
    assert set(re.findall(r"[a-z-]+", told)) == set(readers)


@pytest.mark.parametrize("file", [f"dsa/view/{f}" for f in sorted(os.listdir(
    os.path.join(ROOT, "dsa", "view"))) if f.endswith(".c")] + ["dsa/cycle/summary.c"])
def test_members_of_json(file):
    text = re.sub(r"[\\&,.()\n]", " ", page("galsyncctl.8") + page("galsync-control.7") +
                  page("galsync-portal.8"))
    for word in re.findall(r'"([a-z][a-z_]+)"', read(*file.split("/"))):
        assert f" {word} " in text, f"neither galsyncctl.8 nor galsync-control.7 has {word}"


def commands():
    """(page, command line) of what the manuals and the README tell people to type."""
    for name in PAGES:
        lines = re.findall(r"^(?:\.Dl |\$ |\.Ql )?((?:galsyncctl|galsyncd) [^\n]*)", page(name), re.M)
        yield from ((name, plain(line)) for line in lines)
    yield from (("README.md", line) for line in
                re.findall(r"[`\n](?:\$ |sudo )?((?:galsyncctl|galsyncd) [^`\n]*)", read("README.md")))
    for name in ("galsync.catalog", "galsync.conf"):
        yield from ((name, line) for line in
                    re.findall(r'"((?:galsyncctl|galsyncd) [^"\n]*)"', read("conf", name)))


def test_commands_that_manuals_tell_to_type():
    verbs = {verb for verb, _ in ctl_verbs()} | {"wave"}
    options = {"galsyncctl": ctl_options(), "galsyncd": options_of("dsa/daemon/main.c")}
    n = 0
    for name, line in commands():
        line = re.split(r" \||[>#;]| &&|  ", line)[0]
        program, *words = line.split()
        for o in re.findall(r"--([a-z-]+)", line):
            assert o in options[program], f"{name}: {line}"
        words = [w for w in words if not w.startswith("-")]
        if program == "galsyncctl" and words and words[0].isalpha() and words[0].islower():
            assert words[0] in {v.split()[0] for v in verbs}, f"{name}: {line}"
            if words[0] == "map":
                assert " ".join(words[:2]) in verbs, f"{name}: {line}"
        n += 1
    assert n > 60


def test_pages_that_pages_name():
    for name in PAGES:
        for other in re.findall(r"^\.Xr (galsync\S*) (\d)", page(name), re.M):
            assert ".".join(other) in PAGES, f"{name}: {other}"
        for title in re.findall(r"^\.Dq ([A-Z ]+)\nin\n\.Xr (\S+) (\d)", page(name), re.M):
            section(page(f"{title[1]}.{title[2]}"), title[0])


def test_keys_that_pages_name():
    keys = set(re.findall(r"^\.It Ic (\S+)$", page("galsync.conf.5"), re.M))
    assert len(keys) > 60
    for name in PAGES:
        for key in re.findall(r"\b((?:links|forests)\.[a-z_]+(?:\.[a-z_]+)*)", page(name)):
            assert key in keys, f"{name}: {key}"


# ---- packages ----

HOME = {"libconfig": "libconfig-dev", "jansson": "libjansson-dev", "libsystemd": "libsystemd-dev",
        "krb5": "libkrb5-dev", "krb5-gssapi": "libkrb5-dev", "gnutls": "libgnutls28-dev",
        "ldap": "libldap-dev", "lber": "libldap-dev", "sasl2": "libsasl2-dev",
        "lmdb": "liblmdb-dev", "unistring": "libunistring-dev", "resolv": "libc6-dev",
        "m": "libc6-dev", "microhttpd": "libmicrohttpd-dev"}


def test_packages_of_the_build():
    text = read("Makefile")
    libs = re.search(r"^LIBS_PC := (.*)$", text, re.M)[1].split()
    libs += re.findall(r" -l(\w+)", re.search(r"^GALSYNC_LDLIBS = (.*)$", text, re.M)[1])
    libs += re.findall(r"-l(\w+)", re.search(r"^PORTAL_LDLIBS := (.*)$", text, re.M)[1])
    packages = re.search(r"^build='([^']*)'", read(".ci", "packages"), re.M)[1].split()
    assert {HOME[lib] for lib in libs} | {"gcc", "make", "pkg-config"} == set(packages)
    shown = re.search(r"To build it needs, (.*?)\.\n", read("README.md"), re.S)[1]
    assert set(re.findall(r"`([a-z0-9-]+)`", shown)) == set(packages)
