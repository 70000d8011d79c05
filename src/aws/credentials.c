/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/aws/credentials.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firebridge/aws/sigv4.h"
#include "firebridge/base/backoff.h"
#include "firebridge/base/event.h"
#include "firebridge/base/secret.h"
#include "firebridge/base/time.h"

#define PROVIDER_MAX 8

#define SECOND_MS INT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)

/* Keys are renewed 5 to 7.5 minutes before they expire, or at a half to a quarter of their life. */
#define RENEW_BEFORE_MS (5 * MINUTE_MS)

/* Keys without a date are looked up again so often: someone may have changed them in their file. */
#define LOOK_AGAIN_MS (10 * MINUTE_MS)

/* A failed renewal is tried again after an eighth of what is left, within these. */
#define RETRY_MIN_MS (1 * SECOND_MS)
#define RETRY_MAX_MS (1 * MINUTE_MS)

/* ... and where no keys serve any more, after this. */
#define RETRY_WITHOUT_MS (10 * SECOND_MS)

/* Expired keys that IMDS hands out serve for so long, and up to so long again. */
#define EXTEND_MS (5 * MINUTE_MS)

/* Two services in use, and a day's change. */
#define SIGNING_KEY_MAX 4

struct signing_key {
    char secret_access_key[sizeof((struct fb_credentials *)NULL)->secret_access_key];
    char date[9];
    char region[64];
    char service[32];
    unsigned char key[FB_SIGV4_KEY_BYTES];
};

struct fb_credentials_cache {
    struct fb_provider *providers[PROVIDER_MAX];
    size_t provider_count;
    struct fb_transport *transport;
    struct fb_clock *clock;
    struct fb_credentials fresh; /* whoever set is_refreshing reads into it, without the lock */
    pthread_mutex_t lock;        /* guards all below */
    pthread_cond_t refreshed;    /* is_refreshing became false */
    bool is_refreshing;
    bool has_keys;
    bool is_extended;
    unsigned long failed_refreshes;
    int64_t renew_at_ms;  /* realtime: when who tends them renews them */
    int64_t insist_at_ms; /* ... and when who needs them does not wait for that any more */
    struct fb_random random;
    struct fb_credentials credentials;
    char source[sizeof((struct fb_credentials_report *)NULL)->source];
    struct fb_error last_error;
    int64_t skew_ms;
    struct signing_key signing_keys[SIGNING_KEY_MAX];
    size_t next_signing_key;
};

void fb_credentials_wipe(struct fb_credentials *credentials)
{
    OPENSSL_cleanse(credentials, sizeof *credentials);
}

void fb_credentials_wipe_copy(struct fb_credentials *credentials)
{
    OPENSSL_cleanse(credentials->access_key_id, strlen(credentials->access_key_id));
    OPENSSL_cleanse(credentials->secret_access_key, strlen(credentials->secret_access_key));
    OPENSSL_cleanse(credentials->session_token, strlen(credentials->session_token));
    credentials->expires_ms = 0;
}

/* The bytes in use: nearly all of the token's 16 KiB never are. */
static void copy_credentials(struct fb_credentials *to, const struct fb_credentials *from)
{
    memcpy(to->access_key_id, from->access_key_id, strlen(from->access_key_id) + 1);
    memcpy(to->secret_access_key, from->secret_access_key, strlen(from->secret_access_key) + 1);
    memcpy(to->session_token, from->session_token, strlen(from->session_token) + 1);
    to->expires_ms = from->expires_ms;
}

enum fb_status fb_credentials_cache_new(const struct fb_credentials_cache_options *options,
                                        struct fb_credentials_cache **ret_cache,
                                        struct fb_error *error)
{
    struct fb_credentials_cache *cache;

    if (options->provider_count > PROVIDER_MAX)
        return fb_fail(error, FB_TOO_LARGE, "more than %d credential providers", PROVIDER_MAX);
    cache = fb_secret_new(sizeof *cache);
    if (cache == NULL)
        return fb_fail(error, FB_NO_MEMORY, "no memory for credentials");
    for (size_t i = 0; i < options->provider_count; i++)
        cache->providers[i] = options->providers[i];
    cache->provider_count = options->provider_count;
    cache->transport = options->transport;
    cache->clock = options->clock;
    snprintf(cache->source, sizeof cache->source, "none");
    fb_random_init(&cache->random, options->seed);
    pthread_mutex_init(&cache->lock, NULL);
    fb_condition_init(&cache->refreshed);
    *ret_cache = cache;
    return FB_OK;
}

