/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Says where a service is reached, for the oracle test. Lines of words, by blanks:
 *
 *   SERVICE REGION FIPS DUALSTACK BUCKET     (0 or 1; a bucket for s3, else -)
 *
 * and for each line the origin, the region to sign for, and 1 where the bucket goes into the path;
 * or "refused".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firebridge/aws/endpoint.h"

static void answer(const struct fb_endpoint_options *options, const char *service,
                   const char *bucket)
{
    struct fb_endpoint endpoint;
    enum fb_status status = strcmp(service, "s3") == 0
                                ? fb_endpoint_s3(options, bucket, &endpoint, NULL)
                                : fb_endpoint_service(options, service, &endpoint, NULL);

    if (status == FB_OK)
        printf("%s %s %d\n", endpoint.origin, endpoint.region, endpoint.is_path_style);
    else
        puts("refused");
}

int main(void)
{
    char service[32], region[64], bucket[300];
    int fips, dualstack;

    while (scanf("%31s %63s %d %d %299s", service, region, &fips, &dualstack, bucket) == 5) {
        const struct fb_endpoint_options options = {
            .region = region, .use_fips = fips != 0, .use_dualstack = dualstack != 0};

        answer(&options, service, bucket);
    }
    return EXIT_SUCCESS;
}
