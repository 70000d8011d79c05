/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/aws/endpoint.h"

#include <stdio.h>
#include <string.h>

#define LOWER  "abcdefghijklmnopqrstuvwxyz"
#define UPPER  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

/* A host name label (RFC 1035) has at most 63 bytes. */
#define LABEL_MAX 63

static bool consists_of(const char *text, const char *characters, size_t min, size_t max)
{
    size_t size = strlen(text);

    return size >= min && size <= max && strspn(text, characters) == size;
}

static enum fb_status check_region(const char *region, struct fb_error *error)
{
    if (region == NULL || region[0] == '\0')
        return fb_fail(error, FB_INVALID, "no region is set: [aws] region = eu-west-1, say");
    if (!consists_of(region, LOWER DIGITS "-", 1, 32))
        return fb_fail(error, FB_INVALID, "'%.64s' is no region (like eu-west-1)", region);
    return FB_OK;
}

static const char *domain_of(const char *region)
{
    return strncmp(region, "cn-", 3) == 0 ? "amazonaws.com.cn" : "amazonaws.com";
}

/* scheme://host[:port], with or without slashes behind it. */
static enum fb_status use_address(const char *address, struct fb_endpoint *ret_endpoint,
                                  struct fb_error *error)
{
    struct fb_endpoint endpoint = {.is_path_style = true};
    const char *host = NULL;
    size_t size;

    if (strncmp(address, "http://", 7) == 0)
        host = address + 7;
    else if (strncmp(address, "https://", 8) == 0)
        host = address + 8;
    if (host == NULL)
        return fb_fail(error, FB_INVALID, "the endpoint '%.200s' does not begin with http(s)://",
                       address);
    size = strcspn(host, "/");
    if (size == 0 || size >= sizeof endpoint.host ||
        strspn(host, LOWER UPPER DIGITS "-._:[]") < size || host[size + strspn(host + size, "/")])
        return fb_fail(error, FB_INVALID,
                       "the endpoint '%.200s' is not of the form http(s)://host[:port]", address);
    memcpy(endpoint.host, host, size);
    snprintf(endpoint.origin, sizeof endpoint.origin, "%.*s", (int)(host - address + (int)size),
             address);
    *ret_endpoint = endpoint;
    return FB_OK;
}

static enum fb_status of_service(const char *service, const char *address, const char *region,
                                 struct fb_endpoint *ret_endpoint, struct fb_error *error)
{
    enum fb_status status = check_region(region, error);

    if (status != FB_OK)
        return status;
    if (address != NULL)
        return use_address(address, ret_endpoint, error);
    *ret_endpoint = (struct fb_endpoint){0};
    snprintf(ret_endpoint->host, sizeof ret_endpoint->host, "%s.%s.%s", service, region,
             domain_of(region));
    snprintf(ret_endpoint->origin, sizeof ret_endpoint->origin, "https://%s", ret_endpoint->host);
    return FB_OK;
}

enum fb_status fb_endpoint_dynamodb(const char *address, const char *region,
                                    struct fb_endpoint *ret_endpoint, struct fb_error *error)
{
    return of_service("dynamodb", address, region, ret_endpoint, error);
}

enum fb_status fb_endpoint_sts(const char *address, const char *region,
                               struct fb_endpoint *ret_endpoint, struct fb_error *error)
{
    return of_service("sts", address, region, ret_endpoint, error);
}

enum fb_status fb_endpoint_s3(const char *address, const char *region, const char *bucket,
                              struct fb_endpoint *ret_endpoint, struct fb_error *error)
{
    enum fb_status status = check_region(region, error);
    struct fb_endpoint endpoint = {0};

    if (status != FB_OK)
        return status;
    /* Buckets of before 2018 may have upper case, underscores and up to 255 bytes. */
    if (!consists_of(bucket, LOWER UPPER DIGITS "-._", 3, 255) || bucket[0] == '.')
        return fb_fail(error, FB_INVALID, "'%.200s' is no bucket name", bucket);
    if (address != NULL)
        return use_address(address, ret_endpoint, error);
    endpoint.is_path_style = !consists_of(bucket, LOWER DIGITS "-", 3, LABEL_MAX);
    snprintf(endpoint.host, sizeof endpoint.host, "%s%ss3.%s.%s",
             endpoint.is_path_style ? "" : bucket, endpoint.is_path_style ? "" : ".", region,
             domain_of(region));
    snprintf(endpoint.origin, sizeof endpoint.origin, "https://%s", endpoint.host);
    *ret_endpoint = endpoint;
    return FB_OK;
}
