/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../support/chain.h"
#include "firebridge/aws/providers.h"

struct files_case {
    const char *config, *credentials, *profile;
    enum fb_status status;
    const char *id, *secret, *token; /* or, on failure, what the message has in `id` */
};

static const struct files_case files_cases[] = {
    {NULL, "[default]\naws_access_key_id = AK\naws_secret_access_key = SK\n", NULL, FB_OK, "AK",
     "SK", ""},
    {NULL,
     "# comment\r\n\r\n[other]\r\naws_access_key_id=NO\r\n[default] # here\r\n"
     "aws_access_key_id=AK # mine\r\naws_secret_access_key=S/K+#x=\r\nAWS_SESSION_TOKEN = T==\r\n",
     NULL, FB_OK, "AK", "S/K+#x=", "T=="},
    {NULL, "[p]\naws_access_key_id = AK ; old\naws_secret_access_key =SK", "p", FB_OK, "AK", "SK",
     ""},
    {"[profile p]\naws_access_key_id = CK\naws_secret_access_key = CS\naws_session_token = CT\n",
     "[p]\naws_access_key_id = AK\naws_secret_access_key = SK\n", "p", FB_OK, "AK", "SK", ""},
    {"[profile p]\naws_access_key_id = CK\naws_secret_access_key = CS\naws_session_token = CT\n",
     NULL, "p", FB_OK, "CK", "CS", "CT"},
    {"[profile p]\naws_access_key_id = CK\n", "[p]\naws_secret_access_key = SK\n", "p", FB_OK, "CK",
     "SK", ""},
    {"[default]\ns3 =\n  aws_access_key_id = NESTED\naws_access_key_id = AK\n"
     "aws_secret_access_key = SK\n",
     NULL, NULL, FB_OK, "AK", "SK", ""},
    {"[profile p]\naws_access_key_id = CK\naws_secret_access_key = CS\ncredential_process = /x\n"
     "sso_session = s\n",
     NULL, "p", FB_OK, "CK", "CS", ""},
    {"[p]\naws_access_key_id = AK\n", NULL, "p", FB_INVALID,
     "there is no profile 'p', neither [profile p] in /tmp/", NULL, NULL},
    {NULL, NULL, "gone", FB_INVALID, "there is no profile 'gone'", NULL, NULL},
    {NULL, "[p]\naws_access_key_id = AK\n", "p", FB_INVALID,
     "the profile 'p' has aws_access_key_id, but no aws_secret_access_key", NULL, NULL},
    {NULL, "[p]\naws_access_key_id =\naws_secret_access_key = S\n", "p", FB_INVALID,
     "the profile 'p' has aws_secret_access_key, but no aws_access_key_id", NULL, NULL},
    {NULL, "[p]\naws_access_key_id = A\naws_secret_access_key = S\n more\n", "p", FB_INVALID,
     "the profile 'p': the access key id, the secret access key", NULL, NULL},
    {NULL, "aws_access_key_id = A\n", NULL, FB_INVALID,
     "credentials:1: a setting stands before the first [section]", NULL, NULL},
    {"[profile p]\nsso_session = x\n", NULL, "p", FB_UNSUPPORTED,
     "the profile 'p' signs in through IAM Identity Center (sso_...) or aws login", NULL, NULL},
    {"[profile p]\nlogin_session = x\n", NULL, "p", FB_UNSUPPORTED, "takes a person", NULL, NULL},
    {"[profile p]\nregion = r\n", NULL, "p", FB_NOT_FOUND, "the profile 'p' has no keys", NULL,
     NULL},
    {NULL, NULL, NULL, FB_NOT_FOUND,
     "AWS_ACCESS_KEY_ID is not set; shared files: there is no profile 'default', neither", NULL,
     NULL},
    {"[profile p]\ncredential_process = /nowhere/at/all\n", NULL, "p", FB_UNAVAILABLE,
     "the profile 'p': credential_process /nowhere/at/all cannot be run", NULL, NULL},

    /* Roles that cannot be assumed */
    {"[profile p]\nrole_arn = arn:aws:iam::1:role/r\n", NULL, "p", FB_INVALID,
     "neither source_profile nor credential_source nor web_identity_token_file", NULL, NULL},
    {"[profile p]\nrole_arn = r\nsource_profile = q\ncredential_source = Environment\n", NULL, "p",
     FB_INVALID, "the profile 'p' has source_profile and credential_source", NULL, NULL},
    {"[profile p]\nrole_arn = r\nsource_profile = q\n", NULL, "p", FB_INVALID,
     "the profile 'p' names the source_profile 'q', which is nowhere", NULL, NULL},
    {"[profile p]\nrole_arn = r\nsource_profile = q\n[profile q]\nregion = r\n", NULL, "p",
     FB_INVALID, "the profile 'q' has no keys, and is another's source_profile", NULL, NULL},
    {"[profile p]\nrole_arn = r\nsource_profile = q\n[profile q]\naws_access_key_id = A\n", NULL,
     "p", FB_INVALID, "the profile 'q' has aws_access_key_id, but no", NULL, NULL},
    {"[profile p]\nrole_arn = r\nsource_profile = p\n", NULL, "p", FB_INVALID,
     "runs in a circle: 'p' > 'p'", NULL, NULL},
    {"[profile p]\nrole_arn = r\nsource_profile = q\n[profile q]\nrole_arn = r\n"
     "source_profile = r\n[profile r]\nrole_arn = r\nsource_profile = q\n",
     NULL, "p", FB_INVALID, "runs in a circle: 'p' > 'q' > 'r' > 'q'", NULL, NULL},
    {"[profile p]\nrole_arn = r\nsource_profile = q\nmfa_serial = arn:aws:iam::1:mfa/me\n"
     "[profile q]\n",
     NULL, "p", FB_UNSUPPORTED, "the profile 'p' has mfa_serial, and a daemon has nobody to ask",
     NULL, NULL},
    {"[profile p]\nrole_arn = r\ncredential_source = environment\n", NULL, "p", FB_DENIED,
     "credential_source Environment: AWS_ACCESS_KEY_ID is not set", NULL, NULL},
    {"[profile p]\nrole_arn = r\ncredential_source = Ec2\n", NULL, "p", FB_INVALID,
     "credential_source is Environment, Ec2InstanceMetadata or EcsContainer, not 'Ec2'", NULL,
     NULL},
    {"[profile p]\nrole_arn = r\ncredential_source = EcsContainer\n", NULL, "p", FB_DENIED,
     "credential_source EcsContainer: AWS_CONTAINER_CREDENTIALS_*_URI is not set", NULL, NULL},
    {"[profile p]\nweb_identity_token_file = /t\n", NULL, "p", FB_INVALID,
     "the profile 'p' has web_identity_token_file, but no role_arn", NULL, NULL},
    {"[profile p]\nrole_arn = no\nsource_profile = q\n",
     "[q]\naws_access_key_id = A\naws_secret_access_key = S\n", "p", FB_INVALID,
     "the profile 'p': 'no' is no role's ARN", NULL, NULL},
    {"[profile p]\nrole_arn = arn:aws:iam::1:role/r\nduration_seconds = 1h\nsource_profile = q\n",
     "[q]\naws_access_key_id = A\naws_secret_access_key = S\n", "p", FB_INVALID,
     "duration_seconds takes 900 to 43200, not '1h'", NULL, NULL},
    {"[profile p]\nrole_arn = arn:aws:iam::1:role/r\nrole_session_name = a b\nsource_profile = q\n",
     "[q]\naws_access_key_id = A\naws_secret_access_key = S\n", "p", FB_INVALID,
     "the role session name 'a b' is none", NULL, NULL},
};

