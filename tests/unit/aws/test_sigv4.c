/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "firebridge/aws/sigv4.h"
#include "firebridge/aws/uri.h"
#include "firebridge/base/time.h"

/* The suite in ../shared/testdata/sigv4 has so many cases; fewer means that some were missed. */
#define CASE_COUNT 38

static char suite[4096];

static bool find_suite(void)
{
    const char *root = getenv("FIREBRIDGE_TESTDATA");
    DIR *folder;

    snprintf(suite, sizeof suite, "%s/sigv4", root == NULL ? "../shared/testdata" : root);
    folder = opendir(suite);
    if (folder == NULL)
        return false;
    closedir(folder);
    return true;
}

static char *read_file(const char *name, const char *file)
{
    char path[4500];
    char *text = calloc(1, 65536);
    FILE *stream;

    snprintf(path, sizeof path, "%s/%s/%s", suite, name, file);
    stream = fopen(path, "r");
    if (stream == NULL)
        fail_msg("%s cannot be read", path);
    assert_non_null(text);
    assert_true(fread(text, 1, 65535, stream) < 65535);
    fclose(stream);
    return text;
}

/* One request.txt, taken apart. */
struct parsed {
    char *text;
    const char *method;
    char *path;
    struct fb_buffer query;
    struct fb_http_header headers[16];
    size_t header_count;
    const char *body;
};

static void parse_query(struct parsed *parsed, char *query)
{
    struct fb_uri_param params[16];
    size_t count = 0;

    for (char *pair = strtok(query, "&"); pair != NULL; pair = strtok(NULL, "&")) {
        char *equals = strchr(pair, '=');

        if (equals != NULL)
            *equals = '\0';
        assert_int_equal(fb_uri_decode(pair), FB_OK);
        if (equals != NULL)
            assert_int_equal(fb_uri_decode(equals + 1), FB_OK);
        params[count++] = (struct fb_uri_param){pair, equals == NULL ? "" : equals + 1};
    }
    assert_int_equal(fb_uri_append_query(&parsed->query, params, count), FB_OK);
}

/* A line that begins with a blank goes on with the header above it. */
static void unfold(char *text)
{
    for (char *s = text; *s != '\0'; s++)
        if (s[0] == '\n' && s[1] == ' ')
            *s = ' ';
}

static void parse_request(struct parsed *parsed, char *text)
{
    char *body = strstr(text, "\n\n");
    char *line_end = strchr(text, '\n');
    char *version, *query;

    *parsed = (struct parsed){.text = text, .method = text, .body = ""};
    fb_buffer_init(&parsed->query, 65536);
    if (body != NULL) {
        parsed->body = body + 2;
        body[1] = '\0';
    }
    unfold(line_end + 1);
    *line_end = '\0';
    for (char *line = strtok(line_end + 1, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        char *colon = strchr(line, ':');

        *colon = '\0';
        parsed->headers[parsed->header_count++] = (struct fb_http_header){line, colon + 1};
    }
    parsed->path = strchr(text, ' ');
    *parsed->path++ = '\0';
    version = strrchr(parsed->path, ' ');
    *version = '\0';
    query = strchr(parsed->path, '?');
    if (query != NULL) {
        *query = '\0';
        parse_query(parsed, query + 1);
    }
    assert_int_equal(fb_buffer_terminate(&parsed->query), FB_OK);
}

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text == NULL ? "" : text;
}

static void check_text(const char *name, const char *file, const char *actual)
{
    char *expected = read_file(name, file);

    if (strcmp(expected, actual) != 0)
        fail_msg("%s/%s:\n%s\n--- but was\n%s", name, file, expected, actual);
    free(expected);
}

static void fill_from_context(struct fb_sigv4_request *request, const json_t *context)
{
    const json_t *keys = json_object_get(context, "credentials");

    request->access_key_id = text_of(keys, "access_key_id");
    request->session_token =
        json_is_true(json_object_get(context, "omit_session_token")) ? "" : text_of(keys, "token");
    request->region = text_of(context, "region");
    request->service = text_of(context, "service");
    request->normalize_path = json_is_true(json_object_get(context, "normalize"));
    request->add_content_sha256 = json_is_true(json_object_get(context, "sign_body"));
    assert_int_equal(fb_time_parse_rfc3339(text_of(context, "timestamp"), &request->time_ms),
                     FB_OK);
}

