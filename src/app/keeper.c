/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/app/keeper.h"

#include <pthread.h>
#include <stdlib.h>

#include "firebridge/base/log.h"
#include "firebridge/base/thread.h"

struct fb_keeper {
    struct fb_state *state;
    pthread_t thread;
};

static void check(struct fb_keeper *keeper)
{
    struct fb_error error = {0};
    enum fb_status status = fb_state_check(keeper->state, &error);

    if (status == FB_OK)
        fb_log_info("the state file is sound");
    else
        fb_log_error("%s", error.message);
}

static void *run(void *argument)
{
    struct fb_keeper *keeper = argument;

    if (!fb_state_is_checked(keeper->state))
        check(keeper);
    return NULL;
}

enum fb_status fb_keeper_start(struct fb_state *state, struct fb_keeper **ret_keeper,
                               struct fb_error *error)
{
    struct fb_keeper *keeper = calloc(1, sizeof *keeper);
    enum fb_status status;

    if (keeper == NULL)
        return fb_fail(error, FB_NO_MEMORY, "out of memory");
    keeper->state = state;
    status = fb_thread_start(&keeper->thread, "keeper", run, keeper, error);
    if (status == FB_OK)
        *ret_keeper = keeper;
    else
        free(keeper);
    return status;
}

void fb_keeper_free(struct fb_keeper *keeper)
{
    if (keeper == NULL)
        return;
    pthread_join(keeper->thread, NULL);
    free(keeper);
}
