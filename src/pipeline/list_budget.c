/* SPDX-License-Identifier: Apache-2.0 */
#include "list_budget.h"

#define HOUR_MS 3600000.0

/* So much of an hour's calls may be made at once. */
#define BURST (1.0 / 12)

static const double shares[FB_LISTINGS] = {[FB_LISTING_POLL] = 0.75, [FB_LISTING_SWEEP] = 0.25};

void fb_list_budget_init(struct fb_list_budget *budget, uint64_t per_hour, int64_t now_ms)
{
    const double calls = (double)per_hour;

    *budget = (struct fb_list_budget){.refilled_ms = now_ms};
    for (unsigned i = 0; i < FB_LISTINGS; i++) {
        const uint64_t most = (uint64_t)(calls * BURST * shares[i]);

        /* Less than one call at once would be none at all. */
        budget->most[i] = most > 0 ? (double)most : 1;
        budget->left[i] = budget->most[i];
    }
    for (unsigned i = 0; i < FB_LISTINGS; i++)
        budget->per_ms[i] = (calls - budget->most[0] - budget->most[1]) * shares[i] / HOUR_MS;
}

static double pour(struct fb_list_budget *budget, enum fb_listing listing, double calls)
{
    const double room = budget->most[listing] - budget->left[listing];
    const double poured = calls < room ? calls : room;

    budget->left[listing] += poured;
    return calls - poured;
}

static void refill(struct fb_list_budget *budget, int64_t now_ms)
{
    const double passed_ms = (double)(now_ms - budget->refilled_ms);
    double over[FB_LISTINGS];

    if (passed_ms <= 0)
        return;
    budget->refilled_ms = now_ms;
    for (unsigned i = 0; i < FB_LISTINGS; i++)
        over[i] = pour(budget, (enum fb_listing)i, passed_ms * budget->per_ms[i]);
    pour(budget, FB_LISTING_POLL, over[FB_LISTING_SWEEP]);
    pour(budget, FB_LISTING_SWEEP, over[FB_LISTING_POLL]);
}

int64_t fb_list_budget_wait_ms(struct fb_list_budget *budget, enum fb_listing listing,
                               int64_t now_ms)
{
    refill(budget, now_ms);
    if (budget->left[listing] >= 1)
        return 0;
    return (int64_t)((1 - budget->left[listing]) / budget->per_ms[listing]) + 1;
}

void fb_list_budget_take(struct fb_list_budget *budget, enum fb_listing listing, int64_t now_ms)
{
    refill(budget, now_ms);
    budget->left[listing]--;
}
