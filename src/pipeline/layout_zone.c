/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A time zone as a table of offsets, asked of the C library once: it alone reads every form of
 * zone file, and has no call that takes a zone without changing it for the whole process.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "layout_private.h"

#define ZONE_DIRECTORY "/usr/share/zoneinfo"

/* Firehose began in 2015. No zone changes its offset twice in a day. */
#define FIRST_SECOND INT64_C(1420070400) /* 2015-01-01 */
#define LAST_SECOND  INT64_C(4102444800) /* 2100-01-01 */
#define STEP_SECONDS 86400

static int64_t offset_seconds(int64_t at)
{
    time_t seconds = (time_t)at;
    struct tm tm = {0};

    localtime_r(&seconds, &tm);
    return tm.tm_gmtoff;
}

static enum fb_status add_segment(struct fb_zone *zone, int64_t from_ms, int64_t offset_ms)
{
    struct fb_zone_segment *grown =
        realloc(zone->segments, (zone->count + 1) * sizeof *zone->segments);

    if (grown == NULL)
        return FB_NO_MEMORY;
    zone->segments = grown;
    if (zone->count > 0)
        grown[zone->count - 1].to_ms = from_ms;
    grown[zone->count++] = (struct fb_zone_segment){
        .from_ms = from_ms,
        .to_ms = INT64_MAX,
        .offset_ms = offset_ms,
    };
    return FB_OK;
}

/* The first second in (low, high] with another offset than low's. */
static int64_t find_change(int64_t low, int64_t high)
{
    int64_t before = offset_seconds(low);

    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;

        if (offset_seconds(middle) == before)
            low = middle;
        else
            high = middle;
    }
    return high;
}

static enum fb_status probe(struct fb_zone *zone)
{
    int64_t offset = offset_seconds(FIRST_SECOND);
    enum fb_status status = add_segment(zone, INT64_MIN, offset * 1000);

    for (int64_t at = FIRST_SECOND; at < LAST_SECOND && status == FB_OK; at += STEP_SECONDS) {
        int64_t next = offset_seconds(at + STEP_SECONDS);

        if (next != offset)
            status = add_segment(zone, find_change(at, at + STEP_SECONDS) * 1000, next * 1000);
        offset = next;
    }
    return status;
}

static enum fb_status check_name(const char *name, char path[256], struct fb_error *error)
{
    char magic[4] = "";
    struct stat found;
    FILE *file = NULL;
    bool is_zone;

    is_zone = name[0] != '\0' && name[0] != '/' && strstr(name, "..") == NULL &&
              snprintf(path, 256, ZONE_DIRECTORY "/%s", name) < 256;
    is_zone = is_zone && stat(path, &found) == 0 && S_ISREG(found.st_mode);
    if (is_zone)
        file = fopen(path, "re");
    is_zone = file != NULL && fread(magic, 1, sizeof magic, file) == sizeof magic &&
              memcmp(magic, "TZif", sizeof magic) == 0;
    if (file != NULL)
        fclose(file);
    if (!is_zone)
        return fb_fail(error, FB_INVALID,
                       "time zone \"%s\" is not known; write an IANA name such as Europe/Berlin "
                       "(the zones are in " ZONE_DIRECTORY ", of the package tzdata)",
                       name);
    return FB_OK;
}

/* Everything else here counts in UTC, so the process needs no TZ of its own afterwards. */
static enum fb_status probe_as(const char *path, struct fb_zone *zone)
{
    char value[264];
    enum fb_status status;

    snprintf(value, sizeof value, ":%s", path);
    if (setenv("TZ", value, 1) != 0)
        return FB_NO_MEMORY;
    tzset();
    status = probe(zone);
    unsetenv("TZ");
    tzset();
    return status;
}

/* ---- zones that are known ---- */

struct known {
    char *name;
    struct fb_zone zone;
    struct known *next;
};

static pthread_mutex_t known_lock = PTHREAD_MUTEX_INITIALIZER; /* guards what follows */
static struct known *known_zones;
static bool is_sealed;

void fb_layout_seal(void)
{
    pthread_mutex_lock(&known_lock);
    is_sealed = true;
    pthread_mutex_unlock(&known_lock);
}

