/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/pipeline/rate.h"

/* A throttle lowers the rate by so much, and after so long it is back at the last good one. With
 * sixteen lanes that is about one call in a second that is throttled. */
#define FALL          0.85
#define RECOVER_S     15.0
#define FALL_AGAIN_MS 1000 /* what is throttled before that says the same once more */

/* Until the first call that goes through there is no good rate: it falls fast, but not by all the
 * calls that are throttled in one moment. */
#define FIRST_FALL          0.5
#define FIRST_FALL_AGAIN_MS 100

/* Below it, a lane would not find out for a long time that a table takes more. */
#define UNITS_PER_S_MIN 2.0

/* No call carries what it takes longer to be allowed: at a low rate a large one would be throttled
 * in great part, or be far ahead of its time. */
#define CALL_S 0.25

/* What may be spent at once, as a part of a second's. */
#define BURST_S 0.1

static void fill(struct fb_bucket *bucket, int64_t now_ms)
{
    const double most = bucket->units_per_s * BURST_S;

    if (now_ms > bucket->at_ms)
        bucket->units += bucket->units_per_s * (double)(now_ms - bucket->at_ms) / 1000.0;
    bucket->at_ms = now_ms;
    if (bucket->units > most)
        bucket->units = most;
}

/* When there is no debt any more. */
static int64_t next_ms(struct fb_bucket *bucket, int64_t now_ms)
{
    if (bucket->units_per_s <= 0)
        return now_ms;
    fill(bucket, now_ms);
    if (bucket->units >= 0)
        return now_ms;
    return now_ms + 1 + (int64_t)(-bucket->units / bucket->units_per_s * 1000.0);
}

/* ---- what the table takes ---- */

void fb_rate_init(struct fb_rate *rate, int64_t now_ms)
{
    *rate = (struct fb_rate){.second_ms = now_ms, .answered_ms = now_ms, .bucket.at_ms = now_ms};
}

static void turn_second(struct fb_rate *rate, int64_t now_ms)
{
    const int64_t passed_ms = now_ms - rate->second_ms;

    if (passed_ms < 1000)
        return;
    rate->spent[0] = passed_ms < 2000 ? rate->spent[1] : 0;
    rate->spent[1] = 0;
    rate->second_ms = now_ms - passed_ms % 1000;
}

/* Units a second, over the last one to two. */
static double spent_per_s(const struct fb_rate *rate, int64_t now_ms)
{
    const double this_s = (double)(now_ms - rate->second_ms) / 1000.0;

    if (rate->spent[0] <= 0)
        return rate->spent[1] / (this_s < 0.1 ? 0.1 : this_s);
    return rate->spent[0] * (1 - this_s) + rate->spent[1];
}

static void fall(struct fb_rate *rate, int64_t now_ms)
{
    const bool is_first = rate->bucket.units_per_s <= 0;
    double lower = rate->bucket.units_per_s * (rate->is_searching ? FIRST_FALL : FALL);

    if (is_first) {
        rate->is_searching = true;
        lower = spent_per_s(rate, now_ms) * FIRST_FALL;
    } else if (now_ms - rate->fell_ms <
               (rate->is_searching ? FIRST_FALL_AGAIN_MS : FALL_AGAIN_MS)) {
        return;
    }
    if (lower < UNITS_PER_S_MIN)
        lower = UNITS_PER_S_MIN;
    rate->last_good = is_first ? lower / FIRST_FALL : rate->bucket.units_per_s;
    rate->throttled_ms = rate->fell_ms = now_ms;
    rate->bucket.units_per_s = lower;
    rate->fell_to = lower / rate->last_good;
    fill(&rate->bucket, now_ms);
}

/* Time in which it was not the rate that held the lane up does not count. */
static void climb(struct fb_rate *rate, int64_t since_ms, int64_t now_ms)
{
    double t;
    double aim;

    if (!rate->is_held)
        rate->throttled_ms += now_ms - since_ms;
    t = (double)(now_ms - rate->throttled_ms) / 1000.0 / RECOVER_S - 1;
    aim = rate->last_good * (1 + (1 - rate->fell_to) * t * t * t);
    if (aim > rate->bucket.units_per_s)
        rate->bucket.units_per_s = aim;
    rate->is_searching = false;
}

int64_t fb_rate_next_ms(struct fb_rate *rate, int64_t now_ms)
{
    const int64_t when_ms = next_ms(&rate->bucket, now_ms);

    rate->is_held |= when_ms > now_ms;
    return when_ms;
}

void fb_rate_spend(struct fb_rate *rate, double units, int64_t now_ms)
{
    turn_second(rate, now_ms);
    rate->spent[1] += units;
    if (rate->bucket.units_per_s <= 0)
        return;
    fill(&rate->bucket, now_ms);
    rate->bucket.units -= units;
}

void fb_rate_answer(struct fb_rate *rate, bool throttled, int64_t now_ms)
{
    const int64_t since_ms = rate->answered_ms;

    rate->answered_ms = now_ms;
    if (throttled)
        fall(rate, now_ms);
    else if (rate->bucket.units_per_s > 0)
        climb(rate, since_ms, now_ms);
    rate->is_held = false;
}

size_t fb_rate_most_items(const struct fb_rate *rate, size_t most)
{
    const double items = rate->bucket.units_per_s * CALL_S;

    if (rate->bucket.units_per_s <= 0 || items >= (double)most)
        return most;
    return items < 1 ? 1 : (size_t)items;
}

double fb_rate_limit(const struct fb_rate *rate)
{
    return rate->bucket.units_per_s;
}

/* ---- what the stream is allowed ---- */

void fb_budget_init(struct fb_budget *budget, unsigned units_per_s)
{
    pthread_mutex_init(&budget->lock, NULL);
    budget->bucket = (struct fb_bucket){.units_per_s = units_per_s};
}

void fb_budget_done(struct fb_budget *budget)
{
    pthread_mutex_destroy(&budget->lock);
}

int64_t fb_budget_take(struct fb_budget *budget, double units, int64_t now_ms)
{
    int64_t when_ms;

    if (budget == NULL || budget->bucket.units_per_s <= 0)
        return now_ms;
    pthread_mutex_lock(&budget->lock);
    when_ms = next_ms(&budget->bucket, now_ms);
    if (when_ms <= now_ms)
        budget->bucket.units -= units;
    pthread_mutex_unlock(&budget->lock);
    return when_ms;
}

void fb_budget_correct(struct fb_budget *budget, double units)
{
    if (budget == NULL || budget->bucket.units_per_s <= 0)
        return;
    pthread_mutex_lock(&budget->lock);
    budget->bucket.units -= units;
    pthread_mutex_unlock(&budget->lock);
}
