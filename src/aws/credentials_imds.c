/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The instance metadata service, version 2 only: a token by PUT, then GETs with it.
 * (EC2 user guide, "Use the Instance Metadata Service to access instance metadata".)
 */
#include "firebridge/aws/providers.h"

#include <jansson.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firebridge/base/time.h"

#define IMDS_ADDRESS      "http://169.254.169.254"
#define TIMEOUT_MS        1000 /* it is on this very machine, or nowhere */
#define TRIES             3
#define TOKEN_TTL_SECONDS "21600"
#define ANSWER_MAX_BYTES  ((size_t)64 * 1024)

#define ROLE_PATH "/latest/meta-data/iam/security-credentials/"

/* A role's name (IAM, "IAM name requirements"): up to 64 of these. */
#define ROLE_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+=,.@_-"

struct imds {
    struct fb_transport *transport;
    struct fb_clock *clock;
    char address[256];
    char peer[256]; /* for messages */
    char token[512];
    struct fb_buffer answer;
    struct fb_http_response response;
};

struct imds_provider {
    struct fb_provider provider;    /* first */
    struct fb_transport *transport; /* owned, even when it is switched off */
    struct imds imds;
};

static enum fb_status imds_init(struct imds *imds, const struct fb_chain_options *options)
{
    const char *address = options->imds_endpoint;
    const char *peer;

    if (address == NULL || address[0] == '\0')
        address = IMDS_ADDRESS;
    *imds = (struct imds){.transport = options->transport, .clock = options->clock};
    if (options->imds_disabled)
        imds->transport = NULL;
    if (strlen(address) >= sizeof imds->address)
        return FB_TOO_LARGE;
    snprintf(imds->address, sizeof imds->address, "%s", address);
    while (imds->address[0] != '\0' && imds->address[strlen(imds->address) - 1] == '/')
        imds->address[strlen(imds->address) - 1] = '\0';
    peer = strstr(imds->address, "://");
    snprintf(imds->peer, sizeof imds->peer, "%s", peer == NULL ? imds->address : peer + 3);
    fb_buffer_init(&imds->answer, ANSWER_MAX_BYTES);
    return FB_OK;
}

/* Its memory held keys. */
static void imds_wipe(struct imds *imds)
{
    if (imds->answer.bytes != NULL)
        OPENSSL_cleanse(imds->answer.bytes, imds->answer.capacity);
    fb_buffer_done(&imds->answer);
    OPENSSL_cleanse(imds->token, sizeof imds->token);
}

static enum fb_status exchange_once(struct imds *imds, const char *method, const char *path,
                                    struct fb_error *error)
{
    struct fb_http_header header = {"X-aws-ec2-metadata-token", imds->token};
    struct fb_http_request request = {.method = method,
                                      .headers = &header,
                                      .header_count = 1,
                                      .connect_timeout_ms = TIMEOUT_MS,
                                      .total_timeout_ms = TIMEOUT_MS};
    char url[640];
    enum fb_status status;

    if (strcmp(method, "PUT") == 0)
        header = (struct fb_http_header){"X-aws-ec2-metadata-token-ttl-seconds", TOKEN_TTL_SECONDS};
    snprintf(url, sizeof url, "%s%s", imds->address, path);
    request.url = url;
    /* At once, so that growing leaves no copy behind. */
    fb_buffer_reset(&imds->answer);
    status = fb_buffer_reserve(&imds->answer, ANSWER_MAX_BYTES);
    if (status != FB_OK)
        return fb_fail(error, status, "no memory for an answer");
    status = imds->transport->perform(imds->transport, &request, fb_http_collect, &imds->answer,
                                      &imds->response, error);
    if (status == FB_OK && imds->answer.size == ANSWER_MAX_BYTES)
        status = fb_fail(error, FB_CORRUPT, "%s sent too long an answer", imds->peer);
    return status == FB_OK ? fb_buffer_terminate(&imds->answer) : status;
}

/* FB_OK: a whole answer below 500. What the service cannot say now, it is asked thrice. */
static enum fb_status exchange(struct imds *imds, const char *method, const char *path,
                               struct fb_error *error)
{
    enum fb_status status = FB_UNAVAILABLE;

    for (int i = 0; i < TRIES; i++) {
        if (i > 0)
            fb_sleep_ms(imds->clock, NULL, FB_STOP_NOW, 100 * i);
        status = exchange_once(imds, method, path, error);
        if (status == FB_OK && imds->response.http_status < 500)
            return FB_OK;
        if (status == FB_OK)
            status = fb_fail(error, FB_UNAVAILABLE, "%s answered HTTP %ld", imds->peer,
                             imds->response.http_status);
    }
    return status;
}

/* No answer at all means that this is no instance, which is no error of its own. */
static enum fb_status take_token(struct imds *imds, struct fb_error *error)
{
    enum fb_status status;
    size_t size;

    if (imds->transport == NULL)
        return fb_fail(error, FB_NOT_FOUND, "switched off");
    imds->response = (struct fb_http_response){0};
    status = exchange(imds, "PUT", "/latest/api/token", error);
    size = imds->answer.size;
    if (status == FB_UNAVAILABLE && imds->response.http_status == 0) {
        error->status = FB_NOT_FOUND;
        fb_error_prefix(error, "no answer");
        return FB_NOT_FOUND;
    }
    if (status != FB_OK)
        return status;
    if (imds->response.http_status != 200)
        return fb_fail(error, FB_NOT_FOUND, "%s refuses a token (HTTP %ld): is it switched off?",
                       imds->peer, imds->response.http_status);
    if (size == 0 || size >= sizeof imds->token || strcspn(imds->answer.bytes, "\r\n \t") != size)
        return fb_fail(error, FB_NOT_FOUND, "what answers at %s is no metadata service",
                       imds->peer);
    memcpy(imds->token, imds->answer.bytes, size + 1);
    return FB_OK;
}

