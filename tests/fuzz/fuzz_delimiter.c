/* SPDX-License-Identifier: Apache-2.0 */
/* A delimiter of the conf between records of JSON, rows and lines. */
#include "form.h"

static const char *const columns[] = {"id", "n"};
static const char *const fields[] = {"id"};

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    static const struct fuzz_options options[] = {
        {{.format = FB_FORMAT_JSON, .delimiter = "|&|", .delimiter_size = 3},
         FUZZ_BETWEEN_JSON "|&"},
        {{.format = FB_FORMAT_CSV,
          .delimiter = "ab",
          .delimiter_size = 2,
          .columns = columns,
          .column_count = 2},
         "ab"},
        {{.format = FB_FORMAT_TSV,
          .delimiter = "\x1e",
          .delimiter_size = 1,
          .columns = columns,
          .column_count = 2},
         "\x1e"},
        {{.format = FB_FORMAT_LINES,
          .delimiter = "aab",
          .delimiter_size = 3,
          .pattern = "(.*)",
          .fields = fields,
          .field_count = 1},
         "aab"},
    };

    return fuzz_form(options, sizeof options / sizeof *options, input, size);
}
