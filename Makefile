# SPDX-License-Identifier: MIT
#
# galsync. `make help` lists the targets. Objects go to $(BUILD), sanitized ones to $(BUILD)/san.
# CFLAGS, CPPFLAGS and LDFLAGS are the user's and are never needed for correctness.

VERSION := 0.1.0
PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
SBINDIR ?= $(PREFIX)/sbin
MANDIR ?= $(PREFIX)/share/man
DATADIR ?= $(PREFIX)/share/galsync
CATALOGDIR ?= /usr/lib/systemd/catalog
SYSTEMDUNITDIR ?= $(or $(shell $(PKG_CONFIG) --variable=systemdsystemunitdir systemd 2>/dev/null),/lib/systemd/system)
SYSUSERSDIR ?= /usr/lib/sysusers.d
TMPFILESDIR ?= /usr/lib/tmpfiles.d
COMPLETIONDIR ?= $(PREFIX)/share/bash-completion/completions
PKG_CONFIG ?= pkg-config
INSTALL ?= install
BUILD ?= build
SAN_BUILD := $(BUILD)/san
# The pytest of Debian sees the modules of Debian (python3-samba has no other home).
PYTEST ?= /usr/bin/python3 -B -m pytest -p no:cacheprovider
ifeq ($(origin CC),default)
CC := gcc
endif

# Of the portal alone.
PORTAL_LDLIBS := -lmicrohttpd
LIBS_PC := libconfig jansson libsystemd krb5 krb5-gssapi gnutls
GALSYNC_CPPFLAGS := -I. -D_GNU_SOURCE -DGALSYNC_SYSCONFDIR='"$(SYSCONFDIR)"' -DGALSYNC_VERSION='"$(VERSION)"'
GALSYNC_CFLAGS := -std=c17 -g -pthread -fPIE -fstack-protector-strong \
	-Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wvla \
	-Wundef -Wcast-qual -Wwrite-strings -Wswitch-enum -Wno-gnu-statement-expression
GALSYNC_LDFLAGS := -pie -Wl,-z,relro,-z,now -pthread
GALSYNC_LDLIBS = $(shell $(PKG_CONFIG) --libs $(LIBS_PC)) -lldap -llber -lsasl2 -llmdb -lunistring -lresolv -lm
ifeq ($(CI),true)
GALSYNC_CFLAGS += -Werror
endif
# For what is built to be tested: hundreds of programs are linked, and gold takes a third of the time.
TEST_LDFLAGS := $(if $(shell command -v ld.gold 2>/dev/null),-fuse-ld=gold)
ifdef SAN
GALSYNC_CFLAGS += -g1 -O1 -fno-omit-frame-pointer -fsanitize=$(SAN) -fno-sanitize-recover=all
GALSYNC_LDFLAGS += -fsanitize=$(SAN) $(TEST_LDFLAGS)
else
GALSYNC_CFLAGS += -O2
GALSYNC_CPPFLAGS += -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
endif
V ?= 0
Q := $(if $(filter 0,$(V)),@,)
say = $(if $(filter 0,$(V)),@printf '  %-5s %s\n' '$(1)' '$(2)',@:)

# All of a folder; main.c apart, so that unit tests link whatever they need.
ROOMS := dsa/base dsa/directory dsa/ldap mapping redirect dsa/config dsa/rules dsa/run dsa/world \
	dsa/exec dsa/cycle dsa/jobs dsa/view dsa/page
