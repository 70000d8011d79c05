/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "firebridge/net/address.h"

static void this_machine_and_the_metadata_addresses_are_near(void **state)
{
    static const struct {
        const char *url;
        bool is_near;
    } cases[] = {
        {"http://localhost/", true},
        {"http://LOCALHOST:80", true},
        {"http://127.0.0.1:8000/x", true},
        {"http://127.255.0.1", true},
        {"http://[::1]:8000/", true},
        {"https://[0:0:0:0:0:0:0:1]", true},
        {"http://169.254.169.254/latest/", true},
        {"http://[fd00:ec2::254]/latest/", true},
        {"http://[FD00:0EC2:0::254]", true},
        {"http://169.254.170.2/v2/x?y", true},
        {"http://169.254.170.23", true},
        {"http://[fd00:ec2::23]", true},
        {"http://169.254.169.253", false},
        {"http://169.254.0.1", false},
        {"http://[fd00:ec2::255]", false},
        {"http://[::ffff:10.0.0.1]", false},
        {"http://128.0.0.1", false},
        {"http://0.0.0.0", false},
        {"http://127.1", false},
        {"http://0x7f000001", false},
        {"http://127.0.0.1.example", false},
        {"http://localhost.example", false},
        {"http://localhost@evil.example/", false},
        {"http://evil.example/@127.0.0.1", false},
        {"http://evil.example?@127.0.0.1", false},
        {"http://evil.example#@127.0.0.1", false},
        {"http://a@b@127.0.0.1/", true},
        {"http:/x://127.0.0.1", false},
        {"127.0.0.1", false},
        {"http://", false},
        {"", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (fb_address_is_near(cases[i].url) != cases[i].is_near)
            fail_msg("%s", cases[i].url);
}

static void a_proxy_is_a_host_with_what_may_stand_around_it(void **state)
{
    static const struct {
        const char *text;
        bool is_proxy;
    } cases[] = {
        {"http://proxy", true},
        {"HTTPS://proxy.example:3128/", true},
        {"proxy:8080", true},
        {"http://user:p%40ss@proxy:8080", true},
        {"http://us@er:pass@proxy", false},
        {"http://[fd00::1]:3128", true},
        {"http://10.0.0.1", true},
        {"", false},
        {"http://", false},
        {"socks5://proxy", false},
        {"http://proxy:0", false},
        {"http://proxy:65536", false},
        {"http://proxy:", false},
        {"http://proxy/path", false},
        {"http://pro xy", false},
        {"http:1?x@proxy", false},
        {"http://proxy\n", false},
        {"http://[::1", false},
        {"http://[fd00c2::1]", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (fb_address_is_proxy(cases[i].text) != cases[i].is_proxy)
            fail_msg("%s", cases[i].text);
}

static void a_peer_is_named_without_what_may_be_secret(void **state)
{
    static const char *const cases[][2] = {
        {"https://user:pass@host/path?query", "host:443"},
        {"http://host?x=1", "host:80"},
        {"http://[::1]:8000/", "[::1]:8000"},
    };
    char peer[FB_PEER_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fb_address_peer(cases[i][0], peer);
        assert_string_equal(peer, cases[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(this_machine_and_the_metadata_addresses_are_near),
        cmocka_unit_test(a_proxy_is_a_host_with_what_may_stand_around_it),
        cmocka_unit_test(a_peer_is_named_without_what_may_be_secret),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
