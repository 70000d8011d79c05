/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text as address, region and bucket, a line each, after a byte that picks the kind of hosts:
 * an endpoint that comes out is a URL in which nothing of it can hide. What is taken for near by us
 * is near to libcurl, too, which is what connects.
 */
#include <arpa/inet.h>
#include <curl/curl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "firebridge/aws/endpoint.h"
#include "firebridge/net/address.h"

#define TEXT_MAX_BYTES 1024

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check(bool condition)
{
    if (!condition)
        abort();
}

static void check_endpoint(const struct fb_endpoint *endpoint)
{
    const char *host = strstr(endpoint->origin, "://");

    check(strncmp(endpoint->origin, "http", 4) == 0 && host != NULL);
    check(strcmp(host + 3, endpoint->host) == 0);
    check(strpbrk(endpoint->host, "/?#@\\ \t\r\n") == NULL && endpoint->host[0] != '\0');
    check(fb_endpoint_check_region(endpoint->region, NULL) == FB_OK);
}

static void check_s3(const struct fb_endpoint_options *options, const char *bucket)
{
    struct fb_access_point point;
    struct fb_endpoint endpoint;
    struct fb_error error = {0};
    enum fb_status status = fb_endpoint_s3(options, bucket, &endpoint, &error);

    check(fb_access_point_size(bucket) <= strlen(bucket));
    if (status != FB_OK) {
        check(error.message[0] != '\0');
        return;
    }
    check_endpoint(&endpoint);
    check(options->address != NULL || strncmp(endpoint.origin, "https://", 8) == 0);
    if (!fb_access_point_is(bucket))
        return;
    check(fb_access_point_parse(bucket, &point, NULL) == FB_OK);
    check(!endpoint.is_path_style && strcmp(endpoint.region, point.region) == 0);
    check(strncmp(endpoint.host, point.name, strlen(point.name)) == 0);
}

/* As libcurl sees it, brackets and all. */
static bool is_near_to_curl(const char *host)
{
    unsigned char bytes[sizeof(struct in6_addr)];
    char bare[TEXT_MAX_BYTES];

    if (*host == '[')
        host++;
    memcpy(bare, host, strlen(host) + 1);
    bare[strcspn(bare, "]")] = '\0';
    if (strcasecmp(bare, "localhost") == 0)
        return true;
    if (inet_pton(AF_INET, bare, bytes) == 1)
        return bytes[0] == 127 || memcmp(bytes, "\xa9\xfe\xa9\xfe", 4) == 0 ||
               memcmp(bytes, "\xa9\xfe\xaa\x02", 4) == 0 ||
               memcmp(bytes, "\xa9\xfe\xaa\x17", 4) == 0;
    if (inet_pton(AF_INET6, bare, bytes) == 1)
        return memcmp(bytes, &in6addr_loopback, sizeof in6addr_loopback) == 0 ||
               memcmp(bytes, "\xfd\0\x0e\xc2", 4) == 0;
    return false;
}

static void check_address(const char *text)
{
    char peer[FB_PEER_SIZE];
    char *host = NULL;
    CURLU *url = curl_url();

    fb_address_peer(text, peer);
    check(strpbrk(peer, "/?#@") == NULL);
    check(url != NULL);
    if (fb_address_is_near(text) && strncasecmp(text, "http", 4) == 0 &&
        curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK) {
        check(curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK);
        check(is_near_to_curl(host));
    }
    if (fb_address_is_proxy(text))
        check(curl_url_set(url, CURLUPART_URL, text, CURLU_DEFAULT_SCHEME) == CURLUE_OK);
    curl_free(host);
    curl_url_cleanup(url);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    char text[TEXT_MAX_BYTES];
    char *lines[3] = {"", "", ""};
    struct fb_endpoint_options options;
    struct fb_endpoint endpoint;
    char *rest = text;

    if (size < 1 || size > sizeof text || memchr(bytes, '\0', size) != NULL)
        return 0;
    memcpy(text, bytes + 1, size - 1);
    text[size - 1] = '\0';
    for (size_t i = 0; i < 3 && rest != NULL; i++)
        lines[i] = strsep(&rest, "\n");
    options = (struct fb_endpoint_options){.address = lines[0][0] == '\0' ? NULL : lines[0],
                                           .region = lines[1],
                                           .use_fips = (bytes[0] & 1) != 0,
                                           .use_dualstack = (bytes[0] & 2) != 0};
    check_s3(&options, lines[2]);
    if (fb_endpoint_service(&options, "dynamodb", &endpoint, NULL) == FB_OK)
        check_endpoint(&endpoint);
    check_address(lines[0]);
    return 0;
}