static void check_case(const char *name)
{
    char *context_text = read_file(name, "context.json");
    json_t *context = json_loads(context_text, 0, NULL);
    struct fb_sigv4_signature signature;
    struct parsed parsed;
    struct fb_sigv4_request request = {.double_encode = true};
    unsigned char key[FB_SIGV4_KEY_BYTES];
    char *authorization;
    char date[FB_SIGV4_DATE_SIZE];

    assert_non_null(context);
    parse_request(&parsed, read_file(name, "request.txt"));
    fill_from_context(&request, context);
    request.method = parsed.method;
    request.path = parsed.path;
    request.query = parsed.query.bytes;
    request.headers = parsed.headers;
    request.header_count = parsed.header_count;
    assert_int_equal(
        fb_sigv4_hash_payload(&(struct iovec){(char *)parsed.body, strlen(parsed.body)}, 1,
                              request.payload_sha256),
        FB_OK);
    fb_sigv4_signature_init(&signature);
    fb_sigv4_format_date(request.time_ms, date);
    assert_int_equal(
        fb_sigv4_derive_key(text_of(json_object_get(context, "credentials"), "secret_access_key"),
                            date, request.region, request.service, key),
        FB_OK);
    assert_int_equal(fb_sigv4_sign(&request, key, &signature), FB_OK);
    check_text(name, "header-canonical-request.txt", signature.canonical_request.bytes);
    check_text(name, "header-string-to-sign.txt", signature.string_to_sign.bytes);
    authorization = strstr(signature.authorization.bytes, "Signature=");
    assert_non_null(authorization);
    check_text(name, "header-signature.txt", authorization + 10);
    fb_sigv4_signature_done(&signature);
    fb_buffer_done(&parsed.query);
    free(parsed.text);
    json_decref(context);
    free(context_text);
}

static void every_case_of_the_suite_is_signed_as_expected(void **state)
{
    struct dirent **names;
    int count, cases = 0;

    (void)state;
    if (!find_suite()) {
        printf("SKIP every_case_of_the_suite_is_signed_as_expected: no %s\n", suite);
        skip();
    }
    count = scandir(suite, &names, NULL, alphasort);
    assert_true(count > 0);
    for (int i = 0; i < count; i++) {
        if (names[i]->d_name[0] != '.') {
            check_case(names[i]->d_name);
            cases++;
        }
        free(names[i]);
    }
    free(names);
    assert_int_equal(cases, CASE_COUNT);
}

static void a_body_in_pieces_has_the_hash_of_the_whole(void **state)
{
    struct iovec pieces[] = {{(char *)"Param1", 6}, {NULL, 0}, {(char *)"=value1", 7}};
    char hex[FB_SHA256_HEX_SIZE];

    (void)state;
    assert_int_equal(fb_sigv4_hash_payload(pieces, 3, hex), FB_OK);
    assert_string_equal(hex, "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e");
    assert_int_equal(fb_sigv4_hash_payload(NULL, 0, hex), FB_OK);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void too_many_headers_are_refused(void **state)
{
    struct fb_http_header headers[40];
    struct fb_sigv4_request request = {.method = "GET",
                                       .path = "/",
                                       .query = "",
                                       .headers = headers,
                                       .header_count = 40,
                                       .access_key_id = "A",
                                       .session_token = "",
                                       .region = "r",
                                       .service = "s"};
    struct fb_sigv4_signature signature;
    unsigned char key[FB_SIGV4_KEY_BYTES] = {0};

    (void)state;
    for (size_t i = 0; i < 40; i++)
        headers[i] = (struct fb_http_header){"x", "y"};
    fb_sigv4_signature_init(&signature);
    assert_int_equal(fb_sigv4_sign(&request, key, &signature), FB_TOO_LARGE);
    fb_sigv4_signature_done(&signature);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_case_of_the_suite_is_signed_as_expected),
        cmocka_unit_test(a_body_in_pieces_has_the_hash_of_the_whole),
        cmocka_unit_test(too_many_headers_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