SRCS := $(sort $(wildcard $(ROOMS:%=%/*.c)) $(filter-out dsa/daemon/main.c,$(wildcard dsa/daemon/*.c)) \
	$(filter-out dsa/portal/main.c,$(wildcard dsa/portal/*.c)))
DAEMON_SRCS := dsa/daemon/main.c
CTL_SRCS := $(sort $(wildcard dsa/ctl/*.c))
PORTAL_SRCS := dsa/portal/main.c
SUPPORT_SRCS := $(sort $(wildcard tests/support/*.c))
# A program under a second each, for every save; what plays crashes at every step, long random walks
# and outages is torture.
UNIT_TESTS := $(sort $(patsubst tests/unit/test_%.c,%,$(wildcard tests/unit/test_*.c)))
TORTURE_TESTS := $(sort $(patsubst tests/torture/test_%.c,%,$(wildcard tests/torture/test_*.c)))
FUZZ_TARGETS := $(sort $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c)))
BENCH_TOOLS := $(filter-out session meter,$(basename $(notdir $(wildcard tests/bench/*.c))))

obj = $(patsubst %.c,$(BUILD)/%.o,$(1))
LIB := $(BUILD)/libgalsync.a
SUPPORT := $(BUILD)/libsupport.a
UNITS := $(UNIT_TESTS:%=$(BUILD)/unit/test_%)
TORTURES := $(TORTURE_TESTS:%=$(BUILD)/torture/test_%)
FUZZERS := $(FUZZ_TARGETS:%=$(BUILD)/fuzz/fuzz_%)

all: $(BUILD)/galsyncd $(BUILD)/galsyncctl $(BUILD)/galsync-portal

$(BUILD)/%.o: %.c
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(GALSYNC_CPPFLAGS) $(CPPFLAGS) $(GALSYNC_CFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

# What these files have is part of the program.
$(BUILD)/dsa/page/page.o: dsa/page/page.css
$(BUILD)/dsa/portal/assets.o: dsa/portal/portal.js dsa/portal/portal.svg

$(LIB): $(call obj,$(SRCS))
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(SUPPORT): $(call obj,$(SUPPORT_SRCS))
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

link = $(Q)$(CC) $(GALSYNC_CFLAGS) $(CFLAGS) $(GALSYNC_LDFLAGS) $(LDFLAGS) $(1) -o $@ $(GALSYNC_LDLIBS) $(LDLIBS)

$(BUILD)/galsyncd: $(call obj,$(DAEMON_SRCS)) $(LIB)
	$(call say,LD,$@)
	$(call link,$^)

$(BUILD)/galsyncctl: $(call obj,$(CTL_SRCS)) $(LIB)
	$(call say,LD,$@)
	$(call link,$^)

$(BUILD)/galsync-portal: $(call obj,$(PORTAL_SRCS)) $(LIB)
	$(call say,LD,$@)
	$(call link,$^ $(PORTAL_LDLIBS))

$(UNITS) $(TORTURES): $(BUILD)/%: $(BUILD)/tests/%.o $(SUPPORT) $(LIB)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(call link,$(filter %.o,$^) $(filter %.a,$^) -lcmocka)

$(BUILD)/unit/test_portal_server: GALSYNC_LDLIBS += $(PORTAL_LDLIBS)

# Its processes die right behind a commit.
$(BUILD)/torture/test_turn_crash: GALSYNC_LDFLAGS += -Wl,--wrap=store_commit

# It turns the clock on.
$(BUILD)/unit/test_shared_feed: GALSYNC_LDFLAGS += -Wl,--wrap=clock_monotonic_us

# They count decisions.
$(BUILD)/torture/test_random_life $(BUILD)/torture/test_handover_chains: GALSYNC_LDFLAGS += -Wl,--wrap=other_links_judge_scope

# It runs the scenarios of other programs.
$(BUILD)/torture/test_any_order: | $(filter $(BUILD)/unit/test_cycle% $(BUILD)/unit/test_delta \
	$(BUILD)/unit/test_foreign_stamp $(BUILD)/unit/test_takeover,$(UNITS))

$(BUILD)/fuzz/%: $(BUILD)/tests/fuzz/%.o $(BUILD)/tests/fuzz/replay.o $(SUPPORT) $(LIB)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(call link,$^)

$(BUILD)/bench/%: $(BUILD)/tests/bench/%.o $(BUILD)/tests/bench/session.o $(LIB)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(call link,$(filter %.o,$^) $(filter %support.a,$^) $(LIB))
# Its forests are in the process.
$(BUILD)/bench/estate: $(BUILD)/tests/bench/meter.o $(SUPPORT)

DEPS := $(patsubst %.o,%.d,$(call obj,$(SRCS) $(DAEMON_SRCS) $(CTL_SRCS) $(PORTAL_SRCS) $(SUPPORT_SRCS) \
	$(UNIT_TESTS:%=tests/unit/test_%.c) $(TORTURE_TESTS:%=tests/torture/test_%.c) $(FUZZ_TARGETS:%=tests/fuzz/fuzz_%.c) tests/fuzz/replay.c \
	$(BENCH_TOOLS:%=tests/bench/%.c) tests/bench/session.c tests/bench/meter.c))
-include $(DEPS)

## Tests

# What a target needs from the system is installed first; without root it is only named.
deps-%:
	@sh .ci/packages $*

# Everything is built with sanitizers and every test is run; the last line counts them.
check: deps-check
	@CI=$(CI) BUILD=$(BUILD) PYTEST='$(PYTEST)' tests/check

# The parts of it that need neither root nor a lab: those for every save, and those that take
# minutes.
check-unit:
	@CI=$(CI) BUILD=$(BUILD) tests/check unit fuzz tools

check-torture:
	@CI=$(CI) BUILD=$(BUILD) tests/check torture

units: $(UNITS) $(FUZZERS)
tortures: $(TORTURES)
# What the end-to-end tests run: the product, and what makes a large map.
e2e-programs: all $(BUILD)/bench/people
# What their tests run.
tool-programs: $(BUILD)/bench/estate
bench-tools: $(BENCH_TOOLS:%=$(BUILD)/bench/%)

# Every outage of either side, in every phase, and a session that outlives its ticket: a quarter of
# an hour.
check-outages: deps-check
	@$(MAKE) --no-print-directory -s all
	@GALSYNC_BUILD=$(BUILD) $(PYTEST) -q tests/e2e/long/test_22*.py

# GALSYNC_KILLS SIGKILLs (200) in the middle of switches, undoes and toggles, and GALSYNC_LOSSES (50)
# with which the map is lost while mail flows: some minutes.
check-kills: deps-check
	@$(MAKE) --no-print-directory -s all
	@GALSYNC_BUILD=$(BUILD) $(PYTEST) -q -s tests/e2e/long/test_23*.py

# WALK_SEEDS random administrative lives (10) of WALK_CHANGES changes (500) each, with the daemon
# running: a quarter of an hour. GALSYNC_WALK_SEED runs one that failed again.
check-walk: deps-check
	@$(MAKE) --no-print-directory -s all
	@GALSYNC_BUILD=$(BUILD) $(PYTEST) -q -s tests/e2e/long/test_24*.py

# WALK_SEEDS random lives (1) of two administrators, WALK_CHANGES changes (2,000) each, with the
# daemon running in both directions: both address lists must be the same again and again.
check-lists: deps-check
	@$(MAKE) --no-print-directory -s all
	@GALSYNC_BUILD=$(BUILD) $(PYTEST) -q -s tests/e2e/long/test_25*.py

# Three forests in a star and in a ring, a group of 5,100 members, and two forests that trust each
# other: some minutes.
check-estates: deps-check
	@$(MAKE) --no-print-directory -s all
	@GALSYNC_BUILD=$(BUILD) $(PYTEST) -q tests/e2e/long/test_26*.py

# The portal behind Apache with Kerberos and behind nginx, as its manual has them: a minute.
check-web: deps-web
	@$(MAKE) --no-print-directory -s all $(BUILD)/bench/people
	@GALSYNC_BUILD=$(BUILD) $(PYTEST) -q tests/e2e/long/test_27*.py

check-layers:
	@bash .ci/layers

# One a line, for tools that compile by themselves.
print-flags:
	@printf '%s\n' $(GALSYNC_CPPFLAGS) $(GALSYNC_CFLAGS)

check-headers:
	@for h in dsa/*/*.h mapping/*.h redirect/*.h; do \
		$(CC) $(GALSYNC_CPPFLAGS) $(GALSYNC_CFLAGS) -fsyntax-only -x c -include $$h /dev/null || exit 1; done

lint: deps-lint
	@CC=$(CC) BUILD=$(BUILD) .ci/lint

format:
	clang-format -i $$(git ls-files '*.c' '*.h')

demo: deps-demo
	@$(MAKE) --no-print-directory -s all
	@BUILD=$(BUILD) tests/demo

bench: deps-bench
	@$(MAKE) --no-print-directory -s all bench-tools
	@BUILD=$(BUILD) /usr/bin/python3 -B tests/bench/bench.py

# FUZZ_SECONDS for each target, with libFuzzer.
FUZZ_SECONDS ?= 60
fuzz: deps-lint
	@BUILD=$(BUILD)/libfuzzer tests/fuzz/run $(FUZZ_SECONDS) $(FUZZ_TARGETS)

## Installation

# What is there already keeps its mode and owner: others have set them, tmpfiles.d for one.
install_dirs = for d in $(2); do [ -d "$$d" ] || $(INSTALL) -d -m $(1) "$$d" || exit 1; done

SERVICES := galsyncd.service galsync-portal.service galsync-report.service
OTHER_UNITS := galsyncd.socket galsync-portal.socket galsync-report.timer
COMPLETIONS := galsyncctl galsyncd galsync-portal

install: all
	$(call install_dirs,755,$(addprefix $(DESTDIR),$(SBINDIR) $(MANDIR)/man5 $(MANDIR)/man7 \
		$(MANDIR)/man8 $(DATADIR) $(DATADIR)/mail $(CATALOGDIR) $(SYSTEMDUNITDIR) $(SYSUSERSDIR) $(TMPFILESDIR) \
		$(COMPLETIONDIR)))
	$(call install_dirs,750,$(DESTDIR)$(SYSCONFDIR)/galsync)
	$(INSTALL) -m 755 $(BUILD)/galsyncd $(BUILD)/galsyncctl $(BUILD)/galsync-portal $(DESTDIR)$(SBINDIR)
	$(INSTALL) -m 644 man/galsync.conf.5 $(DESTDIR)$(MANDIR)/man5
	$(INSTALL) -m 644 man/galsyncd.8 man/galsyncctl.8 man/galsync-portal.8 $(DESTDIR)$(MANDIR)/man8
	$(INSTALL) -m 755 conf/delegate.sh conf/hook-mail $(DESTDIR)$(DATADIR)
	$(INSTALL) -m 644 conf/delegate.rights conf/galsync.conf conf/hook-mail.conf $(DESTDIR)$(DATADIR)
	$(INSTALL) -m 644 conf/mail/*.txt $(DESTDIR)$(DATADIR)/mail
	$(INSTALL) -m 644 conf/galsync.catalog $(DESTDIR)$(CATALOGDIR)
	for s in $(SERVICES); do \
		sed 's|@SBINDIR@|$(SBINDIR)|' conf/$$s >$(BUILD)/$$s && \
		$(INSTALL) -m 644 $(BUILD)/$$s $(DESTDIR)$(SYSTEMDUNITDIR) || exit 1; done
	$(INSTALL) -m 644 $(addprefix conf/,$(OTHER_UNITS)) $(DESTDIR)$(SYSTEMDUNITDIR)
	$(INSTALL) -m 644 conf/galsync.sysusers $(DESTDIR)$(SYSUSERSDIR)/galsync.conf
	$(INSTALL) -m 644 conf/galsync.tmpfiles $(DESTDIR)$(TMPFILESDIR)/galsync.conf
	for c in $(COMPLETIONS); do \
		$(INSTALL) -m 644 conf/$$c.completion $(DESTDIR)$(COMPLETIONDIR)/$$c || exit 1; done
	$(INSTALL) -m 644 man/galsync-control.7 man/galsync-migration.7 $(DESTDIR)$(MANDIR)/man7
	[ -e $(DESTDIR)$(SYSCONFDIR)/galsync/galsync.conf ] || \
		[ -L $(DESTDIR)$(SYSCONFDIR)/galsync/galsync.conf ] || \
		$(INSTALL) -m 640 conf/galsync.conf $(DESTDIR)$(SYSCONFDIR)/galsync/galsync.conf

# On a machine that runs, the service is stopped and disabled before its files go; the socket first,
# which would start it again. In a tree for a package nothing runs.
not_live = [ -n '$(DESTDIR)' ] || [ ! -d /run/systemd/system ]

# The configuration and the state stay.
uninstall:
	$(not_live) || systemctl disable --now $(OTHER_UNITS) $(SERVICES) || \
		! systemctl cat galsyncd.service >/dev/null 2>&1
	rm -f $(addprefix $(DESTDIR)$(SBINDIR)/,galsyncd galsyncctl galsync-portal) \
		$(DESTDIR)$(MANDIR)/man5/galsync.conf.5 $(DESTDIR)$(MANDIR)/man8/galsyncd.8 \
		$(DESTDIR)$(MANDIR)/man8/galsyncctl.8 $(DESTDIR)$(MANDIR)/man8/galsync-portal.8 \
		$(DESTDIR)$(MANDIR)/man7/galsync-control.7 $(DESTDIR)$(MANDIR)/man7/galsync-migration.7 \
		$(DESTDIR)$(CATALOGDIR)/galsync.catalog $(DESTDIR)$(SYSUSERSDIR)/galsync.conf \
		$(addprefix $(DESTDIR)$(SYSTEMDUNITDIR)/,$(SERVICES) $(OTHER_UNITS)) \
		$(DESTDIR)$(TMPFILESDIR)/galsync.conf $(addprefix $(DESTDIR)$(COMPLETIONDIR)/,$(COMPLETIONS))
	rm -rf $(DESTDIR)$(DATADIR)
	$(not_live) || systemctl daemon-reload

clean:
	rm -rf $(BUILD)

help:
	@echo 'all (default)   build galsyncd, galsyncctl and galsync-portal in $(BUILD)'
	@echo 'demo            two real forests, a plan, a full sync, a second one; then clean up (root)'
	@echo 'check           every test, with sanitizers (root)'
	@echo 'check-unit      unit tests, fuzz corpora, tests of the tools: for every save'
	@echo 'check-torture   crashes at every step, outages, random walks (some minutes)'
	@echo 'check-outages   outages of the domain controllers in every phase (root, a quarter of an hour)'
	@echo 'check-kills     the daemon killed hundreds of times in the middle of switches (root, some minutes)'
	@echo 'check-walk      WALK_SEEDS (10) random administrative lives of WALK_CHANGES (500) changes (root, a quarter of an hour)'
	@echo 'check-lists     WALK_SEEDS (1) random lives of WALK_CHANGES (2000) changes on both sides (root, some minutes)'
	@echo 'check-estates   three forests in a star and in a ring, a group of 5,100 members, a trust (root, some minutes)'
	@echo 'check-web       the portal behind Apache with Kerberos and behind nginx (root, a minute)'
	@echo 'bench           measure against plain tools on a real lab; prints a table of ratios (root)'
	@echo 'lint            clang-format, clang-tidy, cppcheck, mandoc, names, words, sizes, shellcheck, layers, headers'
	@echo 'fuzz            every fuzz target for FUZZ_SECONDS (60)'
	@echo 'format          clang-format over the tree'
	@echo 'install         to $$(DESTDIR)$$(PREFIX), configuration to $$(DESTDIR)$$(SYSCONFDIR)/galsync'
	@echo 'uninstall       stops and disables the service first; configuration and state stay'
	@echo 'clean'

.PHONY: all check check-unit check-torture check-outages check-kills check-walk check-lists check-estates check-web units tortures e2e-programs tool-programs bench-tools print-flags check-layers check-headers lint format demo bench fuzz \
	install uninstall clean help
.SECONDARY:
