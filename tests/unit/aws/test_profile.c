/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/aws/profile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* One question to a set that is made of two texts. */
struct profile_case {
    const char *what;
    const char *config, *credentials; /* NULL: no such file */
    const char *profile, *name;
    const char *value; /* NULL: not there */
};

#define CONFIG(text)      .config = (text)
#define CREDENTIALS(text) .credentials = (text)
#define IN(p, n)          .profile = (p), .name = (n)

static const struct profile_case cases[] = {
    /* Lines and blanks */
    {"a setting", CONFIG("[profile p]\nname = value"), IN("p", "name"), "value"},
    {"no blanks", CONFIG("[profile p]\nname=value\n"), IN("p", "name"), "value"},
    {"blanks and tabs around both", CONFIG("[profile p]\nname \t =\t value \t\n"), IN("p", "name"),
     "value"},
    {"lines of Windows", CONFIG("[profile p]\r\nname = value\r\n"), IN("p", "name"), "value"},
    {"a byte order mark", CONFIG("\xef\xbb\xbf[profile p]\nname = value"), IN("p", "name"),
     "value"},
    {"blank lines", CONFIG("\n\t \n[profile p]\n \t\r\n\nname = value\n\n"), IN("p", "name"),
     "value"},
    {"an = in the value", CONFIG("[profile p]\nname = a=b==\n"), IN("p", "name"), "a=b=="},
    {"UTF-8 in the value", CONFIG("[profile p]\nname = \xf0\x9f\x98\x82\n"), IN("p", "name"),
     "\xf0\x9f\x98\x82"},
    {"quotes belong to the value", CONFIG("[profile p]\nname = \"a b\"\n"), IN("p", "name"),
     "\"a b\""},
    {"an empty value", CONFIG("[profile p]\nname =\n"), IN("p", "name"), ""},
    {"no file at all", IN("p", "name"), NULL},

    /* Comments */
    {"comment lines", CONFIG("# a\n; b\n[profile p]\n# c\nname = value\n;d"), IN("p", "name"),
     "value"},
    {"an indented comment", CONFIG("[profile p]\n  # c\nname = value\n  ; d\n"), IN("p", "name"),
     "value"},
    {"a comment behind a blank", CONFIG("[profile p]\nname = value ; x = y\n"), IN("p", "name"),
     "value"},
    {"a comment behind a tab", CONFIG("[profile p]\nname = value\t# x\n"), IN("p", "name"),
     "value"},
    {"no comment without a blank", CONFIG("[profile p]\nname = value;no#no\n"), IN("p", "name"),
     "value;no#no"},
    {"a comment is all", CONFIG("[profile p]\nname = # none\n"), IN("p", "name"), ""},
    {"behind a section", CONFIG("[profile p]; here\nname = value\n[profile q] # there\n"),
     IN("p", "name"), "value"},
    {"right behind a section", CONFIG("[profile p]#here\nname = value\n"), IN("p", "name"),
     "value"},

    /* Continued values and nested settings */
    {"a value goes on", CONFIG("[profile p]\nname = a\n -b\n\t-c \nother = d\n"), IN("p", "name"),
     "a\n-b\n-c"},
    {"over a blank line", CONFIG("[profile p]\nname = a\n\n b\n"), IN("p", "name"), "a\nb"},
    {"a continued line has no comments", CONFIG("[profile p]\nname = a\n b ; c\n"), IN("p", "name"),
     "a\nb ; c"},
    {"behind a comment", CONFIG("[profile p]\nname = a ; c\n b\n"), IN("p", "name"), "a\nb"},
    {"the setting behind it", CONFIG("[profile p]\nname = a\r\n b\r\nother = d\r\n"),
     IN("p", "other"), "d"},
    {"nested settings", CONFIG("[profile p]\ns3 =\n  max_concurrent = 10\n  x=\nname = value\n"),
     IN("p", "s3"), "\nmax_concurrent = 10\nx="},
    {"a nested setting is no setting", CONFIG("[profile p]\ns3 =\n  name = nested\n"),
     IN("p", "name"), NULL},
    {"with a comment in between", CONFIG("[profile p]\ns3 = # all\n # b\n  name = c\n"),
     IN("p", "s3"), "\nname = c"},

    /* Sections */
    {"blanks in a section", CONFIG("[ \tprofile \t p\t ]\nname = value\n"), IN("p", "name"),
     "value"},
    {"config without the prefix", CONFIG("[p]\nname = value\n"), IN("p", "name"), NULL},
    {"config with a glued prefix", CONFIG("[profilep]\nname = value\n"), IN("p", "name"), NULL},
    {"credentials without the prefix", CREDENTIALS("[ p ]\nname = value\n"), IN("p", "name"),
     "value"},
    {"credentials with the prefix", CREDENTIALS("[profile p]\nname = value\n"), IN("p", "name"),
     NULL},
    {"a profile called profile", CREDENTIALS("[profile]\nname = value\n"), IN("profile", "name"),
     "value"},
    {"quoted names", CONFIG("[profile \"p\"]\nname = value\n"), IN("p", "name"), "value"},
    {"quoted names with blanks", CONFIG("[profile 'a b']\nname = value\n"), IN("a b", "name"),
     "value"},
    {"every character of a name", CREDENTIALS("[aZ09_-/.%@:+]\naZ09_-/.%@:+ = value\n"),
     IN("aZ09_-/.%@:+", "aZ09_-/.%@:+"), "value"},
    {"a profile's name tells case", CONFIG("[profile P]\nname = value\n"), IN("p", "name"), NULL},
    {"a setting's name does not", CONFIG("[profile p]\nNaMe = value\n"), IN("p", "nAmE"), "value"},
    {"an impossible profile", CONFIG("[profile a b]\nname = value\n"), IN("a b", "name"), NULL},
    {"... and the next", CONFIG("[profile a b]\nx = y\n z\n[profile p]\nname = value\n"),
     IN("p", "name"), "value"},
    {"an impossible setting", CONFIG("[profile p]\na b = value\n more\n"), IN("p", "a b"), NULL},
    {"... and the next one", CONFIG("[profile p]\na b =\n c = d\nname = value\n"), IN("p", "name"),
     "value"},
    {"other kinds of sections",
     CONFIG("[profile p]\nname = value\n[sso-session p]\nname = sso\n[services p]\ndynamodb =\n"
            "  endpoint_url = x\nname = services\n[plugins]\nname = plugins\n"),
     IN("p", "name"), "value"},

    /* default */
    {"default", CONFIG("[default]\nname = value\n"), IN("default", "name"), "value"},
    {"profile default", CONFIG("[profile default]\nname = value\n"), IN("default", "name"),
     "value"},
    {"profile default hides default above", CONFIG("[default]\na = 1\n[profile default]\nb = 2\n"),
     IN("default", "a"), NULL},
    {"... and below", CONFIG("[profile default]\nb = 2\n[default]\na = 1\nb = 3\n"),
     IN("default", "b"), "2"},
    {"... but not that of the credentials", CONFIG("[profile default]\nb = 2\n"),
     CREDENTIALS("[default]\na = 1\n"), IN("default", "a"), "1"},

    /* Twice */
    {"a profile twice", CONFIG("[profile p]\na = 1\n[profile q]\n[profile p]\nb = 2\n"),
     IN("p", "a"), "1"},
    {"a setting twice", CONFIG("[profile p]\na = 1\nA = 2\n"), IN("p", "a"), "2"},
    {"a setting in both", CONFIG("[profile p]\na = 1\n[profile p]\na = 2\n"), IN("p", "a"), "2"},
    {"both files make one", CONFIG("[profile p]\na = 1\n"), CREDENTIALS("[p]\nb = 2\n"),
     IN("p", "a"), "1"},
    {"the credentials file wins", CONFIG("[profile p]\na = 1\n"), CREDENTIALS("[p]\na = 2\n"),
     IN("p", "a"), "2"},
};

