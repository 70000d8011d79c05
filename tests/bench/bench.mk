# SPDX-License-Identifier: Apache-2.0
#
# make bench             all of them
# make bench-transcode   the transcoder alone against jansson's parse alone, in MB/s
# make bench-inflate     gzip by the engine of this build against zlib's, in MB/s; BENCH_RECORDS
# make bench-mapper      what a mapping adds to a record, in the reader alone and in the whole job
# make bench-main        the whole job against the least that it could cost; BENCH_RECORDS, BENCH_ROUNDS

BENCH_RECORDS ?= 500000
CLICKSTREAM   := build/bench/clickstream-$(BENCH_RECORDS).gz

.PHONY: bench-transcode bench-inflate bench-mapper bench-main bench-programs
bench: bench-transcode bench-inflate bench-mapper bench-main

bench-transcode: deps-test   ## the transcoder against jansson's parse, in MB/s
	@$(BUILD_MAKE) bench-programs
	@$(BUILD)/tests/bench/bench_transcode

bench-inflate: deps-test     ## gzip by the engine of this build against zlib's, in MB/s
	@$(BUILD_MAKE) bench-programs $(CLICKSTREAM)
	@$(BUILD)/tests/bench/bench_inflate $(CLICKSTREAM)

bench-mapper: deps-test      ## what a mapping adds to a record's CPU
	@$(BUILD_MAKE) bench-programs $(CLICKSTREAM)
	@$(BUILD)/tests/bench/bench_mapper $(CLICKSTREAM)
	@FIREBRIDGE_BUILD=$(BUILD) tests/in-namespace $(PYTHON) -B tests/bench/bench_main.py mapper

$(CLICKSTREAM): tests/bench/clickstream.py
	@mkdir -p $(@D)
	$(call quiet,MAKE,$@) $(PYTHON) -B $< $(BENCH_RECORDS) $@

bench-main: deps-test        ## the whole job against the least that it could cost
	@$(BUILD_MAKE) bench-programs
	@FIREBRIDGE_BUILD=$(BUILD) tests/in-namespace $(PYTHON) -B tests/bench/bench_main.py

bench-programs: $(PROGRAM) $(BUILD)/tests/bench/bench_transcode $(BUILD)/tests/bench/bench_inflate \
    $(BUILD)/tests/bench/bench_floor $(BUILD)/tests/bench/bench_mapper
	@:
