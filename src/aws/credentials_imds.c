/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The instance metadata service: version 2, which gives a token for a PUT and answers GETs with
 * it. Version 1, without a token, only where the conf says so: whoever makes the instance send a
 * GET of their choice could read the role's keys there.
 * (EC2 user guide, "Use the Instance Metadata Service to access instance metadata".)
 */
#include "firebridge/aws/providers.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "metadata.h"

#define IMDS_ADDRESS      "http://169.254.169.254"
#define IMDS_ADDRESS_IPV6 "http://[fd00:ec2::254]"
#define TIMEOUT_MS        1000 /* it is on this very machine, or nowhere */
#define TOKEN_TTL_SECONDS "21600"

#define ROLE_PATH "/latest/meta-data/iam/security-credentials/"

/* A role's name (IAM, "IAM name requirements"): up to 64 of these. */
#define ROLE_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+=,.@_-"

struct imds {
    const struct fb_chain_options *options;
    const char *address;
    size_t address_size; /* without slashes behind it */
    char token[512];     /* empty: version 1 */
    struct fb_metadata metadata;
};

struct imds_provider {
    struct fb_provider provider; /* first */
    struct fb_chain_options options;
};

static enum fb_status imds_init(struct imds *imds, const struct fb_chain_options *options,
                                struct fb_error *error)
{
    const char *address = options->imds_endpoint;
    enum fb_status status = FB_INVALID;

    if (address == NULL)
        address = options->imds_ipv6 ? IMDS_ADDRESS_IPV6 : IMDS_ADDRESS;
    *imds = (struct imds){.options = options, .address = address, .address_size = strlen(address)};
    while (imds->address_size > 0 && address[imds->address_size - 1] == '/')
        imds->address_size--;
    if (imds->address_size > 255)
        fb_fail(error, status, "the metadata service's address is too long");
    else if (strchr(address, '@') != NULL)
        fb_fail(error, status,
                "the metadata service's address has a user or a password in it: leave out what "
                "stands before the @");
    else if (strncmp(address, "http://", 7) != 0 && strncmp(address, "https://", 8) != 0)
        fb_fail(error, status,
                "the metadata service's address '%.200s' does not begin with http://", address);
    else if ((status = fb_metadata_init(&imds->metadata, options, address, TIMEOUT_MS)) != FB_OK)
        fb_fail(error, status, "no memory for an answer");
    return status;
}

static void imds_done(struct imds *imds)
{
    fb_metadata_done(&imds->metadata);
    OPENSSL_cleanse(imds->token, sizeof imds->token);
}

static enum fb_status exchange(struct imds *imds, const char *method, const char *path,
                               const struct fb_http_header *header, struct fb_error *error)
{
    char url[640];

    snprintf(url, sizeof url, "%.*s%s", (int)imds->address_size, imds->address, path);
    return fb_metadata_exchange(&imds->metadata, method, url, header, error);
}

/*
 * The packets that carry a token live for so many hops as the instance's options say; by default
 * it is one, which does not reach into a container. A question without a token is answered there,
 * if only by a refusal.
 */
static bool is_hop_limit(struct imds *imds)
{
    const struct fb_http_header none = {NULL, NULL};

    imds->metadata.tries = 1;
    return exchange(imds, "GET", "/latest/meta-data/", &none, NULL) == FB_OK;
}

/* Without a token: version 1, where it is allowed; else what to do about it. */
static enum fb_status do_without_token(struct imds *imds, long http_status, struct fb_error *error)
{
    imds->token[0] = '\0';
    if (imds->options->imds_v1_fallback)
        return FB_OK;
    if (http_status != 0)
        return fb_fail(error, FB_NOT_FOUND, "%s refuses a token (HTTP %ld): is it switched off?",
                       imds->metadata.peer, http_status);
    if (is_hop_limit(imds))
        return fb_fail(error, FB_UNAVAILABLE,
                       "%s answers, but its token does not arrive: in a container, the hop limit "
                       "of the instance's metadata options must be 2 (aws ec2 "
                       "modify-instance-metadata-options --http-put-response-hop-limit 2)",
                       imds->metadata.peer);
    error->status = FB_NOT_FOUND;
    fb_error_prefix(error, "no answer");
    return FB_NOT_FOUND;
}

/*
 * What a refusal of a token means (EC2 user guide, "Use the Instance Metadata Service": 400 is a
 * request that is not valid, 403 a service that is switched off; 404 and 405 are of services that
 * know version 1 only). Whatever else is said passes, and is no leave to do without a token.
 */
static enum fb_status judge_refusal(struct imds *imds, struct fb_error *error)
{
    long http_status = imds->metadata.response.http_status;

    switch (http_status) {
    case 403:
    case 404:
    case 405:
        return do_without_token(imds, http_status, error);
    case 400:
        return fb_fail(error, FB_INVALID,
                       "%s does not understand what a token is asked for with (HTTP 400): is it "
                       "the instance metadata service?",
                       imds->metadata.peer);
    default:
        return fb_fail(error, FB_UNAVAILABLE, "%s answered HTTP %ld when asked for a token",
                       imds->metadata.peer, http_status);
    }
}

