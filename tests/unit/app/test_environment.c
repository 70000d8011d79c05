/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/app/environment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "firebridge/app/identity.h"

static const char *const variables[] = {
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_PROFILE",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_CA_BUNDLE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
    "CREDENTIALS_DIRECTORY",
    "STATE_DIRECTORY",
    "HOME",
};

/* No test asks the machine's own metadata service. */
static int clear_variables(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        unsetenv(variables[i]);
    return setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
}

static void expect_region(const struct fb_conf *conf, const char *region)
{
    struct fb_environment *environment = NULL;
    struct fb_error error = {0};

    assert_int_equal(fb_environment_new(conf, fb_clock_system(), &environment, &error), FB_OK);
    assert_string_equal(fb_environment_region(environment), region);
    fb_environment_free(environment);
}

static void the_confs_region_wins_over_the_environments(void **state)
{
    char region[] = "conf-1";
    struct fb_conf conf = {0};

    (void)state;
    setenv("AWS_DEFAULT_REGION", "default-1", 1);
    expect_region(&conf, "default-1");
    setenv("AWS_REGION", "", 1);
    expect_region(&conf, "default-1");
    setenv("AWS_REGION", "region-1", 1);
    expect_region(&conf, "region-1");
    conf.aws.region = region;
    expect_region(&conf, "conf-1");
}

static void the_shared_config_gives_a_region_where_nobody_else_does(void **state)
{
    char path[] = "/tmp/fb-environment-XXXXXX";
    static const char text[] = "[default]\nregion = shared-1\n[profile other]\nregion = other-1\n";
    char profile[] = "other";
    struct fb_conf conf = {0};
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
    close(fd);
    setenv("AWS_CONFIG_FILE", path, 1);
    expect_region(&conf, "shared-1");
    conf.aws.principal.profile = profile;
    expect_region(&conf, "other-1");
    unlink(path);
}

static void without_a_region_it_says_where_it_looked(void **state)
{
    struct fb_conf conf = {0};
    struct fb_environment *environment = NULL;
    struct fb_error error = {0};

    (void)state;
    assert_int_equal(fb_environment_new(&conf, fb_clock_system(), &environment, &error),
                     FB_NOT_FOUND);
    assert_null(environment);
    assert_non_null(strstr(error.message, "no region"));
    setenv("AWS_REGION", "a-region-whose-name-is-longer-than-any-that-there-is-or-ever-will-be-1",
           1);
    assert_int_equal(fb_environment_new(&conf, fb_clock_system(), &environment, &error),
                     FB_INVALID);
}

/* The key id that the environment leads to; empty: none, and `message` is in the reason. */
static void expect_key(const char *id, const char *message)
{
    struct fb_conf conf = {0};
    struct fb_environment *environment = NULL;
    struct fb_credentials credentials = {0};
    struct fb_error error = {0};
    enum fb_status status;

    setenv("AWS_REGION", "r-1", 1);
    assert_int_equal(fb_environment_new(&conf, fb_clock_system(), &environment, &error), FB_OK);
    status = fb_credentials_cache_get(
        fb_principals_find(fb_environment_principals(environment), NULL, FB_SIDE_SOURCE),
        &credentials, &error);
    assert_string_equal(credentials.access_key_id, id);
    if (status != FB_OK && strstr(error.message, message) == NULL)
        fail_msg("%s", error.message);
    fb_credentials_wipe(&credentials);
    fb_environment_free(environment);
}

static void keys_in_the_environment_are_used(void **state)
{
    (void)state;
    setenv("AWS_ACCESS_KEY_ID", "AKID", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
    expect_key("AKID", "");
}

static void a_blank_variable_counts_as_not_set(void **state)
{
    (void)state;
    setenv("AWS_ACCESS_KEY_ID", "", 1);
    setenv("AWS_SECRET_ACCESS_KEY", " \t", 1);
    setenv("AWS_PROFILE", "", 1);
    setenv("AWS_WEB_IDENTITY_TOKEN_FILE", "", 1);
    setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "", 1);
    expect_key("", "web identity: AWS_WEB_IDENTITY_TOKEN_FILE is not set; container: "
                   "AWS_CONTAINER_CREDENTIALS_*_URI is not set; instance metadata");
    setenv("AWS_SECRET_ACCESS_KEY", "left", 1);
    expect_key("", "environment: AWS_ACCESS_KEY_ID is not set; shared files");
    setenv("AWS_SECRET_ACCESS_KEY", " \t", 1);
    setenv("AWS_ACCESS_KEY_ID", "AKID", 1);
    expect_key("", "AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not");
}