static enum fb_status get(struct imds *imds, const char *path, const char *what,
                          struct fb_error *error)
{
    enum fb_status status = exchange(imds, "GET", path, error);

    if (status != FB_OK)
        return status;
    if (imds->response.http_status == 404)
        return fb_fail(error, FB_NOT_FOUND, "the instance has no %s", what);
    if (imds->response.http_status != 200)
        return fb_fail(error, FB_UNAVAILABLE, "%s answered HTTP %ld when asked for the %s",
                       imds->peer, imds->response.http_status, what);
    return FB_OK;
}

static bool take_member(const json_t *root, const char *name, char *to, size_t size)
{
    const char *text = json_string_value(json_object_get(root, name));

    return text != NULL && fb_provider_copy(to, size, text) == FB_OK;
}

static enum fb_status read_keys(const struct imds *imds, struct fb_credentials *ret_credentials,
                                struct fb_error *error)
{
    json_t *root = json_loadb(imds->answer.bytes, imds->answer.size, 0, NULL);
    const char *code = json_string_value(json_object_get(root, "Code"));
    const char *expires = json_string_value(json_object_get(root, "Expiration"));
    struct fb_credentials read = {0};
    enum fb_status status = FB_OK;

    if (code != NULL && strcmp(code, "Success") != 0)
        status = fb_fail(error, FB_UNAVAILABLE, "the role's keys are not to be had: %.64s", code);
    else if (!take_member(root, "AccessKeyId", read.access_key_id, sizeof read.access_key_id) ||
             !take_member(root, "SecretAccessKey", read.secret_access_key,
                          sizeof read.secret_access_key) ||
             !take_member(root, "Token", read.session_token, sizeof read.session_token) ||
             expires == NULL || fb_time_parse_rfc3339(expires, &read.expires_ms) != FB_OK)
        status = fb_fail(error, FB_CORRUPT, "the answer of %s holds no keys", imds->peer);
    else
        *ret_credentials = read;
    fb_credentials_wipe(&read);
    json_decref(root);
    return status;
}

static enum fb_status take_keys(struct imds *imds, struct fb_credentials *ret_credentials,
                                struct fb_error *error)
{
    char path[sizeof ROLE_PATH + 128];
    size_t size;
    enum fb_status status = take_token(imds, error);

    if (status == FB_OK)
        status = get(imds, ROLE_PATH, "role", error);
    if (status != FB_OK)
        return status;
    size = strspn(imds->answer.bytes, ROLE_CHARACTERS);
    if (size == 0 && imds->answer.size == 0)
        return fb_fail(error, FB_NOT_FOUND, "the instance has no role");
    if (size == 0 || size > 128 || strchr("\r\n", imds->answer.bytes[size]) == NULL)
        return fb_fail(error, FB_CORRUPT, "what %s answers is no role's name", imds->peer);
    snprintf(path, sizeof path, "%s%.*s", ROLE_PATH, (int)size, imds->answer.bytes);
    status = get(imds, path, "keys for its role", error);
    return status == FB_OK ? read_keys(imds, ret_credentials, error) : status;
}

static enum fb_status imds_get(struct fb_provider *provider, struct fb_credentials *ret_credentials,
                               struct fb_error *error)
{
    struct imds *imds = &((struct imds_provider *)provider)->imds;
    struct fb_error own_error = {0};
    enum fb_status status = take_keys(imds, ret_credentials, error == NULL ? &own_error : error);

    imds_wipe(imds);
    return status;
}

static void imds_free(struct fb_provider *provider)
{
    struct imds_provider *self = (struct imds_provider *)provider;

    imds_wipe(&self->imds);
    fb_transport_free(self->transport);
    free(self);
}

struct fb_provider *fb_imds_provider_new(const struct fb_chain_options *options)
{
    struct imds_provider *self = calloc(1, sizeof *self);

    if (self == NULL)
        return NULL;
    self->provider = (struct fb_provider){"instance metadata (IMDSv2)", imds_get, imds_free};
    if (imds_init(&self->imds, options) != FB_OK) {
        free(self);
        return NULL;
    }
    self->transport = options->transport;
    return &self->provider;
}

enum fb_status fb_imds_region(const struct fb_chain_options *options, char *ret_region, size_t size,
                              struct fb_error *error)
{
    struct fb_error own_error = {0};
    struct imds imds;
    enum fb_status status = imds_init(&imds, options);

    if (error == NULL)
        error = &own_error;
    if (status != FB_OK)
        return fb_fail(error, status, "the metadata service's address is too long");
    status = take_token(&imds, error);
    if (status == FB_OK)
        status = get(&imds, "/latest/meta-data/placement/region", "region", error);
    if (status == FB_OK) {
        imds.answer.bytes[strcspn(imds.answer.bytes, "\r\n")] = '\0';
        status = imds.answer.bytes[0] == '\0'
                     ? FB_CORRUPT
                     : fb_provider_copy(ret_region, size, imds.answer.bytes);
        if (status != FB_OK)
            fb_fail(error, status, "what %s answers is no region", imds.peer);
    }
    imds_wipe(&imds);
    return status;
}
