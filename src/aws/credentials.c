/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/aws/credentials.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firebridge/aws/sigv4.h"

#define PROVIDER_MAX 8

/* Keys are renewed this long before they expire. */
#define RENEW_BEFORE_MS (5 * 60 * INT64_C(1000))

/* While the old keys still serve, a failed renewal is tried again only after this. */
#define RENEW_AGAIN_MS 60000

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
    struct fb_clock *clock;
    pthread_mutex_t lock;     /* guards all below */
    pthread_cond_t refreshed; /* is_refreshing became false */
    bool is_refreshing;
    bool has_keys;
    unsigned long failed_refreshes;
    int64_t renew_at_ms; /* realtime */
    struct fb_credentials credentials;
    const char *source;
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

enum fb_status fb_credentials_cache_new(struct fb_provider *const *providers, size_t count,
                                        struct fb_clock *clock,
                                        struct fb_credentials_cache **ret_cache,
                                        struct fb_error *error)
{
    struct fb_credentials_cache *cache;

    if (count > PROVIDER_MAX)
        return fb_fail(error, FB_TOO_LARGE, "more than %d credential providers", PROVIDER_MAX);
    cache = calloc(1, sizeof *cache);
    if (cache == NULL)
        return fb_fail(error, FB_NO_MEMORY, "no memory for credentials");
    if (count > 0)
        memcpy(cache->providers, providers, count * sizeof(struct fb_provider *));
    cache->provider_count = count;
    cache->clock = clock;
    cache->source = "none";
    pthread_mutex_init(&cache->lock, NULL);
    pthread_cond_init(&cache->refreshed, NULL);
    *ret_cache = cache;
    return FB_OK;
}

void fb_credentials_cache_free(struct fb_credentials_cache *cache)
{
    if (cache == NULL)
        return;
    for (size_t i = 0; i < cache->provider_count; i++)
        cache->providers[i]->free(cache->providers[i]);
    pthread_mutex_destroy(&cache->lock);
    pthread_cond_destroy(&cache->refreshed);
    OPENSSL_cleanse(cache, sizeof *cache);
    free(cache);
}

static void append_reason(struct fb_error *error, const char *provider, const char *reason)
{
    size_t used = strlen(error->message);

    snprintf(error->message + used, sizeof error->message - used, "%s%s: %.400s",
             used == 0 ? "no credentials; " : "; ", provider, reason);
}

/* The first provider that has keys; without one, every provider's reason. */
static enum fb_status ask_providers(struct fb_credentials_cache *cache,
                                    struct fb_credentials *ret_credentials, const char **ret_source,
                                    struct fb_error *error)
{
    struct fb_error reasons = {.status = FB_NOT_FOUND};

    for (size_t i = 0; i < cache->provider_count; i++) {
        struct fb_provider *provider = cache->providers[i];
        struct fb_error reason = {0};
        enum fb_status status = provider->get(provider, ret_credentials, &reason);

        if (status == FB_OK) {
            *ret_source = provider->name;
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

static int64_t when_to_renew(int64_t expires_ms, int64_t now_ms)
{
    if (expires_ms == INT64_MAX)
        return INT64_MAX;
    /* An ailing provider hands out old keys: they are used, and it is asked again soon. */
    return expires_ms - RENEW_BEFORE_MS > now_ms ? expires_ms - RENEW_BEFORE_MS
                                                 : now_ms + RENEW_AGAIN_MS;
}

static bool keys_serve(const struct fb_credentials_cache *cache, int64_t now_ms)
{
    return cache->has_keys && now_ms < cache->credentials.expires_ms;
}

/* Called with the lock held, which is let go while the providers are asked. */
static enum fb_status refresh(struct fb_credentials_cache *cache)
{
    struct fb_credentials fresh = {0};
    struct fb_error error = {0};
    const char *source = NULL;
    enum fb_status status;
    int64_t now_ms;

    cache->is_refreshing = true;
    pthread_mutex_unlock(&cache->lock);
    status = ask_providers(cache, &fresh, &source, &error);
    now_ms = fb_realtime_ms(cache->clock);
    pthread_mutex_lock(&cache->lock);
    if (status == FB_OK) {
        cache->credentials = fresh;
        cache->has_keys = true;
        cache->source = source;
        cache->renew_at_ms = when_to_renew(fresh.expires_ms, now_ms);
    } else {
        cache->last_error = error;
        cache->failed_refreshes++;
        if (keys_serve(cache, now_ms)) {
            cache->renew_at_ms = now_ms + RENEW_AGAIN_MS;
            status = FB_OK;
        }
    }
    fb_credentials_wipe(&fresh);
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

        if (cache->has_keys && now_ms < cache->renew_at_ms)
            return FB_OK;
        if (!cache->is_refreshing)
            return refresh(cache);
        if (keys_serve(cache, now_ms))
            return FB_OK; /* someone else renews them */
        pthread_cond_wait(&cache->refreshed, &cache->lock);
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
}

void fb_credentials_cache_expire(struct fb_credentials_cache *cache)
{
    pthread_mutex_lock(&cache->lock);
    drop_keys(cache);
    pthread_mutex_unlock(&cache->lock);
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

const char *fb_credentials_cache_source(struct fb_credentials_cache *cache)
{
    const char *source;

    pthread_mutex_lock(&cache->lock);
    source = cache->source;
    pthread_mutex_unlock(&cache->lock);
    return source;
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
