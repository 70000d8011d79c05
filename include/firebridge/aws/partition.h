/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AWS's partitions: which domain a region's hosts are under.
 * (AWS General Reference, "Service endpoints"; the SDKs' own table, partitions.json.)
 *
 * Threads: any; no state.
 */
#ifndef FIREBRIDGE_AWS_PARTITION_H
#define FIREBRIDGE_AWS_PARTITION_H

enum fb_fips {
    FB_FIPS_HOST,  /* hosts of their own: dynamodb-fips.us-east-1... */
    FB_FIPS_ALL,   /* the plain hosts are validated; only S3 has hosts of their own */
    FB_FIPS_NEVER, /* there are none */
};

struct fb_partition {
    const char *name;       /* the second field of its ARNs: "aws-cn" */
    const char *begin;      /* of its regions' names */
    const char *dns_suffix; /* of its hosts */
    const char *dualstack_suffix;
    enum fb_fips fips;
};

/* Never NULL: a region that no partition claims is taken for one of the first, as new ones are. */
const struct fb_partition *fb_partition_of(const char *region);

#endif
