/* SPDX-License-Identifier: Apache-2.0 */
/* Log events as they are, and with messages that are JSON unwrapped. */
#include "form.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    static const struct fuzz_options options[] = {
        {{.format = FB_FORMAT_CLOUDWATCH_LOGS}, FUZZ_BETWEEN_JSON},
        {{.format = FB_FORMAT_CLOUDWATCH_LOGS, .unwrap_message = true}, FUZZ_BETWEEN_JSON},
    };

    return fuzz_form(options, sizeof options / sizeof *options, input, size);
}
