/* SPDX-License-Identifier: Apache-2.0 */
/* The record reader with plain JSON. */
#include "form.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    return fuzz_json_form(FB_FORMAT_JSON, input, size);
}