void fb_credentials_cache_free(struct fb_credentials_cache *cache)
{
    if (cache == NULL)
        return;
    for (size_t i = 0; i < cache->provider_count; i++)
        cache->providers[i]->free(cache->providers[i]);
    fb_transport_free(cache->transport);
    pthread_mutex_destroy(&cache->lock);
    pthread_cond_destroy(&cache->refreshed);
    fb_secret_free(cache, sizeof *cache);
}

static void append_reason(struct fb_error *error, const char *provider, const char *reason)
{
    size_t used = strlen(error->message);

    snprintf(error->message + used, sizeof error->message - used, "%s%s: %.400s",
             used == 0 ? "no credentials; " : "; ", provider, reason);
}

/* The first provider that has keys; without one, every provider's reason. */
static enum fb_status ask_providers(struct fb_credentials_cache *cache,
                                    const struct fb_provider **ret_provider, struct fb_error *error)
{
    struct fb_error reasons = {.status = FB_NOT_FOUND};

    for (size_t i = 0; i < cache->provider_count; i++) {
        struct fb_provider *provider = cache->providers[i];
        struct fb_error reason = {0};
        enum fb_status status = provider->get(provider, &cache->fresh, &reason);

        if (status == FB_OK) {
            *ret_provider = provider;
            return FB_OK;
        }
        if (status != FB_NOT_FOUND) {
            fb_error_prefix(&reason, "credentials from %s", provider->name);
            *error = reason;
            return status;
        }
        append_reason(&reasons, provider->name, reason.message);
    }
    *error = reasons;
    return FB_NOT_FOUND;
}

static int64_t up_to(struct fb_credentials_cache *cache, int64_t most_ms)
{
    return most_ms <= 0 ? 0 : (int64_t)(fb_random_next(&cache->random) % (uint64_t)most_ms);
}

static void plan_renewal(struct fb_credentials_cache *cache, int64_t now_ms)
{
    const int64_t expires_ms = cache->credentials.expires_ms;
    int64_t lead_ms;

    if (expires_ms == INT64_MAX) {
        cache->renew_at_ms = now_ms + LOOK_AGAIN_MS + up_to(cache, LOOK_AGAIN_MS / 2);
        cache->insist_at_ms = INT64_MAX;
        return;
    }
    lead_ms = (expires_ms - now_ms) / 2;
    if (lead_ms > RENEW_BEFORE_MS)
        lead_ms = RENEW_BEFORE_MS;
    lead_ms += up_to(cache, lead_ms / 2);
    cache->renew_at_ms = expires_ms - lead_ms;
    cache->insist_at_ms = expires_ms - lead_ms / 2;
}

/* Where no keys serve, whoever needs some asks too: then who tends them need not hurry. */
static void plan_retry(struct fb_credentials_cache *cache, int64_t now_ms)
{
    int64_t left_ms = cache->has_keys ? cache->credentials.expires_ms - now_ms : 0;
    int64_t wait_ms = left_ms / 8;

    if (left_ms <= 0)
        wait_ms = RETRY_WITHOUT_MS;
    else if (wait_ms < RETRY_MIN_MS)
        wait_ms = RETRY_MIN_MS;
    else if (wait_ms > RETRY_MAX_MS)
        wait_ms = RETRY_MAX_MS;
    cache->renew_at_ms = now_ms + wait_ms;
    if (cache->insist_at_ms != INT64_MAX)
        cache->insist_at_ms = cache->renew_at_ms;
}

static bool keys_serve(const struct fb_credentials_cache *cache, int64_t now_ms)
{
    return cache->has_keys && now_ms < cache->credentials.expires_ms;
}

