/* SPDX-License-Identifier: Apache-2.0 */
#include <malloc.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "firebridge/app/cli.h"
#include "firebridge/base/log.h"

/*
 * Access keys are in memory, and must not reach a disk with a core. A limit of 0 also stops
 * systemd-coredump. (PR_SET_DUMPABLE would take the leak checker and debuggers away as well.)
 */
static void forbid_cores(void)
{
    const struct rlimit none = {0, 0};

    (void)setrlimit(RLIMIT_CORE, &none);
}

int main(int argc, char **argv)
{
    int result;

    /* glibc would give each of the many writer threads an arena of its own. */
    (void)mallopt(M_ARENA_MAX, 2);
    /* The state file and the dead letters hold what may be nobody else's business. */
    umask(077);
    forbid_cores();
    /* A peer that closes is an error of one call, not the end of the process. */
    (void)signal(SIGPIPE, SIG_IGN);
    /* Who started us may ignore it, and then no child's end could be waited for. */
    (void)signal(SIGCHLD, SIG_DFL);
    result = fb_cli_main(argc, argv);
    fb_log_flush();
    return result;
}
