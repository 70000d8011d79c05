# SPDX-License-Identifier: Apache-2.0
#
# make            the program, at build/firebridge
# make check      what a fresh machine lacks is installed, then all tests run
# make demo       the whole way of the data on this machine, in a minute
# make help       every target
#
# V=1 shows the commands. VARIANT=asan|tsan|debug builds beside the release build.

VERSION := 0.1.0
PREFIX  ?= /usr
DESTDIR ?=
VARIANT ?= release
BUILD   := build/$(VARIANT)
CC      ?= cc
PKG_CONFIG ?= pkg-config
PYTHON  ?= /usr/bin/python3

LIBS      := libcurl libcrypto jansson zlib expat inih sqlite3 libsystemd
TEST_LIBS := cmocka

# What each is for is there only where its library is: FB_HAVE_x is 1, and x linked.
OPTIONAL       := libisal snappy libzstd bzip2 jq
WITHOUT_libisal := a gzip that is twice as fast (libisal)
WITHOUT_snappy  := Snappy (libsnappy)
WITHOUT_libzstd := Zstandard (libzstd)
WITHOUT_bzip2   := bzip2 (libbz2)
WITHOUT_jq      := filter_jq and transform_jq (libjq)

# --- Flags ------------------------------------------------------------------------------------
# CPPFLAGS, CFLAGS and LDFLAGS are the packager's; what the program needs stands beside them.

CFLAGS ?= -O2 -g
CFLAGS_debug   := -Og
CFLAGS_asan    := -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
CFLAGS_tsan    := -O1 -fsanitize=thread -fno-omit-frame-pointer
CFLAGS_cover   := -O0 --coverage

WARN    := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes \
           -Wvla -Wformat=2 -Wundef -Wpointer-arith
ifneq ($(CI)$(WERROR),)
WARN    += -Werror
endif
HARDEN  := -fstack-protector-strong -fstack-clash-protection -fPIE
ifeq ($(VARIANT),release)
HARDEN  += -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
endif
DEFINES := -D_GNU_SOURCE -DFB_VERSION='"$(VERSION)"'

# These have no file for pkg-config in some distributions.
PLAIN        := bzip2 jq
HEADER_bzip2 := bzlib.h
LIBS_bzip2   := -lbz2
HEADER_jq    := jq.h
LIBS_jq      := -ljq
has_plain = $(shell echo 'int main(void) { return 0; }' | \
    $(CC) -include $(HEADER_$(1)) -x c - -o /dev/null $(LIBS_$(1)) 2>/dev/null && echo yes)
has = $(if $(filter $(1),$(PLAIN)),$(has_plain),$(shell $(PKG_CONFIG) --exists $(1) && echo yes))
have := $(foreach lib,$(OPTIONAL),$(if $(call has,$(lib)),$(lib)))
without := $(filter-out $(have),$(OPTIONAL))
DEFINES += $(have:%=-DFB_HAVE_%=1) $(without:%=-DFB_HAVE_%=0)

# Only looked up when something is compiled, so that `make check` can install them first.
pkg_config = $(shell $(PKG_CONFIG) $(1) $(2))$(if $(filter-out 0,$(.SHELLSTATUS)),\
    $(error libraries are missing, see above: scripts/install-deps installs them))
pkg_cflags = $(eval pkg_cflags := $$(call pkg_config,--cflags,$(LIBS) \
    $(filter-out $(PLAIN),$(have))))$(pkg_cflags)
pkg_libs   = $(eval pkg_libs := $$(call pkg_config,--libs,$(LIBS) \
    $(filter-out $(PLAIN),$(have))) $(foreach lib,$(filter $(PLAIN),$(have)),$(LIBS_$(lib))))$(pkg_libs)
test_libs  = $(eval test_libs := $$(call pkg_config,--libs,$(TEST_LIBS)))$(test_libs)