static struct fb_profiles *read_both(const char *config, const char *credentials)
{
    struct fb_profiles *profiles = fb_profiles_new();
    struct fb_error error = {0};

    assert_non_null(profiles);
    if (config != NULL && fb_profiles_parse(profiles, FB_PROFILE_CONFIG, "config", config,
                                            strlen(config), &error) != FB_OK)
        fail_msg("%s", error.message);
    if (credentials != NULL && fb_profiles_parse(profiles, FB_PROFILE_CREDENTIALS, "credentials",
                                                 credentials, strlen(credentials), &error) != FB_OK)
        fail_msg("%s", error.message);
    return profiles;
}

static void files_are_read_as_the_sdks_read_them(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct profile_case *c = &cases[i];
        struct fb_profiles *profiles = read_both(c->config, c->credentials);
        const struct fb_profile_setting *found = fb_profiles_find(profiles, c->profile, c->name);

        if ((found == NULL) != (c->value == NULL))
            fail_msg("%s: %s", c->what, found == NULL ? "it is not there" : found->value);
        if (found != NULL && strcmp(found->value, c->value) != 0)
            fail_msg("%s: \"%s\"", c->what, found->value);
        fb_profiles_free(profiles);
    }
}

static void the_credentials_default_hides_nothing_in_whatever_order(void **state)
{
    static const char config[] = "[default]\na = 1\n", credentials[] = "[default]\nb = 2\n";
    struct fb_profiles *profiles = fb_profiles_new();
    struct fb_error error;

    (void)state;
    assert_non_null(profiles);
    assert_int_equal(fb_profiles_parse(profiles, FB_PROFILE_CREDENTIALS, "credentials", credentials,
                                       sizeof credentials - 1, &error),
                     FB_OK);
    assert_int_equal(
        fb_profiles_parse(profiles, FB_PROFILE_CONFIG, "config", config, sizeof config - 1, &error),
        FB_OK);
    assert_string_equal(fb_profiles_get(profiles, "default", "a"), "1");
    assert_string_equal(fb_profiles_get(profiles, "default", "b"), "2");
    fb_profiles_free(profiles);
}