static void profiles_give_keys_as_the_sdks_say(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof files_cases / sizeof *files_cases; i++) {
        const struct files_case *c = &files_cases[i];
        struct chain_fixture f;

        chain_set_up(&f);
        chain_write(f.config, c->config);
        chain_write(f.credentials, c->credentials);
        f.options.profile = c->profile;
        chain_expect(&f, chain_get(&f, NULL, 0), c->status, c->id);
        if (c->status == FB_OK) {
            assert_string_equal(f.keys.access_key_id, c->id);
            assert_string_equal(f.keys.secret_access_key, c->secret);
            assert_string_equal(f.keys.session_token, c->token);
            assert_int_equal(f.keys.expires_ms, INT64_MAX);
            assert_ptr_equal(strstr(f.report.source, "shared files: profile "), f.report.source);
        }
        chain_tear_down(&f);
    }
}

static void the_environment_goes_before_the_files(void **state)
{
    struct chain_fixture f;

    (void)state;
    chain_set_up(&f);
    chain_write(f.credentials, "[default]\naws_access_key_id = AK\naws_secret_access_key = SK\n"
                               "[p]\naws_access_key_id = PK\naws_secret_access_key = SK\n");
    f.options.access_key_id = "EK";
    f.options.secret_access_key = "ES";
    f.options.session_token = "ET";
    chain_expect(&f, chain_get(&f, NULL, 0), FB_OK, "");
    assert_string_equal(f.keys.access_key_id, "EK");
    assert_string_equal(f.keys.session_token, "ET");
    assert_string_equal(f.report.source, "environment");
    f.options.profile = "p"; /* AWS_PROFILE */
    chain_expect(&f, chain_get(&f, NULL, 0), FB_OK, "");
    assert_string_equal(f.keys.access_key_id, "EK");
    f.options.profile_is_chosen = true;
    chain_expect(&f, chain_get(&f, NULL, 0), FB_OK, "");
    assert_string_equal(f.keys.access_key_id, "PK");
    f.options.profile_is_chosen = false;
    f.options.access_key_id = NULL; /* a secret alone is none */
    chain_expect(&f, chain_get(&f, NULL, 0), FB_OK, "");
    assert_string_equal(f.keys.access_key_id, "PK");
    f.options.access_key_id = "EK";
    f.options.secret_access_key = NULL;
    chain_expect(&f, chain_get(&f, NULL, 0), FB_INVALID, "AWS_SECRET_ACCESS_KEY is not");
    f.options.secret_access_key = "a\r\nHost: evil";
    chain_expect(&f, chain_get(&f, NULL, 0), FB_CORRUPT, "has a blank or a character");
    assert_null(strstr(f.error.message, "evil"));
    chain_tear_down(&f);
}

