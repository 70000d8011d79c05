/* SPDX-License-Identifier: Apache-2.0 */
#include "codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    return fuzz_codec("hadoop-snappy", input, size);
}