/* No answer at all means that this is no instance, which is no error of its own. */
static enum fb_status take_token(struct imds *imds, struct fb_error *error)
{
    const struct fb_http_header ttl = {"X-aws-ec2-metadata-token-ttl-seconds", TOKEN_TTL_SECONDS};
    struct fb_metadata *metadata = &imds->metadata;
    const struct fb_buffer *answer = &metadata->answer;
    enum fb_status status;

    if (imds->options->imds_disabled)
        return fb_fail(error, FB_NOT_FOUND, "switched off");
    status = exchange(imds, "PUT", "/latest/api/token", &ttl, error);
    if (status == FB_UNAVAILABLE && metadata->response.http_status == 0)
        return do_without_token(imds, 0, error);
    if (status != FB_OK)
        return status;
    if (metadata->response.http_status != 200)
        return judge_refusal(imds, error);
    if (answer->size == 0 || answer->size >= sizeof imds->token ||
        strcspn(answer->bytes, "\r\n \t") != answer->size)
        return fb_fail(error, FB_NOT_FOUND, "what answers at %s is no metadata service",
                       metadata->peer);
    memcpy(imds->token, answer->bytes, answer->size + 1);
    return FB_OK;
}

static enum fb_status get(struct imds *imds, const char *path, const char *what,
                          struct fb_error *error)
{
    const struct fb_http_header header = {
        imds->token[0] == '\0' ? NULL : "X-aws-ec2-metadata-token", imds->token};
    enum fb_status status = exchange(imds, "GET", path, &header, error);
    long http_status = imds->metadata.response.http_status;

    if (status != FB_OK)
        return status;
    if (http_status == 404)
        return fb_fail(error, FB_NOT_FOUND, "the instance has no %s", what);
    if (http_status != 200)
        return fb_fail(error, FB_UNAVAILABLE, "%s answered HTTP %ld when asked for the %s",
                       imds->metadata.peer, http_status, what);
    return FB_OK;
}

static enum fb_status take_keys(struct imds *imds, struct fb_provider *provider,
                                struct fb_credentials *ret_credentials, struct fb_error *error)
{
    const struct fb_buffer *answer = &imds->metadata.answer;
    char path[sizeof ROLE_PATH + 128];
    size_t size;
    enum fb_status status = take_token(imds, error);

    if (status == FB_OK)
        status = get(imds, ROLE_PATH, "role", error);
    if (status != FB_OK)
        return status;
    size = strspn(answer->bytes, ROLE_CHARACTERS);
    if (size == 0 && answer->size == 0)
        return fb_fail(error, FB_NOT_FOUND, "the instance has no role");
    if (size == 0 || size > 128 || strchr("\r\n", answer->bytes[size]) == NULL)
        return fb_fail(error, FB_CORRUPT, "what %s answers is no role's name", imds->metadata.peer);
    snprintf(path, sizeof path, "%s%.*s", ROLE_PATH, (int)size, answer->bytes);
    status = get(imds, path, "keys for its role", error);
    if (status == FB_OK)
        status = fb_metadata_read_keys(&imds->metadata, ret_credentials, error);
    if (status == FB_OK)
        snprintf(provider->detail, sizeof provider->detail, "role %s%s", path + strlen(ROLE_PATH),
                 imds->token[0] == '\0' ? ", by version 1" : "");
    return status;
}

static enum fb_status imds_get(struct fb_provider *provider, struct fb_credentials *ret_credentials,
                               struct fb_error *error)
{
    const struct imds_provider *self = (const struct imds_provider *)provider;
    struct imds imds;
    enum fb_status status = imds_init(&imds, &self->options, error);

    if (status == FB_OK)
        status = take_keys(&imds, provider, ret_credentials, error);
    imds_done(&imds);
    return status;
}

static void imds_free(struct fb_provider *provider)
{
    free(provider);
}

struct fb_provider *fb_imds_provider_new(const struct fb_chain_options *options)
{
    struct imds_provider *self = calloc(1, sizeof *self);

    if (self == NULL)
        return NULL;
    self->provider = (struct fb_provider){.name = "instance metadata (IMDSv2)",
                                          .get = imds_get,
                                          .free = imds_free,
                                          .extends_expired = true};
    self->options = *options;
    return &self->provider;
}

static enum fb_status take_region(struct imds *imds, char *ret_region, size_t size,
                                  struct fb_error *error)
{
    char *answer = imds->metadata.answer.bytes;
    enum fb_status status = take_token(imds, error);

    if (status == FB_OK)
        status = get(imds, "/latest/meta-data/placement/region", "region", error);
    if (status != FB_OK)
        return status;
    answer[strcspn(answer, "\r\n")] = '\0';
    status = answer[0] == '\0' ? FB_CORRUPT : fb_provider_copy(ret_region, size, answer);
    return status == FB_OK
               ? FB_OK
               : fb_fail(error, status, "what %s answers is no region", imds->metadata.peer);
}

enum fb_status fb_imds_region(const struct fb_chain_options *options, char *ret_region, size_t size,
                              struct fb_error *error)
{
    struct fb_error own_error = {0};
    struct imds imds;
    enum fb_status status;

    if (error == NULL)
        error = &own_error;
    status = imds_init(&imds, options, error);
    if (status == FB_OK)
        status = take_region(&imds, ret_region, size, error);
    imds_done(&imds);
    return status;
}