static void a_setting_of_the_profile_can_be_asked_for(void **state)
{
    struct chain_fixture f;
    char text[8] = "";

    (void)state;
    chain_set_up(&f);
    chain_write(f.config, "[default]\nregion = r-1\nlong = 12345678\nempty =\n");
    assert_int_equal(fb_shared_files_setting(&f.options, "region", text, sizeof text, &f.error),
                     FB_OK);
    assert_string_equal(text, "r-1");
    assert_int_equal(fb_shared_files_setting(&f.options, "empty", text, sizeof text, &f.error),
                     FB_NOT_FOUND);
    assert_int_equal(fb_shared_files_setting(&f.options, "long", text, sizeof text, NULL),
                     FB_INVALID);
    assert_string_equal(text, "r-1");
    chain_tear_down(&f);
}

static void a_file_that_cannot_be_read_is_named(void **state)
{
    struct chain_fixture f;

    (void)state;
    chain_set_up(&f);
    f.options.credentials_file = f.folder; /* a folder, which root cannot read either */
    chain_expect(&f, chain_get(&f, NULL, 0), FB_NOT_FOUND, "cannot be read: Is a directory");
    f.options.profile = "p";
    chain_expect(&f, chain_get(&f, NULL, 0), FB_IO, "cannot be read: Is a directory");
    chain_tear_down(&f);
}

