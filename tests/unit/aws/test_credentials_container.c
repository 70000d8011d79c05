/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../support/chain.h"

#define KEYS                                                                                       \
    "{\"AccessKeyId\":\"ASIA\",\"SecretAccessKey\":\"SK\",\"Token\":\"T\",\"Expiration\":"         \
    "\"2026-11-22T11:00:00Z\"}"

static void has_no_authorization(const struct fb_http_request *request)
{
    assert_null(script_header(request, "Authorization"));
}

static void ecs_gives_keys_at_its_own_address(void **state)
{
    const struct script_step steps[] = {{.method = "GET",
                                         .url = "http://169.254.170.2/v2/credentials/1",
                                         .seen = has_no_authorization,
                                         .http_status = 200,
                                         .answer = KEYS}};
    struct chain_fixture f;

    (void)state;
    chain_set_up(&f);
    f.options.container_relative_uri = "/v2/credentials/1";
    f.options.container_full_uri = "https://not.asked/";
    chain_expect(&f, chain_get(&f, steps, 1), FB_OK, "");
    assert_string_equal(f.keys.access_key_id, "ASIA");
    assert_string_equal(f.keys.session_token, "T");
    assert_int_equal(f.keys.expires_ms, CHAIN_NOW_MS + 3600 * 1000);
    assert_string_equal(f.report.source, "container: 169.254.170.2:80");
    chain_tear_down(&f);
}

static void the_token_of_the_file_goes_before_the_variables(void **state)
{
    const struct script_step by_file[] = {{.url = "http://169.254.170.23/v1/credentials",
                                           .header = "Authorization: of the file",
                                           .http_status = 200,
                                           .answer = KEYS}};
    const struct script_step by_variable[] = {
        {.header = "Authorization: of the variable", .http_status = 200, .answer = KEYS}};
    struct chain_fixture f;

    (void)state;
    chain_set_up(&f);
    f.options.container_full_uri = "http://169.254.170.23/v1/credentials";
    f.options.container_token = "of the variable";
    chain_expect(&f, chain_get(&f, by_variable, 1), FB_OK, "");
    f.options.container_token_file = f.file;
    chain_expect(&f, chain_get(&f, NULL, 0), FB_INVALID, "_TOKEN_FILE: ");
    chain_write(f.file, "of the file");
    chain_expect(&f, chain_get(&f, by_file, 1), FB_OK, "");
    chain_tear_down(&f);
}

static void a_token_with_a_lines_end_is_refused(void **state)
{
    static const char *const tokens[] = {"a\nX-Evil: b", "a\r", "a\n"};
    struct chain_fixture f;

    (void)state;
    chain_set_up(&f);
    f.options.container_full_uri = "http://localhost/";
    for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++) {
        f.options.container_token_file = NULL;
        f.options.container_token = tokens[i];
        chain_expect(&f, chain_get(&f, NULL, 0), FB_INVALID, "TOKEN has a line's end in it");
        assert_null(strstr(f.error.message, "Evil"));
        chain_write(f.file, tokens[i]);
        f.options.container_token_file = f.file;
        chain_expect(&f, chain_get(&f, NULL, 0), FB_INVALID, "/file has a line's end in it");
    }
    chain_tear_down(&f);
}

struct address_case {
    const char *url;
    const char *message; /* NULL: it is asked */
};

static const struct address_case addresses[] = {
    {"https://keys.example/a?b=c", NULL},
    {"http://localhost:8080/a", NULL},
    {"http://127.0.0.1/", NULL},
    {"http://127.1.2.3:80/", NULL},
    {"http://[::1]:80/", NULL},
    {"http://169.254.170.2/x", NULL},
    {"http://169.254.170.23/x", NULL},
    {"http://[fd00:ec2::23]/x", NULL},
    {"http://[fd00:0ec2:0::23]/x", NULL},
    {"http://keys.example/", "keys.example, which is reached by https only"},
    {"http://169.254.169.254/", "169.254.169.254, which is reached by https only"},
    {"http://128.0.0.1/", "reached by https only"},
    {"http://127.0.0.1.evil.example/", "reached by https only"},
    {"http://[fd00:ec2::24]/", "reached by https only"},
    {"http://localhost@evil.example/", "is no http:// or https:// address"},
    {"http:///x", "is no http:// or https:// address"},
    {"ftp://localhost/", "is no http:// or https:// address"},
    {"localhost", "is no http:// or https:// address"},
    {"http://[::1/", "is no http:// or https:// address"},
    {"http://localhost/a b", "has a blank in it"},
};

static void keys_are_asked_for_in_the_clear_only_where_nobody_listens(void **state)
{
    struct chain_fixture f;

    (void)state;
    chain_set_up(&f);
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
        const struct address_case *c = &addresses[i];
        const struct script_step steps[] = {{.url = c->url, .http_status = 200, .answer = KEYS}};

        f.options.container_full_uri = c->url;
        chain_expect(&f, chain_get(&f, steps, c->message == NULL),
                     c->message == NULL ? FB_OK : FB_INVALID, c->message);
    }
    f.options.container_full_uri = NULL;
    f.options.container_relative_uri = "@evil.example/";
    chain_expect(&f, chain_get(&f, NULL, 0), FB_INVALID, "does not begin with /");
    chain_tear_down(&f);
}

static void what_the_container_cannot_say_is_an_error(void **state)
{
    const struct script_step denied[] = {
        {.http_status = 403, .answer = "{\"message\":\"secret things\"}"}};
    const struct script_step bad[] = {{.http_status = 200, .answer = "{\"Token\":\"T\"}"}};
    const struct script_step down[] = {{.http_status = 500},
                                       {.status = FB_UNAVAILABLE, .reason = "refused"},
                                       {.http_status = 503}};
    struct chain_fixture f;

    (void)state;
    chain_set_up(&f);
    f.options.container_full_uri = "http://localhost/";
    chain_expect(&f, chain_get(&f, denied, 1), FB_DENIED, "HTTP 403; AWS_CONTAINER_");
    assert_null(strstr(f.error.message, "secret"));
    chain_expect(&f, chain_get(&f, bad, 1), FB_CORRUPT, "what localhost:80 answers holds no keys");
    chain_expect(&f, chain_get(&f, down, 3), FB_UNAVAILABLE, "localhost:80 answered HTTP 503");
    chain_tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ecs_gives_keys_at_its_own_address),
        cmocka_unit_test(the_token_of_the_file_goes_before_the_variables),
        cmocka_unit_test(a_token_with_a_lines_end_is_refused),
        cmocka_unit_test(keys_are_asked_for_in_the_clear_only_where_nobody_listens),
        cmocka_unit_test(what_the_container_cannot_say_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
