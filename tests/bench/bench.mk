# SPDX-License-Identifier: Apache-2.0
#
# make bench-transcode   the transcoder alone against jansson's parse alone, in MB/s

.PHONY: bench-transcode
bench-transcode: $(BUILD)/tests/bench/bench_transcode
	@$<
