# SPDX-License-Identifier: Apache-2.0
#
# make bench             both
# make bench-transcode   the transcoder alone against jansson's parse alone, in MB/s
# make bench-main        the whole job against the least that it could cost; BENCH_RECORDS, BENCH_ROUNDS

.PHONY: bench-transcode bench-main bench-programs
bench: bench-transcode bench-main

bench-transcode: deps-test   ## the transcoder against jansson's parse, in MB/s
	@$(BUILD_MAKE) bench-programs
	@$(BUILD)/tests/bench/bench_transcode

bench-main: deps-test        ## the whole job against the least that it could cost
	@$(BUILD_MAKE) bench-programs
	@FIREBRIDGE_BUILD=$(BUILD) tests/in-namespace $(PYTHON) -B tests/bench/bench_main.py

bench-programs: $(PROGRAM) $(BUILD)/tests/bench/bench_transcode $(BUILD)/tests/bench/bench_floor
	@:
