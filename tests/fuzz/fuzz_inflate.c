/* SPDX-License-Identifier: Apache-2.0 */
/* Inflate with the form detected, and forms inside one another. */
#include "codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    return fuzz_codec(NULL, input, size);
}
