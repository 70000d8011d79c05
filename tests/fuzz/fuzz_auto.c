/* SPDX-License-Identifier: Apache-2.0 */
/* The form of JSON that the first record looks like. */
#include "form.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    return fuzz_json_form(FB_FORMAT_AUTO, input, size);
}
