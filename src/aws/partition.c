/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/aws/partition.h"

#include <stddef.h>
#include <string.h>

static const struct fb_partition aws = {"aws", "", "amazonaws.com", "api.aws", FB_FIPS_HOST};

/* No name begins as another does, but for the hyphen at the end. */
static const struct fb_partition others[] = {
    {"aws-cn", "cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn", FB_FIPS_NEVER},
    {"aws-us-gov", "us-gov-", "amazonaws.com", "api.aws", FB_FIPS_ALL},
    {"aws-iso", "us-iso-", "c2s.ic.gov", "api.aws.ic.gov", FB_FIPS_HOST},
    {"aws-iso-b", "us-isob-", "sc2s.sgov.gov", "api.aws.scloud", FB_FIPS_HOST},
    {"aws-iso-e", "eu-isoe-", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk", FB_FIPS_HOST},
    {"aws-iso-f", "us-isof-", "csp.hci.ic.gov", "api.aws.hci.ic.gov", FB_FIPS_HOST},
    {"aws-eusc", "eusc-", "amazonaws.eu", "api.amazonwebservices.eu", FB_FIPS_HOST},
};

const struct fb_partition *fb_partition_of(const char *region)
{
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strncmp(region, others[i].begin, strlen(others[i].begin)) == 0)
            return &others[i];
    return &aws;
}
