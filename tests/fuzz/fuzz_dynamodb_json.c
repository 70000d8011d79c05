/* SPDX-License-Identifier: Apache-2.0 */
#include "form.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    return fuzz_json_form(FB_FORMAT_DYNAMODB_JSON, input, size);
}
