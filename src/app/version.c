/* SPDX-License-Identifier: Apache-2.0 */
#include <curl/curl.h>
#include <expat.h>
#include <jansson.h>
#include <openssl/crypto.h>
#include <sqlite3.h>
#include <stdio.h>
#include <zlib.h>

#include "firebridge/app/cli.h"

/* inih and libsystemd do not tell their versions. */
int fb_cmd_version(void)
{
    const curl_version_info_data *curl = curl_version_info(CURLVERSION_NOW);

    printf("firebridge %s\n\n", FB_VERSION);
    printf("libcurl     %s (%s)\n", curl->version,
           curl->ssl_version != NULL ? curl->ssl_version : "without TLS");
    printf("OpenSSL     %s\n", OpenSSL_version(OPENSSL_VERSION_STRING));
    printf("jansson     %s\n", jansson_version_str());
    printf("zlib        %s\n", zlibVersion());
    printf("expat       %d.%d.%d\n", XML_ExpatVersionInfo().major, XML_ExpatVersionInfo().minor,
           XML_ExpatVersionInfo().micro);
    printf("SQLite      %s\n", sqlite3_libversion());
    puts("inih, libsystemd");
    return FB_EXIT_OK;
}
