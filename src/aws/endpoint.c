/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/aws/endpoint.h"

#include <stdio.h>
#include <string.h>

#include "firebridge/aws/partition.h"

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

enum fb_status fb_endpoint_check_region(const char *region, struct fb_error *error)
{
    if (region == NULL || region[0] == '\0')
        return fb_fail(error, FB_INVALID, "no region is set: [aws] region = eu-west-1, say");
    if (!consists_of(region, LOWER DIGITS "-", 1, FB_REGION_SIZE - 1))
        return fb_fail(error, FB_INVALID, "'%.64s' is no region (like eu-west-1)", region);
    return FB_OK;
}

static enum fb_status check_options(const struct fb_endpoint_options *options,
                                    struct fb_error *error)
{
    const char *kind = options->use_fips ? "FIPS" : "dual-stack";
    enum fb_status status = fb_endpoint_check_region(options->region, error);

    if (status != FB_OK)
        return status;
    /* What it is stays unsaid: where such an address ends and a password begins is a guess. */
    if (options->address != NULL && strchr(options->address, '@') != NULL)
        return fb_fail(error, FB_INVALID,
                       "the endpoint has a user or a password in it, which AWS takes none of: "
                       "leave out what stands before the @");
    if (options->address != NULL && (options->use_fips || options->use_dualstack))
        return fb_fail(error, FB_INVALID,
                       "%s endpoints are AWS's own, and the address '%.200s' is set: leave one out",
                       kind, options->address);
    if (options->use_fips && fb_partition_of(options->region)->fips == FB_FIPS_NEVER)
        return fb_fail(error, FB_UNSUPPORTED, "region %s has no FIPS endpoints", options->region);
    return FB_OK;
}

/* scheme://host[:port], with or without slashes behind it; `label` and a dot before the host. */
static enum fb_status use_address(const struct fb_endpoint_options *options, const char *label,
                                  struct fb_endpoint *ret_endpoint, struct fb_error *error)
{
    struct fb_endpoint endpoint = {.is_path_style = label[0] == '\0'};
    const char *address = options->address;
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
    if (size == 0 || size > 255 || strspn(host, LOWER UPPER DIGITS "-._:[]") < size ||
        host[size + strspn(host + size, "/")])
        return fb_fail(error, FB_INVALID,
                       "the endpoint '%.200s' is not of the form http(s)://host[:port]", address);
    snprintf(endpoint.host, sizeof endpoint.host, "%s%s%.*s", label, label[0] == '\0' ? "" : ".",
             (int)size, host);
    snprintf(endpoint.origin, sizeof endpoint.origin, "%.*s%s", (int)(host - address), address,
             endpoint.host);
    snprintf(endpoint.region, sizeof endpoint.region, "%s", options->region);
    *ret_endpoint = endpoint;
    return FB_OK;
}

/* The host stands already. */
static void use_https(const char *region, struct fb_endpoint *endpoint)
{
    snprintf(endpoint->origin, sizeof endpoint->origin, "https://%s", endpoint->host);
    snprintf(endpoint->region, sizeof endpoint->region, "%s", region);
}

enum fb_status fb_endpoint_service(const struct fb_endpoint_options *options, const char *service,
                                   struct fb_endpoint *ret_endpoint, struct fb_error *error)
{
    enum fb_status status = check_options(options, error);
    const struct fb_partition *partition;
    struct fb_endpoint endpoint = {0};
    bool is_fips;

    if (status != FB_OK)
        return status;
    if (options->address != NULL)
        return use_address(options, "", ret_endpoint, error);
    partition = fb_partition_of(options->region);
    is_fips = options->use_fips && (partition->fips == FB_FIPS_HOST || options->use_dualstack);
    snprintf(endpoint.host, sizeof endpoint.host, "%s%s.%s.%s", service, is_fips ? "-fips" : "",
             options->region,
             options->use_dualstack ? partition->dualstack_suffix : partition->dns_suffix);
    use_https(options->region, &endpoint);
    *ret_endpoint = endpoint;
    return FB_OK;
}

/* "LABEL.s3-fips.dualstack.REGION.SUFFIX"; all of S3's hosts are under the plain suffix. */
static void use_s3_host(const struct fb_endpoint_options *options, const char *label,
                        const char *service, struct fb_endpoint *ret_endpoint)
{
    struct fb_endpoint endpoint = {.is_path_style = label[0] == '\0'};

    snprintf(endpoint.host, sizeof endpoint.host, "%s%s%s%s%s.%s.%s", label,
             endpoint.is_path_style ? "" : ".", service, options->use_fips ? "-fips" : "",
             options->use_dualstack ? ".dualstack" : "", options->region,
             fb_partition_of(options->region)->dns_suffix);
    use_https(options->region, &endpoint);
    *ret_endpoint = endpoint;
}

static enum fb_status use_access_point(const struct fb_endpoint_options *options, const char *arn,
                                       struct fb_endpoint *ret_endpoint, struct fb_error *error)
{
    struct fb_endpoint_options there = *options;
    struct fb_access_point point;
    char label[sizeof point.name + sizeof point.account];
    enum fb_status status = fb_access_point_parse(arn, &point, error);

    if (status != FB_OK)
        return status;
    there.region = point.region;
    status = check_options(&there, error);
    if (status != FB_OK)
        return status;
    snprintf(label, sizeof label, "%s-%s", point.name, point.account);
    if (options->address != NULL)
        return use_address(&there, label, ret_endpoint, error);
    use_s3_host(&there, label, "s3-accesspoint", ret_endpoint);
    return FB_OK;
}

enum fb_status fb_endpoint_s3(const struct fb_endpoint_options *options, const char *bucket,
                              struct fb_endpoint *ret_endpoint, struct fb_error *error)
{
    enum fb_status status = check_options(options, error);
    bool is_label = consists_of(bucket, LOWER DIGITS "-", 3, LABEL_MAX) && bucket[0] != '-' &&
                    bucket[strlen(bucket) - 1] != '-';

    if (status != FB_OK)
        return status;
    if (fb_access_point_is(bucket))
        return use_access_point(options, bucket, ret_endpoint, error);
    /* Buckets of before 2018 may have upper case, underscores and up to 255 bytes. */
    if (!consists_of(bucket, LOWER UPPER DIGITS "-._", 3, 255) || bucket[0] == '.')
        return fb_fail(error, FB_INVALID, "'%.200s' is no bucket name", bucket);
    if (options->address != NULL)
        return use_address(options, "", ret_endpoint, error);
    use_s3_host(options, is_label ? bucket : "", "s3", ret_endpoint);
    return FB_OK;
}
