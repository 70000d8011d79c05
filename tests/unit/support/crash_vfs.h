/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The disk under SQLite, which counts each write, sync, truncation and deletion, and ends the
 * process by SIGKILL at one of them. It stands above the system's own and is the process's default
 * from then on.
 */
#ifndef FIREBRIDGE_TESTS_SUPPORT_CRASH_VFS_H
#define FIREBRIDGE_TESTS_SUPPORT_CRASH_VFS_H

#include <stdint.h>

enum crash_mode {
    CRASH_KILL,  /* what was written stays, and nothing of what comes */
    CRASH_TORN,  /* the first half of the last write is there too */
    CRASH_POWER, /* of what was written and not synced, each write may be lost */
    CRASH_MODES,
};

struct crash_counts {
    uint64_t writes, syncs, truncates, deletes;
};

uint64_t crash_counts_sum(const struct crash_counts *counts);

/* `at` 0: never. `counts` is kept up to date, and may be shared with another process. */
void crash_vfs_install(enum crash_mode mode, uint64_t at, uint64_t seed,
                       struct crash_counts *counts);

#endif