/* Keys that are past their date are extended, or are none. */
static enum fb_status settle_date(struct fb_credentials_cache *cache,
                                  const struct fb_provider *provider, int64_t now_ms,
                                  bool *ret_is_extended, struct fb_error *error)
{
    char expired[FB_TIME_TEXT_SIZE];

    *ret_is_extended = cache->fresh.expires_ms <= now_ms && provider->extends_expired;
    if (*ret_is_extended)
        cache->fresh.expires_ms = now_ms + EXTEND_MS + up_to(cache, EXTEND_MS);
    if (cache->fresh.expires_ms > now_ms)
        return FB_OK;
    fb_time_format_rfc3339(cache->fresh.expires_ms < 0 ? 0 : cache->fresh.expires_ms, expired);
    return fb_fail(error, FB_UNAVAILABLE, "credentials from %s: they expired at %s already",
                   provider->name, expired);
}

static void take_fresh(struct fb_credentials_cache *cache, const struct fb_provider *provider,
                       int64_t now_ms)
{
    copy_credentials(&cache->credentials, &cache->fresh);
    cache->has_keys = true;
    snprintf(cache->source, sizeof cache->source, "%s%s%s", provider->name,
             provider->detail[0] == '\0' ? "" : ": ", provider->detail);
    plan_renewal(cache, now_ms);
}

/* Called with the lock held, which is let go while the providers are asked. */
static enum fb_status refresh(struct fb_credentials_cache *cache)
{
    const struct fb_provider *provider = NULL;
    struct fb_error error = {0};
    bool is_extended = false;
    enum fb_status status;
    int64_t now_ms;

    cache->is_refreshing = true;
    pthread_mutex_unlock(&cache->lock);
    status = ask_providers(cache, &provider, &error);
    now_ms = fb_realtime_ms(cache->clock);
    pthread_mutex_lock(&cache->lock);
    if (status == FB_OK)
        status = settle_date(cache, provider, now_ms, &is_extended, &error);
    if (status == FB_OK) {
        take_fresh(cache, provider, now_ms);
        cache->is_extended = is_extended;
    } else {
        cache->last_error = error;
        cache->failed_refreshes++;
        plan_retry(cache, now_ms);
    }
    fb_credentials_wipe(&cache->fresh);
    cache->is_refreshing = false;
    pthread_cond_broadcast(&cache->refreshed);
    return status;
}

/* Called with the lock held. */
static enum fb_status make_keys_serve(struct fb_credentials_cache *cache)
{
    unsigned long failures = cache->failed_refreshes;

    for (;;) {
        int64_t now_ms = fb_realtime_ms(cache->clock);

        if (keys_serve(cache, now_ms) && (now_ms < cache->insist_at_ms || cache->is_refreshing))
            return FB_OK;
        if (!cache->is_refreshing) {
            enum fb_status status = refresh(cache);

            return keys_serve(cache, fb_realtime_ms(cache->clock)) ? FB_OK : status;
        }
        (void)fb_condition_wait(&cache->refreshed, &cache->lock, NULL);
        if (cache->failed_refreshes != failures)
            return cache->last_error.status; /* asking once more would say the same */
    }
}

enum fb_status fb_credentials_cache_get(struct fb_credentials_cache *cache,
                                        struct fb_credentials *ret_credentials,
                                        struct fb_error *error)
{
    enum fb_status status;

    pthread_mutex_lock(&cache->lock);
    status = make_keys_serve(cache);
    if (status == FB_OK)
        copy_credentials(ret_credentials, &cache->credentials);
    else if (error != NULL)
        *error = cache->last_error;
    pthread_mutex_unlock(&cache->lock);
    return status;
}

/* The server knows better than the keys' own date: they do not serve any more. */
static void drop_keys(struct fb_credentials_cache *cache)
{
    fb_credentials_wipe(&cache->credentials);
    OPENSSL_cleanse(cache->signing_keys, sizeof cache->signing_keys);
    cache->has_keys = false;
    cache->renew_at_ms = 0;
}

void fb_credentials_cache_expire_used(struct fb_credentials_cache *cache,
                                      const struct fb_credentials *used)
{
    pthread_mutex_lock(&cache->lock);
    if (strcmp(cache->credentials.access_key_id, used->access_key_id) == 0 &&
        strcmp(cache->credentials.session_token, used->session_token) == 0)
        drop_keys(cache);
    pthread_mutex_unlock(&cache->lock);
}

