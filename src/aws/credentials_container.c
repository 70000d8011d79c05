/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The endpoint that ECS and EKS Pod Identity give a container.
 * (AWS SDKs and Tools reference guide, "Container credential provider".)
 */
#include "firebridge/aws/providers.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "firebridge/base/secret.h"
#include "metadata.h"

#define ECS_ADDRESS     "http://169.254.170.2"
#define TIMEOUT_MS      5000
#define TOKEN_MAX_BYTES ((size_t)16 * 1024)

struct container_provider {
    struct fb_provider provider; /* first */
    struct fb_chain_options options;
};

/* Beside loopback: of ECS, of EKS, of EKS by IPv6. */
static const char *const near_hosts[] = {"169.254.170.2", "169.254.170.23", "fd00:ec2::23"};

static bool is_loopback(const char *host)
{
    struct in_addr v4;
    struct in6_addr v6;

    if (strcasecmp(host, "localhost") == 0)
        return true;
    if (inet_pton(AF_INET, host, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    return inet_pton(AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

static bool is_near(const char *host)
{
    struct in6_addr a, b;

    for (size_t i = 0; i < sizeof near_hosts / sizeof *near_hosts; i++)
        if (strcmp(host, near_hosts[i]) == 0 ||
            (inet_pton(AF_INET6, host, &a) == 1 && inet_pton(AF_INET6, near_hosts[i], &b) == 1 &&
             memcmp(&a, &b, sizeof a) == 0))
            return true;
    return is_loopback(host);
}

/* The host alone, without user, port and brackets; false when there is none. */
static bool take_host(const char *url, char *host, size_t size)
{
    const char *begin = url;
    size_t length = strcspn(begin, "/?#");

    if (memchr(begin, '@', length) != NULL)
        return false;
    if (*begin == '[') {
        begin++;
        length = strcspn(begin, "]/?#");
        if (begin[length] != ']')
            return false;
    } else {
        length = strcspn(begin, ":/?#");
    }
    if (length == 0 || length >= size)
        return false;
    memcpy(host, begin, length);
    host[length] = '\0';
    return true;
}

/* Keys travel in the clear over http: only to where no one can listen. */
static enum fb_status check_url(const char *url, struct fb_error *error)
{
    char host[256];

    if (strlen(url) != strcspn(url, " \t\r\n"))
        return fb_fail(error, FB_INVALID, "AWS_CONTAINER_CREDENTIALS_FULL_URI has a blank in it");
    if (strncasecmp(url, "https://", 8) == 0 && take_host(url + 8, host, sizeof host))
        return FB_OK;
    if (strncasecmp(url, "http://", 7) != 0 || !take_host(url + 7, host, sizeof host))
        return fb_fail(error, FB_INVALID,
                       "AWS_CONTAINER_CREDENTIALS_FULL_URI is no http:// or https:// address");
    if (is_near(host))
        return FB_OK;
    return fb_fail(error, FB_INVALID,
                   "AWS_CONTAINER_CREDENTIALS_FULL_URI names %.200s, which is reached by https "
                   "only; http is for this machine, 169.254.170.2, 169.254.170.23 and "
                   "[fd00:ec2::23]",
                   host);
}

static enum fb_status make_url(const struct fb_chain_options *options, char *url, size_t size,
                               struct fb_error *error)
{
    const char *relative = options->container_relative_uri;
    const char *full = options->container_full_uri;
    int wrote;

    if (relative == NULL && full == NULL)
        return fb_fail(error, FB_NOT_FOUND, "AWS_CONTAINER_CREDENTIALS_*_URI is not set");
    if (relative != NULL && (relative[0] != '/' || strlen(relative) != strcspn(relative, " \r\n")))
        return fb_fail(error, FB_INVALID,
                       "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI does not begin with /, or has a "
                       "blank in it");
    wrote = relative != NULL ? snprintf(url, size, "%s%s", ECS_ADDRESS, relative)
                             : snprintf(url, size, "%s", full);
    if ((size_t)wrote >= size)
        return fb_fail(error, FB_INVALID, "AWS_CONTAINER_CREDENTIALS_*_URI is too long");
    return relative != NULL ? FB_OK : check_url(url, error);
}

/* What goes into a header must not break out of it. */
static enum fb_status check_token(const char *token, const char *name, struct fb_error *error)
{
    if (strpbrk(token, "\r\n") != NULL)
        return fb_fail(error, FB_INVALID, "%s has a line's end in it, which no token has", name);
    return FB_OK;
}

/* The file goes before the variable, and is read each time: EKS replaces it. */
static enum fb_status take_token(const struct fb_chain_options *options, struct fb_buffer *file,
                                 const char **ret_token, struct fb_error *error)
{
    const char *path = options->container_token_file;
    enum fb_status status;

    *ret_token = options->container_token;
    if (path == NULL)
        return *ret_token == NULL
                   ? FB_OK
                   : check_token(*ret_token, "AWS_CONTAINER_AUTHORIZATION_TOKEN", error);
    status = fb_secret_read_file(path, TOKEN_MAX_BYTES, file, error);
    if (status == FB_NOT_FOUND)
        error->status = status = FB_INVALID;
    if (status != FB_OK) {
        fb_error_prefix(error, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
        return status;
    }
    file->bytes[file->size] = '\0';
    if (strlen(file->bytes) != file->size)
        return fb_fail(error, FB_INVALID, "%s has a NUL byte in it", path);
    *ret_token = file->size == 0 ? NULL : file->bytes;
    return check_token(file->bytes, path, error);
}

static enum fb_status ask(struct fb_metadata *metadata, const char *url, const char *token,
                          struct fb_credentials *ret_credentials, struct fb_error *error)
{
    const struct fb_http_header header = {token == NULL ? NULL : "Authorization", token};
    enum fb_status status = fb_metadata_exchange(metadata, "GET", url, &header, error);

    if (status != FB_OK)
        return status;
    if (metadata->response.http_status != 200)
        return fb_fail(error, FB_DENIED, "%s answered HTTP %ld%s", metadata->peer,
                       metadata->response.http_status,
                       token == NULL ? "; AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE is not set" : "");
    return fb_metadata_read_keys(metadata, ret_credentials, error);
}

static enum fb_status container_get(struct fb_provider *provider,
                                    struct fb_credentials *ret_credentials, struct fb_error *error)
{
    const struct fb_chain_options *options = &((struct container_provider *)provider)->options;
    struct fb_metadata metadata = {0};
    struct fb_buffer file = {0};
    const char *token = NULL;
    char url[2048];
    enum fb_status status = make_url(options, url, sizeof url, error);

    if (status == FB_OK)
        status = take_token(options, &file, &token, error);
    if (status == FB_OK && fb_metadata_init(&metadata, options, url, TIMEOUT_MS) != FB_OK)
        status = fb_fail(error, FB_NO_MEMORY, "no memory for an answer");
    if (status == FB_OK)
        status = ask(&metadata, url, token, ret_credentials, error);
    if (status == FB_OK)
        snprintf(provider->detail, sizeof provider->detail, "%.200s", metadata.peer);
    fb_metadata_done(&metadata);
    fb_secret_buffer_done(&file);
    return status;
}

static void container_free(struct fb_provider *provider)
{
    free(provider);
}

struct fb_provider *fb_container_provider_new(const struct fb_chain_options *options)
{
    struct container_provider *self = calloc(1, sizeof *self);

    if (self == NULL)
        return NULL;
    self->provider =
        (struct fb_provider){.name = "container", .get = container_get, .free = container_free};
    self->options = *options;
    return &self->provider;
}
