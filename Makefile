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

LIBS      := libcurl libcrypto jansson zlib expat inih sqlite3 libsystemd
TEST_LIBS := cmocka

CFLAGS_release ?= -O2 -g
CFLAGS_debug   := -Og -g
CFLAGS_asan    := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
CFLAGS_tsan    := -O1 -g -fsanitize=thread -fno-omit-frame-pointer
LDFLAGS_asan   := -fsanitize=address,undefined
LDFLAGS_tsan   := -fsanitize=thread

CFLAGS  ?= $(CFLAGS_$(VARIANT))
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

# Only looked up when something is compiled, so that `make check` can install them first.
pkg_cflags = $(eval pkg_cflags := $$(shell $(PKG_CONFIG) --cflags $(LIBS)))$(pkg_cflags)
pkg_libs   = $(eval pkg_libs := $$(shell $(PKG_CONFIG) --libs $(LIBS)))$(pkg_libs)
test_libs  = $(eval test_libs := $$(shell $(PKG_CONFIG) --libs $(TEST_LIBS)))$(test_libs)

COMPILE = $(CC) -std=c17 $(DEFINES) -Iinclude $(WARN) $(HARDEN) $(CFLAGS) $(pkg_cflags) -MMD -MP -pthread
LINK    = $(CC) $(CFLAGS) $(LDFLAGS) $(LDFLAGS_$(VARIANT)) -pie -Wl,-z,relro,-z,now -pthread

ifeq ($(V),)
quiet = @echo "  $(1) $(2)";
else
quiet =
endif

SOURCES := $(sort $(wildcard src/*/*.c))
HEADERS := $(sort $(wildcard include/firebridge/*/*.h))
OBJECTS := $(SOURCES:%.c=$(BUILD)/%.o)
LIBRARY := $(BUILD)/libfirebridge.a
PROGRAM := $(BUILD)/firebridge

TEST_SOURCES := $(sort $(wildcard tests/unit/*/test_*.c))
TESTS        := $(TEST_SOURCES:%.c=$(BUILD)/%)
TEST_HELPERS := $(sort $(wildcard tests/unit/support/*.c))
BENCHES      := $(patsubst %.c,$(BUILD)/%,$(sort $(wildcard tests/bench/*.c)))

.PHONY: all
all: build/firebridge

build/firebridge: $(BUILD)/firebridge
	@cp -f $< $@.new && mv -f $@.new $@

$(PROGRAM): $(BUILD)/src/app/main.o $(LIBRARY)
	$(call quiet,LD,$@) $(LINK) -o $@ $^ $(pkg_libs)

$(LIBRARY): $(filter-out $(BUILD)/src/app/main.o,$(OBJECTS))
	$(call quiet,AR,$@) rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(call quiet,CC,$<) $(COMPILE) -c -o $@ $<

$(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.o $(TEST_HELPERS:%.c=$(BUILD)/%.o) $(LIBRARY)
	$(call quiet,LD,$@) $(LINK) -o $@ $^ $(pkg_libs) $(test_libs)

$(BUILD)/tests/bench/%: $(BUILD)/tests/bench/%.o $(LIBRARY)
	$(call quiet,LD,$@) $(LINK) -o $@ $^ $(pkg_libs)

.SECONDARY:

.PHONY: unit
unit: $(TESTS)
	@for t in $(TESTS); do echo "== $$t"; $$t || exit 1; done

.PHONY: format
format:
	clang-format -i $(SOURCES) $(HEADERS) $(wildcard tests/*/*.c tests/unit/*/*.c tests/unit/*/*.h)

.PHONY: clean
clean:
	rm -rf build

-include $(shell find build -name '*.d' 2>/dev/null)