static enum fb_status copy_zone(const struct fb_zone *zone, struct fb_zone *ret_zone)
{
    struct fb_zone_segment *segments = malloc(zone->count * sizeof *segments);

    if (segments == NULL)
        return FB_NO_MEMORY;
    memcpy(segments, zone->segments, zone->count * sizeof *segments);
    *ret_zone = (struct fb_zone){.segments = segments, .count = zone->count};
    return FB_OK;
}

/* It stays for good: zones are few. */
static enum fb_status learn(const char *name, struct known **ret_known, struct fb_error *error)
{
    struct known *known = calloc(1, sizeof *known);
    char path[256];
    enum fb_status status = check_name(name, path, error);

    if (status == FB_OK && is_sealed)
        status = fb_fail(error, FB_UNSUPPORTED,
                         "time zone \"%s\" is new, and the C library reads zones only before the "
                         "work begins: restart firebridge",
                         name);
    if (status == FB_OK)
        status = known != NULL && (known->name = strdup(name)) != NULL
                     ? probe_as(path, &known->zone)
                     : FB_NO_MEMORY;
    if (status != FB_OK) {
        if (known != NULL) {
            fb_zone_done(&known->zone);
            free(known->name);
        }
        free(known);
        if (status == FB_NO_MEMORY)
            fb_fail(error, status, "out of memory");
        return status;
    }
    known->next = known_zones;
    *ret_known = known_zones = known;
    return FB_OK;
}

static enum fb_status load_known(const char *name, struct fb_zone *ret_zone, struct fb_error *error)
{
    struct known *known;
    enum fb_status status = FB_OK;

    pthread_mutex_lock(&known_lock);
    for (known = known_zones; known != NULL && strcmp(known->name, name) != 0; known = known->next)
        ;
    if (known == NULL)
        status = learn(name, &known, error);
    if (status == FB_OK && copy_zone(&known->zone, ret_zone) != FB_OK)
        status = fb_fail(error, FB_NO_MEMORY, "out of memory");
    pthread_mutex_unlock(&known_lock);
    return status;
}

enum fb_status fb_zone_load(const char *name, struct fb_zone *ret_zone, struct fb_error *error)
{
    struct fb_zone zone = {0};
    enum fb_status status;

    if (name != NULL && strcmp(name, "UTC") != 0)
        return load_known(name, ret_zone, error);
    status = add_segment(&zone, INT64_MIN, 0);
    if (status != FB_OK) {
        fb_zone_done(&zone);
        return fb_fail(error, status, "out of memory");
    }
    *ret_zone = zone;
    return FB_OK;
}

void fb_zone_done(struct fb_zone *zone)
{
    free(zone->segments);
    zone->segments = NULL;
    zone->count = 0;
}

bool fb_zone_span(const struct fb_zone *zone, int64_t local_from_ms, int64_t local_to_ms,
                  int64_t *ret_from_ms, int64_t *ret_to_ms)
{
    bool found = false;

    for (size_t i = 0; i < zone->count; i++) {
        const struct fb_zone_segment *segment = &zone->segments[i];
        int64_t from_ms = local_from_ms - segment->offset_ms;
        int64_t to_ms = local_to_ms - segment->offset_ms;

        from_ms = from_ms < segment->from_ms ? segment->from_ms : from_ms;
        to_ms = to_ms > segment->to_ms ? segment->to_ms : to_ms;
        if (from_ms >= to_ms)
            continue;
        if (!found)
            *ret_from_ms = from_ms;
        *ret_to_ms = to_ms;
        found = true;
    }
    return found;
}

bool fb_zone_instant(const struct fb_zone *zone, int64_t local_ms, int64_t not_after_ms,
                     int64_t *ret_ms)
{
    bool found = false;

    for (size_t i = 0; i < zone->count; i++) {
        const struct fb_zone_segment *segment = &zone->segments[i];
        int64_t at_ms = local_ms - segment->offset_ms;

        if (at_ms < segment->from_ms || at_ms >= segment->to_ms)
            continue;
        if (!found || at_ms <= not_after_ms)
            *ret_ms = at_ms;
        found = true;
    }
    return found;
}
