# SPDX-License-Identifier: Apache-2.0
#
# make fuzz         each parser for FUZZ_SECONDS, from the corpus that is kept here
# make fuzz-NAME    tests/fuzz/fuzz_NAME.c alone, with the words in NAME.dict where there is one;
#                   what it finds new stays in build/fuzz/corpus

FUZZ_SECONDS ?= 30
FUZZERS      := $(patsubst tests/fuzz/fuzz_%.c,%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
# Tracing what is compared takes a third of the time, and finds little that the words do not tell.
CFLAGS_fuzz  := -O2 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all \
                -fno-sanitize-coverage=trace-cmp

.PHONY: $(FUZZERS:%=fuzz-%)
fuzz: $(FUZZERS:%=fuzz-%)

$(FUZZERS:%=fuzz-%): fuzz-%: deps-lint
	@$(MAKE) --no-print-directory VARIANT=fuzz CC=clang build/fuzz/tests/fuzz/fuzz_$*
	@mkdir -p build/fuzz/corpus/$* build/fuzz/found
	@echo "fuzz: $* for $(FUZZ_SECONDS) s"
	@build/fuzz/tests/fuzz/fuzz_$* -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=1024 \
	    -verbosity=0 -print_final_stats=1 -artifact_prefix=build/fuzz/found/$*- \
	    $(patsubst %,-dict=%,$(wildcard tests/fuzz/$*.dict)) \
	    build/fuzz/corpus/$* $(wildcard tests/fuzz/corpus/$*) >build/fuzz/$*.log 2>&1 || \
	    { cat build/fuzz/$*.log; exit 1; }
	@grep '^stat::' build/fuzz/$*.log

$(BUILD)/tests/fuzz/%: $(BUILD)/tests/fuzz/%.o $(LIBRARY)
	$(call quiet,LD,$@) $(LINK) -fsanitize=fuzzer -o $@ $^ $(pkg_libs)