static void an_over_long_value_is_refused_by_line(void **state)
{
    char text[2048] = "[default]\naws_access_key_id = ";
    struct chain_fixture f;

    (void)state;
    memset(text + strlen(text), 'A', 1000);
    strcat(text, "\naws_secret_access_key = S\n");
    chain_set_up(&f);
    chain_write(f.credentials, text);
    chain_expect(&f, chain_get(&f, NULL, 0), FB_INVALID,
                 "credentials:2: aws_access_key_id is too long");
    assert_null(strstr(f.error.message, "AAAA"));
    chain_tear_down(&f);
}

#define STS "https://sts.eu-west-1.amazonaws.com/"

#define STS_ANSWER(kind, id)                                                                       \
    "<" kind "Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><" kind "Result>"       \
    "<AssumedRoleUser><Arn>x</Arn></AssumedRoleUser><Credentials><AccessKeyId>" id                 \
    "</AccessKeyId><SecretAccessKey>role-secret</SecretAccessKey><SessionToken>role-token"         \
    "</SessionToken><Expiration>2026-11-22T11:00:00Z</Expiration></Credentials></" kind            \
    "Result></" kind "Response>"

#define PLAIN_BODY(role)                                                                           \
    "Version=2011-06-15&Action=AssumeRole&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2F" role           \
    "&RoleSessionName=firebridge&DurationSeconds=3600"

/* That the request is signed by this key, with this token or none. */
static void is_signed_by(const struct fb_http_request *request, const char *id, const char *token)
{
    const char *authorization = script_header(request, "Authorization");
    char expected[128];

    snprintf(expected, sizeof expected,
             "AWS4-HMAC-SHA256 Credential=%s/20261122/eu-west-1/sts/aws4_request", id);
    assert_non_null(authorization);
    assert_ptr_equal(strstr(authorization, expected), authorization);
    if (token == NULL)
        assert_null(script_header(request, "x-amz-security-token"));
    else
        assert_string_equal(script_header(request, "x-amz-security-token"), token);
}

static void is_signed_by_static_keys(const struct fb_http_request *request)
{
    is_signed_by(request, "AK", NULL);
}

static void is_signed_by_the_first_role(const struct fb_http_request *request)
{
    is_signed_by(request, "ONE", "role-token");
}

static void expect_role_keys(const struct chain_fixture *f, const char *id)
{
    assert_string_equal(f->keys.access_key_id, id);
    assert_string_equal(f->keys.secret_access_key, "role-secret");
    assert_string_equal(f->keys.session_token, "role-token");
    assert_int_equal(f->keys.expires_ms, CHAIN_NOW_MS + 3600 * 1000);
}

static void a_role_is_assumed_with_its_sources_keys(void **state)
{
    const struct script_step steps[] = {
        {.method = "POST",
         .url = STS,
         .header = "Content-Type: application/x-www-form-urlencoded",
         .body = "Version=2011-06-15&Action=AssumeRole&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr&"
                 "RoleSessionName=me%40x&DurationSeconds=900&ExternalId=a%2Fb%3D",
         .seen = is_signed_by_static_keys,
         .http_status = 200,
         .answer = STS_ANSWER("AssumeRole", "ONE")}};
    struct chain_fixture f;

    (void)state;
    chain_set_up(&f);
    chain_write(f.config, "[profile p]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = base\n"
                          "role_session_name = me@x\nduration_seconds = 900\nexternal_id = a/b=\n");
    chain_write(f.credentials, "[base]\naws_access_key_id = AK\naws_secret_access_key = SK\n");
    f.options.profile = "p";
    chain_expect(&f, chain_get(&f, steps, 1), FB_OK, "");
    expect_role_keys(&f, "ONE");
    assert_string_equal(f.report.source, "shared files: profile p, arn:aws:iam::1:role/r by base");
    chain_tear_down(&f);
}

