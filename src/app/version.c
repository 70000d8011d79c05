/* SPDX-License-Identifier: Apache-2.0 */
#include <curl/curl.h>
#include <expat.h>
#include <jansson.h>
#include <openssl/crypto.h>
#include <sqlite3.h>
#include <stdio.h>
#include <zlib.h>

#include "firebridge/app/cli.h"
#include "firebridge/app/command.h"
#include "firebridge/codec/inflate.h"

static void print_compressions(const char *what, bool is_built)
{
    const char *glue = what;
    const char *name;

    for (size_t i = 0; (name = fb_inflate_codec_name(i)) != NULL; i++) {
        if (fb_inflate_codec_is_built(i) != is_built)
            continue;
        printf("%s %s", glue, name);
        glue = ",";
    }
    if (glue != what)
        putchar('\n');
}

/* The last ones do not tell their versions. */
static int run_version(const void *row, char *const *operands, int operand_count)
{
    const curl_version_info_data *curl = curl_version_info(CURLVERSION_NOW);

    (void)row;
    (void)operands;
    (void)operand_count;
    printf("firebridge %s\n\n", FB_VERSION);
    printf("libcurl     %s (%s)\n", curl->version,
           curl->ssl_version != NULL ? curl->ssl_version : "without TLS");
    printf("OpenSSL     %s\n", OpenSSL_version(OPENSSL_VERSION_STRING));
    printf("jansson     %s\n", jansson_version_str());
    printf("zlib        %s\n", zlibVersion());
    printf("expat       %d.%d.%d\n", XML_ExpatVersionInfo().major, XML_ExpatVersionInfo().minor,
           XML_ExpatVersionInfo().micro);
    printf("SQLite      %s\n", sqlite3_libversion());
    printf("inih, libsystemd%s%s%s%s\n\n", FB_HAVE_jq ? ", libjq" : "",
           FB_HAVE_libmicrohttpd ? ", libmicrohttpd" : "", FB_HAVE_jq ? "" : "; without libjq",
           FB_HAVE_libmicrohttpd ? "" : "; without libmicrohttpd");
    print_compressions("reads", true);
    print_compressions("built without", false);
    return FB_EXIT_OK;
}

extern const struct fb_command fb_command_version;
const struct fb_command fb_command_version = {
    .name = "version",
    .summary = "print the version, and those of the libraries",
    .help = "Prints the version of firebridge and of the libraries it runs with.\n",
    .run = run_version,
};
