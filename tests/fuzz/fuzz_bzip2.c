/* SPDX-License-Identifier: Apache-2.0 */
/* With the smallest blocks, whatever the heads say: it is their memory that takes the time. */
#define OUT_MAX ((size_t)1 << 13)

#include "codec.h"

#define INPUT_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    static uint8_t small[INPUT_MAX];
    uint8_t *p = small;

    if (size > INPUT_MAX)
        return 0;
    memcpy(small, input, size);
    while ((p = memmem(p, size - (size_t)(p - small), "BZh", 3)) != NULL) {
        p += 3;
        if (p<small + size && * p> '1' && *p <= '9')
            *p = '1';
    }
    return fuzz_codec("bzip2", small, size);
}