static void a_profile_may_be_its_own_source(void **state)
{
    const struct script_step steps[] = {{.url = STS,
                                         .body = PLAIN_BODY("r"),
                                         .seen = is_signed_by_static_keys,
                                         .http_status = 200,
                                         .answer = STS_ANSWER("AssumeRole", "ONE")}};
    struct chain_fixture f;

    (void)state;
    chain_set_up(&f);
    chain_write(f.config,
                "[default]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = default\n");
    chain_write(f.credentials, "[default]\naws_access_key_id = AK\naws_secret_access_key = SK\n");
    chain_expect(&f, chain_get(&f, steps, 1), FB_OK, "");
    expect_role_keys(&f, "ONE");
    chain_tear_down(&f);
}

static void roles_assume_roles(void **state)
{
    const struct script_step steps[] = {{.url = STS,
                                         .body = PLAIN_BODY("first"),
                                         .seen = is_signed_by_static_keys,
                                         .http_status = 200,
                                         .answer = STS_ANSWER("AssumeRole", "ONE")},
                                        {.url = STS,
                                         .body = PLAIN_BODY("second"),
                                         .seen = is_signed_by_the_first_role,
                                         .http_status = 200,
                                         .answer = STS_ANSWER("AssumeRole", "TWO")}};
    struct chain_fixture f;

    (void)state;
    chain_set_up(&f);
    chain_write(f.config,
                "[profile p]\nrole_arn = arn:aws:iam::1:role/second\nsource_profile = q\n"
                "[profile q]\nrole_arn = arn:aws:iam::1:role/first\nsource_profile = base\n"
                "[profile base]\nrole_arn = not/looked/at\nsource_profile = p\n"
                "aws_access_key_id = AK\naws_secret_access_key = SK\n");
    f.options.profile = "p";
    chain_expect(&f, chain_get(&f, steps, 2), FB_OK, "");
    expect_role_keys(&f, "TWO");
    chain_tear_down(&f);
}

static void is_signed_by_the_environment(const struct fb_http_request *request)
{
    is_signed_by(request, "EK", "ET");
}

static void is_signed_by_the_container(const struct fb_http_request *request)
{
    is_signed_by(request, "CK", "CT");
}

#define KEYS_UNTIL(time)                                                                           \
    "{\"AccessKeyId\":\"CK\",\"SecretAccessKey\":\"CS\",\"Token\":\"CT\",\"Expiration\":"          \
    "\"" time "\"}"
#define NEAR_KEYS KEYS_UNTIL("2026-11-22T12:00:00Z")

static void a_role_is_assumed_with_what_credential_source_names(void **state)
{
    const struct script_step by_environment[] = {{.url = STS,
                                                  .seen = is_signed_by_the_environment,
                                                  .http_status = 200,
                                                  .answer = STS_ANSWER("AssumeRole", "ONE")}};
    const struct script_step by_container[] = {
        {.url = "http://169.254.170.2/c", .http_status = 200, .answer = NEAR_KEYS},
        {.url = STS,
         .seen = is_signed_by_the_container,
         .http_status = 200,
         .answer = STS_ANSWER("AssumeRole", "ONE")}};
    const struct script_step by_instance[] = {
        {.method = "PUT", .http_status = 200, .answer = "TOKEN"},
        {.http_status = 200, .answer = "r"},
        {.http_status = 200, .answer = NEAR_KEYS},
        {.url = STS,
         .seen = is_signed_by_the_container,
         .http_status = 200,
         .answer = STS_ANSWER("AssumeRole", "ONE")}};
    struct chain_fixture f;

    (void)state;
    chain_set_up(&f);
    chain_write(f.config,
                "[profile e]\nrole_arn = arn:aws:iam::1:role/r\ncredential_source = Environment\n"
                "[profile c]\nrole_arn = arn:aws:iam::1:role/r\ncredential_source = EcsContainer\n"
                "[profile i]\nrole_arn = arn:aws:iam::1:role/r\n"
                "credential_source = Ec2InstanceMetadata\n");
    f.options.profile_is_chosen = true;
    f.options.profile = "e";
    chain_expect(&f, chain_get(&f, NULL, 0), FB_DENIED, "AWS_ACCESS_KEY_ID is not set");
    f.options.access_key_id = "EK";
    f.options.secret_access_key = "ES";
    f.options.session_token = "ET";
    chain_expect(&f, chain_get(&f, by_environment, 1), FB_OK, "");
    f.options.profile = "c";
    f.options.container_relative_uri = "/c";
    chain_expect(&f, chain_get(&f, by_container, 2), FB_OK, "");
    f.options.profile = "i";
    f.options.imds_disabled = false;
    chain_expect(&f, chain_get(&f, by_instance, 4), FB_OK, "");
    expect_role_keys(&f, "ONE");
    assert_non_null(strstr(f.report.source, "by Ec2InstanceMetadata"));
    chain_tear_down(&f);
}