COMPILE = $(CC) -std=c17 $(DEFINES) -Iinclude $(WARN) $(HARDEN) $(CPPFLAGS) $(CFLAGS) \
          $(CFLAGS_$(VARIANT)) $(pkg_cflags) -MMD -MP -pthread
LINK    = $(CC) $(CFLAGS) $(CFLAGS_$(VARIANT)) -pie -Wl,-z,relro,-z,now $(LDFLAGS) -pthread

ifeq ($(V),)
quiet = @echo "  $(1) $(2)";
else
quiet =
endif

# --- The program ------------------------------------------------------------------------------

SOURCES := $(sort $(wildcard src/*/*.c))
HEADERS := $(sort $(wildcard include/firebridge/*/*.h))
OBJECTS := $(SOURCES:%.c=$(BUILD)/%.o)
LIBRARY := $(BUILD)/libfirebridge.a
PROGRAM := $(BUILD)/firebridge

TEST_SOURCES := $(sort $(wildcard tests/unit/*/test_*.c))
TESTS        := $(TEST_SOURCES:%.c=$(BUILD)/%)
TOOLS        := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/bench/*_tool.c tests/simulation/*_tool.c))
TEST_HELPERS := $(sort $(wildcard tests/unit/support/*.c))

.PHONY: all
all: say-without $(PROGRAM) $(if $(filter release,$(VARIANT)),build/firebridge) ## the program, at build/firebridge
	@:

.PHONY: say-without
say-without:
	@$(foreach lib,$(without),echo "  built without $(WITHOUT_$(lib))" >&2;) :

same = $(and $(findstring x$(1)x,x$(2)x),$(findstring x$(2)x,x$(1)x))

# Changes when a library comes or goes, and with it all that was compiled.
$(BUILD)/have: $(if $(call same,$(have),$(shell cat $(BUILD)/have 2>/dev/null)),,FORCE)
	@mkdir -p $(@D) && echo '$(have)' > $@
.PHONY: FORCE
FORCE:

build/firebridge: build/release/firebridge
	@cp -f $< $@.new && mv -f $@.new $@

$(PROGRAM): $(BUILD)/src/app/main.o $(LIBRARY)
	$(call quiet,LD,$@) $(LINK) -o $@ $^ $(pkg_libs)

$(LIBRARY): $(filter-out $(BUILD)/src/app/main.o,$(OBJECTS))
	$(call quiet,AR,$@) rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/%.o: %.c Makefile $(BUILD)/have
	@mkdir -p $(@D)
	$(call quiet,CC,$<) $(COMPILE) -c -o $@ $<

$(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.o $(TEST_HELPERS:%.c=$(BUILD)/%.o) $(LIBRARY)
	$(call quiet,LD,$@) $(LINK) -o $@ $^ $(pkg_libs) $(test_libs)

$(BUILD)/tests/bench/%: $(BUILD)/tests/bench/%.o $(LIBRARY)
	$(call quiet,LD,$@) $(LINK) -o $@ $^ $(pkg_libs)

$(BUILD)/tests/simulation/%: $(BUILD)/tests/simulation/%.o $(TEST_HELPERS:%.c=$(BUILD)/%.o) $(LIBRARY)
	$(call quiet,LD,$@) $(LINK) -o $@ $^ $(pkg_libs) $(test_libs)

.SECONDARY:

-include $(shell find build -type f -name '*.d' 2>/dev/null)

# --- Tests ------------------------------------------------------------------------------------
# Each begins with what a fresh machine lacks; only then are libraries looked up and sources built,
# on all processors unless a -j says otherwise.

BUILD_MAKE = $(MAKE) --no-print-directory $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc))

.PHONY: check check-asan check-tsan
check: deps-test             ## unit and integration tests; the last line is the totals
	@$(BUILD_MAKE) all tests
	@$(PYTHON) tests/check

check-asan: deps-test        ## the same under the address, undefined-behaviour and leak sanitizers
	@$(BUILD_MAKE) VARIANT=asan all tests
	@$(PYTHON) tests/check --variant asan --quick

check-tsan: deps-test        ## unit tests and the main job under the thread sanitizer
	@$(BUILD_MAKE) VARIANT=tsan all tests
	@$(PYTHON) tests/check --variant tsan --quick tests/integration/test_main_job.py

.PHONY: soak
soak: deps-test deps-soak    ## what takes long: 10,000 simulated histories and the like; FIREBRIDGE_SEED
	@$(BUILD_MAKE) all tests
	@$(PYTHON) tests/check --soak

.PHONY: unit
unit: tests                  ## unit tests only
	@$(PYTHON) tests/check --variant $(VARIANT) --unit-only

.PHONY: tests
tests: $(TESTS) $(TOOLS)
	@:

.PHONY: cover
cover: deps-test             ## line coverage of the unit tests, by file
	@$(BUILD_MAKE) VARIANT=cover tests
	@$(PYTHON) tests/check --variant cover --unit-only
	@cd build/cover && find src -name '*.gcda' | sort | xargs gcov -n -r -s ../.. 2>/dev/null | \
	    awk -F"'" '/^File/ {f=$$2} /^Lines/ {if (f ~ /^src/) print f, substr($$0, index($$0,":")+1); f=""}'

.PHONY: demo
demo: deps-test              ## Firehose's ticker data through the real daemon, on this machine
	@$(BUILD_MAKE) all
	@tests/in-namespace $(PYTHON) -B tests/demo/demo.py

.PHONY: deps-build deps-test deps-lint deps-soak
deps-build:
	@scripts/install-deps --build
deps-test:
	@scripts/install-deps --build --test
deps-soak:
	@scripts/install-deps --soak
deps-lint:
	@scripts/install-deps --build --lint

.PHONY: fuzz bench
fuzz:                        ## each parser for FUZZ_SECONDS (fuzz-NAME: one of them)
bench:                       ## bench-transcode, bench-inflate, bench-mapper and bench-main
-include tests/fuzz/fuzz.mk
-include tests/bench/bench.mk

# --- Looks ------------------------------------------------------------------------------------

include tests/lint/lint.mk

.PHONY: format
format:                      ## clang-format over everything
	clang-format -i $(LINT_C)

# --- Install ----------------------------------------------------------------------------------

bindir  := $(PREFIX)/bin
docdir  := $(PREFIX)/share/doc/firebridge
mandir  := $(PREFIX)/share/man
bashdir ?= $(PREFIX)/share/bash-completion/completions
zshdir  ?= $(PREFIX)/share/zsh/vendor-completions
# systemd and journald look here whatever PREFIX is.
unitdir ?= /usr/lib/systemd/system
catalogdir ?= /usr/lib/systemd/catalog
confdir ?= /etc/firebridge
MAN     := $(sort $(wildcard docs/man/*.[0-9]))
DOCS    := README.md CHANGELOG.md LICENSE $(sort $(wildcard docs/*.md))
EXAMPLES := $(sort $(shell find docs/examples -type f))
INSTALL ?= install

# SOURCE:TARGET of every file that install puts there and uninstall removes.
FILES = build/firebridge:$(bindir)/firebridge \
    $(foreach unit,firebridge.service firebridge@.service,build/systemd/$(unit):$(unitdir)/$(unit)) \
    systemd/firebridge.catalog:$(catalogdir)/firebridge.catalog \
    build/completion/bash:$(bashdir)/firebridge \
    build/completion/zsh:$(zshdir)/_firebridge \
    $(foreach page,$(MAN),$(page):$(mandir)/man$(subst .,,$(suffix $(page)))/$(notdir $(page))) \
    $(foreach doc,$(DOCS),$(doc):$(docdir)/$(notdir $(doc))) \
    $(foreach file,$(EXAMPLES),$(file):$(docdir)/$(file:docs/%=%)) \
    systemd/credential-process.conf:$(docdir)/examples/credential-process.conf

instance := s,@FOR_INSTANCE@, (%i),; s,@CONF@, -c $(confdir)/%i.conf,; s,@INSTANCE@,-%i,g
build/systemd/firebridge@.service: fill = s,@BINDIR@,$(bindir),; $(instance)
build/systemd/firebridge.service: fill = s,@BINDIR@,$(bindir),; s,@[A-Z_]*@,,g
build/systemd/%.service: systemd/firebridge.service FORCE
	@mkdir -p $(@D) && sed '$(fill)' $< > $@.$$$$ && mv -f $@.$$$$ $@

build/completion/%: build/firebridge
	@mkdir -p $(@D) && build/firebridge completion $* > $@.$$$$ && mv -f $@.$$$$ $@

# What runs now is told of new and gone units and catalogs; a DESTDIR is not what runs.
tell_systemd = @[ -n "$(DESTDIR)" ] || { journalctl --update-catalog; \
    [ ! -d /run/systemd/system ] || systemctl daemon-reload; }

.PHONY: install
install: $(foreach file,$(FILES),$(firstword $(subst :, ,$(file)))) ## program, conf, units, message catalog, manual pages (PREFIX, DESTDIR)
	@for file in $(FILES); do \
	    mode=644; [ "$${file%%:*}" != build/firebridge ] || mode=755; \
	    echo $(INSTALL) -D -m $$mode "$${file%%:*}" "$(DESTDIR)$${file#*:}"; \
	    $(INSTALL) -D -m $$mode "$${file%%:*}" "$(DESTDIR)$${file#*:}" || exit 1; \
	done
	$(INSTALL) -d $(DESTDIR)$(confdir)/firebridge.conf.d
	@# A conf that is there belongs to the administrator.
	@conf=$(DESTDIR)$(confdir)/firebridge.conf; \
	if [ -e $$conf ] && ! cmp -s etc/firebridge.conf $$conf; then conf=$$conf.new; fi; \
	echo $(INSTALL) -m 644 etc/firebridge.conf $$conf; \
	$(INSTALL) -m 644 etc/firebridge.conf $$conf
	$(tell_systemd)

.PHONY: uninstall
uninstall:                   ## stops it and removes all that install put there, but conf and state
	@[ -n "$(DESTDIR)" ] || [ ! -d /run/systemd/system ] || { \
	    systemctl disable firebridge.service firebridge@.service; \
	    systemctl stop firebridge.service 'firebridge@*.service'; } 2>/dev/null || :
	rm -f $(foreach file,$(FILES),$(DESTDIR)$(lastword $(subst :, ,$(file))))
	rm -rf $(DESTDIR)$(docdir)
	$(tell_systemd)

.PHONY: man
man: $(MAN:docs/man/%=build/man/%.txt) ## the manual pages as text, in build/man
build/man/%.txt: docs/man/%
	@mkdir -p $(@D)
	$(call quiet,MAN,$@) mandoc -T utf8 $< > $@.bold && \
	    LC_ALL=C.UTF-8 sed 's/.\x08//g' $@.bold > $@ && rm $@.bold

.PHONY: docs
docs: all                    ## what the program prints now, into the examples of docs/formats.md
	@$(PYTHON) -B tests/integration/console_blocks.py docs/formats.md

.PHONY: dist
dist:                        ## build/firebridge-VERSION.tar.gz of what is committed
	@mkdir -p build
	git archive --prefix=firebridge-$(VERSION)/ -o build/firebridge-$(VERSION).tar.gz HEAD

.PHONY: clean
clean:                       ## build and all in it
	rm -rf build

.PHONY: help
help:                        ## this list
	@sed -n 's/^\([a-z][a-z -]*\):\([^=].*\)\{0,1\}## /\1\t/p' $(MAKEFILE_LIST) | \
	    awk -F'\t' '{printf "  %-16s %s\n", $$1, $$2}'
