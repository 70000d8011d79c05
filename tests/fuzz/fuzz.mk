# SPDX-License-Identifier: Apache-2.0
#
# make fuzz                 each target for FUZZ_SECONDS, from its corpus in tests/fuzz/corpus
# make fuzz FUZZ=reader     one of them
#
# What a run finds stays under build/fuzz; only what is worth keeping goes into the corpus by hand.

FUZZ_CC      ?= clang
FUZZ_SECONDS ?= 60
FUZZ         ?= $(patsubst tests/fuzz/fuzz_%.c,%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
FUZZ_FLAGS   := -O1 -g -fno-omit-frame-pointer -fno-sanitize-recover=all
FUZZ_SOURCES := $(sort $(wildcard src/base/*.c src/codec/*.c))

build/fuzz/fuzz_%: tests/fuzz/fuzz_%.c $(FUZZ_SOURCES) $(HEADERS) $(wildcard src/codec/*.h)
	@mkdir -p $(@D)
	$(call quiet,FUZZ,$@) $(FUZZ_CC) -std=c17 $(DEFINES) -Iinclude $(WARN) $(FUZZ_FLAGS) \
		-fsanitize=fuzzer,address,undefined -pthread -o $@ $< $(FUZZ_SOURCES) $(pkg_cflags) $(pkg_libs)

.PHONY: fuzz
fuzz: $(FUZZ:%=build/fuzz/fuzz_%)
	@for t in $(FUZZ); do \
		echo "== $$t: $(FUZZ_SECONDS) s"; \
		mkdir -p build/fuzz/found/$$t; \
		build/fuzz/fuzz_$$t -max_total_time=$(FUZZ_SECONDS) -max_len=8192 -timeout=20 \
			-print_final_stats=1 -verbosity=0 -artifact_prefix=build/fuzz/$$t- \
			build/fuzz/found/$$t tests/fuzz/corpus/$$t || exit 1; \
	done