static void put_file(const char *path, const char *id)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fprintf(file, "[default]\naws_access_key_id = %s\naws_secret_access_key = S\n", id);
    assert_int_equal(fclose(file), 0);
}

static void the_shared_files_are_the_variables_systemds_or_the_homes(void **state)
{
    char folder[] = "/tmp/fb-environment-XXXXXX";
    char path[128];

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/.aws", folder);
    assert_int_equal(mkdir(path, 0700), 0);
    setenv("HOME", folder, 1);
    setenv("CREDENTIALS_DIRECTORY", folder, 1);
    snprintf(path, sizeof path, "%s/.aws/credentials", folder);
    put_file(path, "HOME");
    expect_key("HOME", "");
    snprintf(path, sizeof path, "%s/aws-credentials", folder);
    put_file(path, "SYSTEMD");
    expect_key("SYSTEMD", "");
    snprintf(path, sizeof path, "%s/other", folder);
    put_file(path, "OTHER");
    setenv("AWS_SHARED_CREDENTIALS_FILE", path, 1);
    expect_key("OTHER", "");
    setenv("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials", 1);
    expect_key("HOME", "");
    unlink(path);
    snprintf(path, sizeof path, "%s/aws-credentials", folder);
    unlink(path);
    snprintf(path, sizeof path, "%s/.aws/credentials", folder);
    unlink(path);
    snprintf(path, sizeof path, "%s/.aws", folder);
    rmdir(path);
    rmdir(folder);
}

/* The address is none, so that nobody is asked, and the reason names it. */
static void the_metadata_services_address_may_be_the_profiles(void **state)
{
    char path[] = "/tmp/fb-environment-XXXXXX";
    static const char text[] = "[default]\nec2_metadata_service_endpoint = of-the-file\n";
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
    close(fd);
    setenv("AWS_CONFIG_FILE", path, 1);
    setenv("AWS_EC2_METADATA_DISABLED", "false", 1);
    expect_key("", "the metadata service's address 'of-the-file'");
    setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "of-the-variable", 1);
    expect_key("", "the metadata service's address 'of-the-variable'");
    unlink(path);
}

static void a_client_has_the_endpoint_of_its_service(void **state)
{
    char s3[] = "https://s3.example";
    char dynamodb[] = "https://db.example";
    char owner[] = "123456789012";
    const struct fb_conf_stream stream = {.requester_pays = true, .expected_bucket_owner = owner};
    struct fb_conf conf = {.aws = {.endpoint_s3 = s3,
                                   .endpoint_dynamodb = dynamodb,
                                   .connect_timeout_ms = 1,
                                   .request_timeout_ms = 2}};
    struct fb_environment *environment = NULL;
    struct fb_client client;
    struct fb_error error = {0};
    struct fb_stop stop;

    (void)state;
    fb_stop_init(&stop, NULL);
    setenv("AWS_REGION", "r-1", 1);
    assert_int_equal(fb_environment_new(&conf, fb_clock_system(), &environment, &error), FB_OK);
    assert_int_equal(fb_environment_client(environment, FB_SIDE_SOURCE, &stream, &stop,
                                           FB_STOP_DRAIN, &client, &error),
                     FB_OK);
    assert_string_equal(client.endpoint, s3);
    assert_string_equal(client.region, "r-1");
    assert_ptr_equal(client.stop, &stop);
    assert_int_equal(client.stop_at, FB_STOP_DRAIN);
    assert_true(client.requester_pays);
    assert_string_equal(client.bucket_owner, owner);
    assert_int_equal(client.connect_timeout_ms, 1);
    assert_int_equal(client.request_timeout_ms, 2);
    fb_environment_client_done(&client);
    assert_int_equal(
        fb_environment_client(environment, FB_SIDE_TABLE, NULL, NULL, FB_STOP_NOT, &client, &error),
        FB_OK);
    assert_string_equal(client.endpoint, dynamodb);
    fb_environment_client_done(&client);
    fb_environment_free(environment);
}