enum fb_status fb_credentials_cache_tend(struct fb_credentials_cache *cache, int64_t *ret_wait_ms,
                                         struct fb_error *error)
{
    enum fb_status status = FB_OK;
    int64_t now_ms = fb_realtime_ms(cache->clock);

    pthread_mutex_lock(&cache->lock);
    if (cache->is_refreshing) {
        *ret_wait_ms = RETRY_MIN_MS; /* a caller who needs them is at it */
    } else {
        if (now_ms >= cache->renew_at_ms)
            status = refresh(cache);
        if (status != FB_OK && error != NULL)
            *error = cache->last_error;
        now_ms = fb_realtime_ms(cache->clock);
        *ret_wait_ms = cache->renew_at_ms > now_ms ? cache->renew_at_ms - now_ms : 1;
    }
    pthread_mutex_unlock(&cache->lock);
    return status;
}

void fb_credentials_cache_report(struct fb_credentials_cache *cache,
                                 struct fb_credentials_report *ret_report)
{
    pthread_mutex_lock(&cache->lock);
    *ret_report = (struct fb_credentials_report){
        .expires_ms = cache->has_keys ? cache->credentials.expires_ms : 0,
        .is_extended = cache->has_keys && cache->is_extended};
    memcpy(ret_report->source, cache->source, sizeof ret_report->source);
    pthread_mutex_unlock(&cache->lock);
}

int64_t fb_credentials_cache_skew_ms(struct fb_credentials_cache *cache)
{
    int64_t skew_ms;

    pthread_mutex_lock(&cache->lock);
    skew_ms = cache->skew_ms;
    pthread_mutex_unlock(&cache->lock);
    return skew_ms;
}

void fb_credentials_cache_set_skew_ms(struct fb_credentials_cache *cache, int64_t skew_ms)
{
    pthread_mutex_lock(&cache->lock);
    cache->skew_ms = skew_ms;
    pthread_mutex_unlock(&cache->lock);
}

static bool signing_key_fits(const struct signing_key *kept,
                             const struct fb_credentials *credentials, const char *date,
                             const char *region, const char *service)
{
    return strncmp(kept->date, date, 8) == 0 && strcmp(kept->service, service) == 0 &&
           strcmp(kept->region, region) == 0 &&
           strcmp(kept->secret_access_key, credentials->secret_access_key) == 0;
}

static enum fb_status derive_signing_key(struct signing_key *kept,
                                         const struct fb_credentials *credentials, const char *date,
                                         const char *region, const char *service)
{
    OPENSSL_cleanse(kept, sizeof *kept);
    if (strlen(region) >= sizeof kept->region || strlen(service) >= sizeof kept->service)
        return FB_INVALID;
    snprintf(kept->secret_access_key, sizeof kept->secret_access_key, "%s",
             credentials->secret_access_key);
    snprintf(kept->date, sizeof kept->date, "%.8s", date);
    snprintf(kept->region, sizeof kept->region, "%s", region);
    snprintf(kept->service, sizeof kept->service, "%s", service);
    return fb_sigv4_derive_key(credentials->secret_access_key, date, region, service, kept->key);
}

enum fb_status fb_credentials_cache_signing_key(struct fb_credentials_cache *cache,
                                                const struct fb_credentials *credentials,
                                                const char *date, const char *region,
                                                const char *service, unsigned char ret_key[32])
{
    struct signing_key *kept = NULL;
    enum fb_status status = FB_OK;

    pthread_mutex_lock(&cache->lock);
    for (size_t i = 0; i < SIGNING_KEY_MAX && kept == NULL; i++)
        if (signing_key_fits(&cache->signing_keys[i], credentials, date, region, service))
            kept = &cache->signing_keys[i];
    if (kept == NULL) {
        kept = &cache->signing_keys[cache->next_signing_key++ % SIGNING_KEY_MAX];
        status = derive_signing_key(kept, credentials, date, region, service);
    }
    if (status == FB_OK)
        memcpy(ret_key, kept->key, sizeof kept->key);
    else
        OPENSSL_cleanse(kept, sizeof *kept);
    pthread_mutex_unlock(&cache->lock);
    return status;
}
