/* SPDX-License-Identifier: Apache-2.0 */
/* The table of events against what explains it: the message catalog and the operator's manual. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "firebridge/base/log.h"

static char *read_file(const char *path)
{
    FILE *file = fopen(path, "r");
    char *text = calloc(1, 1 << 20);

    assert_non_null(file);
    assert_non_null(text);
    assert_true(fread(text, 1, (1 << 20) - 1, file) > 0);
    assert_true(feof(file));
    fclose(file);
    return text;
}

static void every_event_has_a_name_and_an_id_of_its_own(void **state)
{
    (void)state;
    for (size_t i = 0; i < FB_EVENT_COUNT; i++) {
        const struct fb_event_kind *kind = &fb_event_kinds[i];

        assert_non_null(kind->name);
        assert_int_equal(strspn(kind->message_id, "0123456789abcdef"), 32);
        assert_int_equal(strlen(kind->message_id), 32);
        assert_in_range(kind->level, FB_LOG_ERROR, FB_LOG_INFO);
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(kind->name, fb_event_kinds[j].name);
            assert_string_not_equal(kind->message_id, fb_event_kinds[j].message_id);
        }
    }
}

static void only_what_folds_is_ended_and_only_streams_have_that(void **state)
{
    (void)state;
    assert_false(fb_event_kinds[0].folds);
    for (size_t i = 0; i < FB_EVENT_COUNT; i++) {
        const struct fb_event_kind *kind = &fb_event_kinds[i];

        if (kind->ends != 0)
            assert_true(fb_event_kinds[kind->ends].folds);
        if (kind->ends != 0 || kind->folds)
            assert_true(kind->fields & (1U << FB_FIELD_STREAM));
    }
}

static bool carries(const struct fb_event_kind *kind, const char *journal, size_t length)
{
    for (size_t i = 0; i < FB_FIELD_COUNT; i++)
        if ((kind->fields & (1U << i)) && strlen(fb_log_field_names[i].journal) == length &&
            memcmp(journal, fb_log_field_names[i].journal, length) == 0)
            return true;
    return false;
}

/* Of @NAME@ in an entry, the event must carry it, or the reader would see the bare name. */
static void expect_carried(const struct fb_event_kind *kind, const char *entry, const char *end)
{
    const char *at = entry;

    while ((at = strchr(at, '@')) != NULL && at < end) {
        const size_t length = strcspn(++at, "@");

        if (!carries(kind, at, length))
            fail_msg("%s does not carry %.*s", kind->name, (int)length, at);
        at += length + 1;
    }
}

static void every_event_is_explained_by_the_catalog_and_nothing_else_is(void **state)
{
    char *catalog = read_file("systemd/firebridge.catalog");
    const char *at = catalog;

    (void)state;
    for (size_t i = 0; i < FB_EVENT_COUNT; i++) {
        const char *body, *end;

        at = strstr(at, "\n-- ");
        assert_non_null(at);
        assert_memory_equal(at + 4, fb_event_kinds[i].message_id, 32);
        at += 4 + 32;
        end = strstr(at, "\n-- ");
        if (end == NULL)
            end = at + strlen(at);
        assert_int_equal(strncmp(at, "\nSubject: ", 10), 0);
        body = strstr(at, "\n\n");
        assert_non_null(body);
        assert_true(end - body > 80);
        expect_carried(&fb_event_kinds[i], at, end);
    }
    assert_null(strstr(at, "\n-- "));
    free(catalog);
}

static void describe_fields(const struct fb_event_kind *kind, char *text, size_t size)
{
    size_t used = 0;

    text[0] = '\0';
    for (size_t i = 0; i < FB_FIELD_COUNT; i++)
        if (kind->fields & (1U << i))
            used += (size_t)snprintf(text + used, size - used, "%s%s", used > 0 ? ", " : "",
                                     fb_log_field_names[i].json);
}

static void every_event_is_a_row_of_the_manual(void **state)
{
    char *manual = read_file("docs/operations.md");
    const char *at = strstr(manual, "| event | level | carries | it says |");
    size_t rows = 0;

    (void)state;
    assert_non_null(at);
    for (size_t i = 0; i < FB_EVENT_COUNT; i++) {
        char fields[160], row[320];

        describe_fields(&fb_event_kinds[i], fields, sizeof fields);
        snprintf(row, sizeof row, "\n| `%s` | %s | %s%s |", fb_event_kinds[i].name,
                 fb_log_level_name(fb_event_kinds[i].level), fields,
                 fb_event_kinds[i].folds ? "; folded" : "");
        if (strstr(at, row) == NULL)
            fail_msg("not in docs/operations.md:%s", row);
    }
    for (at = strstr(at, "\n| `"); at != NULL && strncmp(at, "\n| `", 4) == 0;
         at = strchr(at + 1, '\n'))
        rows++;
    assert_int_equal(rows, FB_EVENT_COUNT);
    free(manual);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_event_has_a_name_and_an_id_of_its_own),
        cmocka_unit_test(only_what_folds_is_ended_and_only_streams_have_that),
        cmocka_unit_test(every_event_is_explained_by_the_catalog_and_nothing_else_is),
        cmocka_unit_test(every_event_is_a_row_of_the_manual),
    };

    return cmocka_run_group_tests_name("base/log_events", tests, NULL, NULL);
}