static void a_client_has_what_its_profile_says_of_the_network(void **state)
{
    char path[] = "/tmp/fb-environment-XXXXXX";
    static const char text[] = "[profile p]\nendpoint_url = https://p.example\n[default]\n"
                               "use_dualstack_endpoint = true\n";
    char profile[] = "p";
    struct fb_conf conf = {0};
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
    close(fd);
    setenv("AWS_CONFIG_FILE", path, 1);
    setenv("AWS_REGION", "r-1", 1);
    for (size_t i = 0; i < 2; i++) {
        struct fb_environment *environment = NULL;
        struct fb_client client;
        struct fb_error error = {0};

        assert_int_equal(fb_environment_new(&conf, fb_clock_system(), &environment, &error), FB_OK);
        assert_int_equal(fb_environment_client(environment, FB_SIDE_TABLE, NULL, NULL, FB_STOP_NOT,
                                               &client, &error),
                         FB_OK);
        assert_int_equal(client.use_dualstack, i == 0);
        if (i == 0)
            assert_null(client.endpoint);
        else
            assert_string_equal(client.endpoint, "https://p.example");
        fb_environment_client_done(&client);
        fb_environment_free(environment);
        conf.aws.principal.profile = profile;
    }
    unlink(path);
}

static void expect_state_dir(const struct fb_conf *conf, const char *expected)
{
    char *path = NULL;

    assert_int_equal(fb_environment_state_dir(conf, &path), FB_OK);
    assert_string_equal(path, expected);
    free(path);
}

static void the_state_lies_where_the_conf_or_systemd_says(void **state)
{
    char own[] = "/srv/a:b";
    struct fb_conf conf = {0};

    (void)state;
    expect_state_dir(&conf, FB_CONF_DEFAULT_STATE_DIR);
    setenv("STATE_DIRECTORY", "/var/lib/one:/var/lib/two", 1);
    expect_state_dir(&conf, "/var/lib/one");
    conf.daemon.state_dir = own;
    expect_state_dir(&conf, "/srv/a:b");
}

static void the_identity_names_what_decides_record_numbers(void **state)
{
    char source[] = "s3://bucket/p/";
    char price[] = "price";
    char *types[] = {price};
    struct fb_conf_stream stream = {.source = source,
                                    .max_record_size = 1048576,
                                    .format = FB_FORMAT_CSV,
                                    .delimiter = {.bytes = "\r\n", .size = 2}};
    struct fb_table table = {.arn = "arn:aws:dynamodb:r:1:table/t", .created_ms = 7};
    struct fb_stream_identity identity;
    char fingerprint[FB_FINGERPRINT_SIZE];

    (void)state;
    fb_stream_identity_of(&stream, &table, fingerprint, &identity);
    assert_string_equal(identity.source, source);
    assert_string_equal(identity.table_arn, table.arn);
    assert_int_equal(identity.table_created_ms, 7);
    assert_string_equal(
        identity.fingerprint,
        "records/3 max_record_size=1048576 compression=auto format=csv delimiter=0d0a "
        "separator=00 head=1 types=00000000 mapped=0");
    stream.number_columns = (struct fb_conf_list){.entries = types, .count = 1};
    fb_stream_identity_of(&stream, &table, fingerprint, &identity);
    assert_non_null(strstr(identity.fingerprint, "head=1 types=2dc74ddf mapped=0"));
    stream.columns = stream.number_columns;
    fb_stream_identity_of(&stream, &table, fingerprint, &identity);
    assert_non_null(strstr(identity.fingerprint, "head=0 types=00000000 mapped=0"));
}

#define test(function) cmocka_unit_test_setup(function, clear_variables)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(the_confs_region_wins_over_the_environments),
        test(the_shared_config_gives_a_region_where_nobody_else_does),
        test(without_a_region_it_says_where_it_looked),
        test(keys_in_the_environment_are_used),
        test(a_blank_variable_counts_as_not_set),
        test(the_shared_files_are_the_variables_systemds_or_the_homes),
        test(the_metadata_services_address_may_be_the_profiles),
        test(a_client_has_the_endpoint_of_its_service),
        test(a_client_has_what_its_profile_says_of_the_network),
        test(the_state_lies_where_the_conf_or_systemd_says),
        test(the_identity_names_what_decides_record_numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