static void expired_keys_of_imds_assume_a_role(void **state)
{
    const struct script_step steps[] = {
        {.method = "PUT", .http_status = 200, .answer = "TOKEN"},
        {.http_status = 200, .answer = "r"},
        {.http_status = 200, .answer = KEYS_UNTIL("2026-11-22T09:00:00Z")},
        {.url = STS,
         .seen = is_signed_by_the_container,
         .http_status = 200,
         .answer = STS_ANSWER("AssumeRole", "ONE")}};
    const struct script_step of_a_container[] = {
        {.http_status = 200, .answer = KEYS_UNTIL("2026-11-22T09:00:00Z")}};
    struct chain_fixture f;

    (void)state;
    chain_set_up(&f);
    chain_write(f.config, "[profile i]\nrole_arn = arn:aws:iam::1:role/r\n"
                          "credential_source = Ec2InstanceMetadata\n"
                          "[profile c]\nrole_arn = arn:aws:iam::1:role/r\n"
                          "credential_source = EcsContainer\n");
    f.options.profile = "i";
    f.options.imds_disabled = false;
    chain_expect(&f, chain_get(&f, steps, 4), FB_OK, "");
    expect_role_keys(&f, "ONE");
    assert_false(f.report.is_extended);
    f.options.profile = "c";
    f.options.container_relative_uri = "/c";
    chain_expect(&f, chain_get(&f, of_a_container, 1), FB_UNAVAILABLE, "they expired at");
    chain_tear_down(&f);
}

static void is_not_signed(const struct fb_http_request *request)
{
    assert_null(script_header(request, "Authorization"));
    assert_null(script_header(request, "x-amz-date"));
}

#define TOKEN_BODY(name, token)                                                                    \
    "Version=2011-06-15&Action=AssumeRoleWithWebIdentity&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2F" \
    "r&RoleSessionName=" name "&DurationSeconds=3600&WebIdentityToken=" token

static void a_web_identitys_token_is_read_each_time(void **state)
{
    const struct script_step first[] = {{.url = STS,
                                         .body = TOKEN_BODY("me", "a.b%2Bc"),
                                         .seen = is_not_signed,
                                         .http_status = 200,
                                         .answer = STS_ANSWER("AssumeRoleWithWebIdentity", "ONE")}};
    const struct script_step second[] = {
        {.url = STS,
         .body = TOKEN_BODY("firebridge", "d"),
         .http_status = 200,
         .answer = STS_ANSWER("AssumeRoleWithWebIdentity", "TWO")}};
    struct chain_fixture f;

    (void)state;
    chain_set_up(&f);
    f.options.web_identity_token_file = f.file;
    chain_expect(&f, chain_get(&f, NULL, 0), FB_INVALID, "but AWS_ROLE_ARN is not");
    f.options.role_arn = "arn:aws:iam::1:role/r";
    chain_expect(&f, chain_get(&f, NULL, 0), FB_INVALID, "/file does not exist");
    chain_write(f.file, "\n");
    chain_expect(&f, chain_get(&f, NULL, 0), FB_INVALID, "there is none in /tmp/");
    chain_write(f.file, "a.b+c\n");
    f.options.role_session_name = "me";
    chain_expect(&f, chain_get(&f, first, 1), FB_OK, "");
    expect_role_keys(&f, "ONE");
    assert_string_equal(f.report.source, "web identity: arn:aws:iam::1:role/r");
    chain_write(f.file, "d");
    f.options.role_session_name = NULL;
    chain_expect(&f, chain_get(&f, second, 1), FB_OK, "");
    chain_tear_down(&f);
}

