/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/pipeline/patience.h"

#include "firebridge/base/log.h"

/* Back-off: a broken connection is tried again soon, a throttled table within half a minute, and
 * what a person must mend once a minute. */
#define BASE_MS           50
#define CAP_MS            20000
#define UNHEALTHY_CAP_MS  60000
#define UNHEALTHY_BASE_MS 1000

/* With `run --once` nobody is there to mend it meanwhile; a few tries rule out a hiccup. */
#define UNHEALTHY_TRIES 3

/* A transient failure becomes a matter of health when it lasts. */
#define TRANSIENT_TRIES 4

/* A table that is throttled now and then is none, but one that takes nothing for so long is. */
#define THROTTLED_FOR_MS 15000

void fb_patience_init(struct fb_patience *patience, const struct fb_patience_options *options,
                      uint64_t seed)
{
    *patience = (struct fb_patience){
        .options = *options,
        .backoff = {.base_ms = BASE_MS, .cap_ms = CAP_MS},
    };
    fb_random_init(&patience->random, seed);
}

void fb_patience_success(struct fb_patience *patience)
{
    if (patience->failing_since_ms == 0 && patience->backoff.tries == 0 && !patience->unhealthy)
        return;
    if (patience->unhealthy && patience->options.on_health != NULL)
        patience->options.on_health(patience->options.context, patience->options.what, NULL, true);
    patience->unhealthy = false;
    patience->unhealthy_tries = 0;
    patience->failing_since_ms = 0;
    fb_backoff_reset(&patience->backoff);
}

void fb_patience_tell(struct fb_patience *patience, const struct fb_error *error)
{
    bool first = !patience->unhealthy;

    patience->unhealthy = true;
    if (patience->options.on_health != NULL)
        patience->options.on_health(patience->options.context, patience->options.what, error,
                                    first);
}

static bool is_trouble(const struct fb_patience *patience, int64_t now_ms, enum fb_verdict verdict)
{
    if (verdict == FB_RETRY_SLOWER)
        return now_ms - patience->failing_since_ms >= THROTTLED_FOR_MS;
    return verdict == FB_UNHEALTHY || patience->backoff.tries >= TRANSIENT_TRIES;
}

static bool gives_up(const struct fb_patience *patience, int64_t now_ms, enum fb_verdict verdict)
{
    if (patience->options.give_up_after_ms == 0)
        return false;
    if (verdict == FB_UNHEALTHY && patience->unhealthy_tries >= UNHEALTHY_TRIES)
        return true;
    return now_ms - patience->failing_since_ms >= patience->options.give_up_after_ms;
}

static int64_t wait_ms(struct fb_patience *patience, enum fb_verdict verdict)
{
    bool slow = verdict == FB_UNHEALTHY && patience->options.give_up_after_ms == 0;

    patience->backoff.base_ms = slow ? UNHEALTHY_BASE_MS : BASE_MS;
    patience->backoff.cap_ms = slow ? UNHEALTHY_CAP_MS : CAP_MS;
    return fb_backoff_next_ms(&patience->backoff, &patience->random);
}

enum fb_status fb_patience_note(struct fb_patience *patience, struct fb_error *error)
{
    enum fb_verdict verdict = fb_verdict_of(error);
    int64_t now_ms = fb_monotonic_ms(patience->options.clock);

    if (patience->failing_since_ms == 0)
        patience->failing_since_ms = now_ms;
    if (verdict == FB_UNHEALTHY)
        patience->unhealthy_tries++;
    if (is_trouble(patience, now_ms, verdict))
        fb_patience_tell(patience, error);
    if (gives_up(patience, now_ms, verdict)) {
        fb_error_prefix(error, "nothing succeeded for %lld s",
                        (long long)((now_ms - patience->failing_since_ms) / 1000));
        return error->status;
    }
    return FB_OK;
}

enum fb_status fb_patience_wait(struct fb_patience *patience, struct fb_error *error)
{
    enum fb_status status = fb_patience_note(patience, error);
    int64_t pause_ms;

    if (status != FB_OK)
        return status;
    pause_ms = wait_ms(patience, fb_verdict_of(error));
    fb_log_debug("%s: %s; try %u in %lld ms", patience->options.what, error->message,
                 patience->backoff.tries + 1, (long long)pause_ms);
    if (fb_sleep_ms(patience->options.clock, patience->options.stop, patience->options.stop_at,
                    pause_ms))
        return FB_CANCELED;
    return FB_OK;
}
