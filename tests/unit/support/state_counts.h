/* SPDX-License-Identifier: Apache-2.0 */
/* How many objects of each state a state file's tally names, read from outside of the module. */
#ifndef FIREBRIDGE_TESTS_SUPPORT_STATE_COUNTS_H
#define FIREBRIDGE_TESTS_SUPPORT_STATE_COUNTS_H

#include <stdint.h>

struct state_counts {
    uint64_t pending, active, written, done, changed, damaged, skipped;
    uint64_t pending_bytes;
};

/* Of the state file in `directory`, which may be open. */
struct state_counts state_counts_read(const char *directory, int64_t stream_id);

#endif