static void a_profile_may_have_a_web_identity(void **state)
{
    const struct script_step steps[] = {{.url = STS,
                                         .body = TOKEN_BODY("me", "t"),
                                         .seen = is_not_signed,
                                         .http_status = 200,
                                         .answer = STS_ANSWER("AssumeRoleWithWebIdentity", "ONE")},
                                        {.url = STS,
                                         .body = PLAIN_BODY("second"),
                                         .seen = is_signed_by_the_first_role,
                                         .http_status = 200,
                                         .answer = STS_ANSWER("AssumeRole", "TWO")}};
    struct chain_fixture f;
    char config[512];

    (void)state;
    chain_set_up(&f);
    snprintf(config, sizeof config,
             "[profile q]\nrole_arn = arn:aws:iam::1:role/r\nrole_session_name = me\n"
             "web_identity_token_file = %s\nexternal_id = not-sent\n"
             "[profile p]\nrole_arn = arn:aws:iam::1:role/second\nsource_profile = q\n",
             f.file);
    chain_write(f.config, config);
    chain_write(f.file, "t");
    f.options.profile = "q";
    chain_expect(&f, chain_get(&f, steps, 1), FB_OK, "");
    expect_role_keys(&f, "ONE");
    f.options.profile = "p";
    chain_expect(&f, chain_get(&f, steps, 2), FB_OK, "");
    expect_role_keys(&f, "TWO");
    chain_tear_down(&f);
}

static void the_environment_fills_in_what_a_web_identitys_profile_leaves_out(void **state)
{
    const struct script_step steps[] = {{.url = STS,
                                         .body = TOKEN_BODY("env", "t"),
                                         .seen = is_not_signed,
                                         .http_status = 200,
                                         .answer = STS_ANSWER("AssumeRoleWithWebIdentity", "ONE")}};
    const struct script_step own[] = {{.url = STS,
                                       .body = TOKEN_BODY("me", "t"),
                                       .http_status = 200,
                                       .answer = STS_ANSWER("AssumeRoleWithWebIdentity", "TWO")}};
    struct chain_fixture f;
    char config[512];

    (void)state;
    chain_set_up(&f);
    snprintf(config, sizeof config,
             "[profile q]\nweb_identity_token_file = %s\n"
             "[profile full]\nrole_arn = arn:aws:iam::1:role/r\nrole_session_name = me\n"
             "web_identity_token_file = %s\n"
             "[profile p]\nrole_arn = arn:aws:iam::1:role/second\nsource_profile = q\n",
             f.file, f.file);
    chain_write(f.config, config);
    chain_write(f.file, "t");
    f.options.role_arn = "arn:aws:iam::1:role/r";
    f.options.role_session_name = "env";
    f.options.profile = "q";
    chain_expect(&f, chain_get(&f, steps, 1), FB_OK, "");
    expect_role_keys(&f, "ONE");
    f.options.profile = "full";
    f.options.role_arn = "arn:aws:iam::1:role/not-looked-at";
    chain_expect(&f, chain_get(&f, own, 1), FB_OK, "");
    f.options.profile = "p"; /* another's source is not what the environment speaks of */
    chain_expect(&f, chain_get(&f, NULL, 0), FB_INVALID, "the profile 'q' has web_identity_token");
    f.options.profile = "q";
    f.options.profile_is_chosen = true;
    chain_expect(&f, chain_get(&f, NULL, 0), FB_INVALID, "but no role_arn");
    chain_tear_down(&f);
}