static void a_profile_is_there_without_a_setting(void **state)
{
    struct fb_profiles *profiles = read_both("[profile p]\n[q]\n[profile a b]\n", "[r]\n");

    (void)state;
    assert_true(fb_profiles_has(profiles, "p"));
    assert_false(fb_profiles_has(profiles, "q"));
    assert_false(fb_profiles_has(profiles, "a b"));
    assert_true(fb_profiles_has(profiles, "r"));
    assert_false(fb_profiles_has(profiles, "default"));
    fb_profiles_free(profiles);
}

static void an_empty_setting_counts_as_none(void **state)
{
    struct fb_profiles *profiles = read_both("[profile p]\nrole_arn = r\n", "[p]\nrole_arn =\n");

    (void)state;
    assert_null(fb_profiles_get(profiles, "p", "role_arn"));
    fb_profiles_free(profiles);
}

static void a_setting_knows_its_place(void **state)
{
    struct fb_profiles *profiles = read_both("[profile p]\n\na = 1\n", "[p]\nb =\n  c = 1\n");
    const struct fb_profile_setting *a = fb_profiles_find(profiles, "p", "a");
    const struct fb_profile_setting *b = fb_profiles_find(profiles, "p", "b");

    (void)state;
    assert_string_equal(a->path, "config");
    assert_int_equal(a->line, 3);
    assert_int_equal(b->kind, FB_PROFILE_CREDENTIALS);
    assert_int_equal(b->line, 2);
    fb_profiles_free(profiles);
}

struct bad_case {
    const char *text, *message;
};

static const struct bad_case bad_cases[] = {
    {"name = value\n", "config:1: a setting stands before the first [section]"},
    {" more\n", "config:1: an indented line continues"},
    {"[profile p]\n name = value\n", "config:2: an indented line continues"},
    {"[profile p]\na = b\n[profile q]\n more\n", "config:4: an indented line continues"},
    {"[profile p\nname = value\n", "config:1: a section begins with [ and ends with ]"},
    {"[profile p ; x]\n", "config:1: a section begins with [ and ends with ]"},
    {"[profile p] x\n", "config:1: there is something behind the ]"},
    {"[profile p]\nname\n", "config:2: a setting is written NAME = VALUE"},
    {"[profile p]\nname # = x\n", "config:2: a setting is written NAME = VALUE"},
    {"[profile p]\n= value\n", "config:2: there is no name before the ="},
    {"[x]\n\n= value\n", "config:3: there is no name before the ="},
    {"[profile p]\ns3 =\n  name\n", "config:3: a setting within a setting"},
    {"[profile p]\ns3 =\n  a = b\n  = value\n", "config:4: a setting within a setting"},
};

static void what_is_no_profile_is_refused_by_file_and_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad_cases / sizeof *bad_cases; i++) {
        const struct bad_case *c = &bad_cases[i];
        struct fb_profiles *profiles = fb_profiles_new();
        struct fb_error error = {0};

        assert_int_equal(fb_profiles_parse(profiles, FB_PROFILE_CONFIG, "config", c->text,
                                           strlen(c->text), &error),
                         FB_INVALID);
        if (strncmp(error.message, c->message, strlen(c->message)) != 0)
            fail_msg("case %zu: %s", i, error.message);
        fb_profiles_free(profiles);
    }
}

static void a_file_with_a_nul_is_no_text(void **state)
{
    struct fb_profiles *profiles = fb_profiles_new();
    struct fb_error error = {0};

    (void)state;
    assert_int_equal(
        fb_profiles_parse(profiles, FB_PROFILE_CONFIG, "config", "[default]\n\0x", 12, &error),
        FB_INVALID);
    assert_string_equal(error.message, "config is no text: it has a NUL byte");
    fb_profiles_free(profiles);
}

static void a_file_that_is_not_there_or_too_long_is_said_so(void **state)
{
    struct fb_profiles *profiles = fb_profiles_new();
    struct fb_error error = {0};
    char path[] = "/tmp/fb-profile-XXXXXX";
    int fd = mkstemp(path);
    FILE *file = fdopen(fd, "w");

    (void)state;
    assert_non_null(file);
    for (size_t i = 0; i <= FB_PROFILE_FILE_MAX_BYTES; i++)
        fputc('\n', file);
    fclose(file);
    assert_int_equal(fb_profiles_read(profiles, FB_PROFILE_CREDENTIALS, path, &error),
                     FB_TOO_LARGE);
    assert_non_null(strstr(error.message, "has more than 1048576 bytes"));
    remove(path);
    assert_int_equal(fb_profiles_read(profiles, FB_PROFILE_CREDENTIALS, path, &error),
                     FB_NOT_FOUND);
    assert_int_equal(fb_profiles_read(profiles, FB_PROFILE_CREDENTIALS, "/tmp", &error), FB_IO);
    assert_int_equal(fb_profiles_read(profiles, FB_PROFILE_CREDENTIALS, "/dev/null", &error),
                     FB_OK);
    fb_profiles_free(profiles);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_read_as_the_sdks_read_them),
        cmocka_unit_test(the_credentials_default_hides_nothing_in_whatever_order),
        cmocka_unit_test(a_profile_is_there_without_a_setting),
        cmocka_unit_test(an_empty_setting_counts_as_none),
        cmocka_unit_test(a_setting_knows_its_place),
        cmocka_unit_test(what_is_no_profile_is_refused_by_file_and_line),
        cmocka_unit_test(a_file_with_a_nul_is_no_text),
        cmocka_unit_test(a_file_that_is_not_there_or_too_long_is_said_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