static void what_sts_refuses_is_said_with_the_profile(void **state)
{
    const struct script_step denied[] = {
        {.http_status = 403,
         .answer = "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>User"
                   " x is not authorized to perform: sts:AssumeRole</Message></Error><RequestId>1"
                   "</RequestId></ErrorResponse>"}};
    const struct script_step expired[] = {
        {.http_status = 400,
         .answer = "<ErrorResponse><Error><Code>ExpiredTokenException</Code></Error>"
                   "</ErrorResponse>"},
        {.http_status = 400,
         .answer = "<ErrorResponse><Error><Code>ExpiredTokenException</Code></Error>"
                   "</ErrorResponse>"}};
    struct chain_fixture f;

    (void)state;
    chain_set_up(&f);
    chain_write(f.config, "[profile p]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = base\n");
    chain_write(f.credentials, "[base]\naws_access_key_id = AK\naws_secret_access_key = SK\n");
    f.options.profile = "p";
    chain_expect(&f, chain_get(&f, denied, 1), FB_DENIED,
                 "credentials from shared files: the profile 'p': AssumeRole of "
                 "arn:aws:iam::1:role/r");
    assert_non_null(strstr(f.error.message, "not authorized to perform: sts:AssumeRole"));
    chain_expect(&f, chain_get(&f, expired, 2), FB_EXPIRED, "the profile 'p'");
    chain_tear_down(&f);
}

static void a_role_of_the_conf_renews_its_source_too(void **state)
{
    const struct script_step steps[] = {{.url = "http://sts.example:80/",
                                         .seen = is_signed_by_static_keys,
                                         .http_status = 200,
                                         .answer = STS_ANSWER("AssumeRole", "ONE")}};
    const struct fb_role role = {.arn = "arn:aws:iam::1:role/r", .external_id = "eid"};
    struct fb_credentials_cache *source = NULL, *cache = NULL;
    struct chain_fixture f;

    (void)state;
    chain_set_up(&f);
    chain_write(f.credentials, "[default]\naws_access_key_id = AK\naws_secret_access_key = SK\n");
    assert_int_equal(fb_chain_new(&f.options, &source, &f.error), FB_OK);
    f.options.transport = script_transport_new(steps, 1);
    f.options.sts_endpoint = "http://sts.example:80";
    assert_int_equal(fb_role_chain_new(&f.options, &role, source, &cache, &f.error), FB_OK);
    chain_expect(&f, fb_credentials_cache_get(cache, &f.keys, &f.error), FB_OK, "");
    expect_role_keys(&f, "ONE");
    script_transport_assert_done(f.options.transport);
    fb_credentials_cache_report(cache, &f.report);
    assert_string_equal(f.report.source,
                        "role: arn:aws:iam::1:role/r by shared files: profile default");
    fb_credentials_cache_free(cache);
    fb_credentials_cache_free(source);
    chain_tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(profiles_give_keys_as_the_sdks_say),
        cmocka_unit_test(the_environment_goes_before_the_files),
        cmocka_unit_test(a_setting_of_the_profile_can_be_asked_for),
        cmocka_unit_test(a_file_that_cannot_be_read_is_named),
        cmocka_unit_test(an_over_long_value_is_refused_by_line),
        cmocka_unit_test(a_role_is_assumed_with_its_sources_keys),
        cmocka_unit_test(a_profile_may_be_its_own_source),
        cmocka_unit_test(roles_assume_roles),
        cmocka_unit_test(a_role_is_assumed_with_what_credential_source_names),
        cmocka_unit_test(expired_keys_of_imds_assume_a_role),
        cmocka_unit_test(a_web_identitys_token_is_read_each_time),
        cmocka_unit_test(a_profile_may_have_a_web_identity),
        cmocka_unit_test(the_environment_fills_in_what_a_web_identitys_profile_leaves_out),
        cmocka_unit_test(what_sts_refuses_is_said_with_the_profile),
        cmocka_unit_test(a_role_of_the_conf_renews_its_source_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
