/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Templates: a line for each case. To add one, write the template, a record, and what comes out:
 * the value in DynamoDB's JSON, or `fault: ` and words of the message. What DynamoDB counts for the
 * value is checked for all of them, against the reader of DynamoDB's own JSON.
 */
#include "feed.h"

#include <time.h>

#include "../../../src/codec/map_template.h"
#include "../../../src/codec/typed.h"
#include "firebridge/codec/validate.h"
#include "map_record.h"

struct template_case {
    const char *template, *record, *expected;
};

#define NINES_38 "99999999999999999999999999999999999999"

static const struct template_case text_cases[] = {
    {"user#{user_id}", "{\"user_id\":42}", "{\"S\":\"user#42\"}"},
    {"{a}#{b}", "{\"a\":\"x\",\"b\":\"y\"}", "{\"S\":\"x#y\"}"},
    {"{a}", "{\"a\":\"x\"}", "{\"S\":\"x\"}"},
    {"plain", "{}", "{\"S\":\"plain\"}"},
    {"{{{a}}}", "{\"a\":1}", "{\"S\":\"{1}\"}"},
    {"{{a}}", "{\"a\":1}", "{\"S\":\"{a}\"}"},
    {"say \"{a}\" \\", "{\"a\":1}", "{\"S\":\"say \\\"1\\\" \\\\\"}"},
    {"tab\t{a}", "{\"a\":1}", "{\"S\":\"tab\\u00091\"}"},
    {"ü{a}", "{\"a\":\"é\"}", "{\"S\":\"üé\"}"},
    {"{a.b.c}", "{\"a\":{\"b\":{\"c\":\"deep\"}}}", "{\"S\":\"deep\"}"},
    {"{a.1}", "{\"a\":[\"x\",\"y\"]}", "{\"S\":\"y\"}"},
    {"{\"id.orig_h\"}", "{\"id.orig_h\":\"10.0.0.1\"}", "{\"S\":\"10.0.0.1\"}"},
    /* A number is its own text. */
    {"{a}", "{\"a\":1.50}", "{\"S\":\"1.50\"}"},
    {"{a}", "{\"a\":1E400}", "{\"S\":\"1E400\"}"},
    {"{a}", "{\"a\":-0}", "{\"S\":\"-0\"}"},
    {"{a}", "{\"a\":true}", "{\"S\":\"true\"}"},
    {"{a}", "{\"a\":\"\"}", "{\"S\":\"\"}"},
    {"{a:as=string}", "{\"a\":1}", "{\"S\":\"1\"}"},
    {"{a:as=string}-", "{\"a\":1}", "{\"S\":\"1-\"}"},
    /* What is escaped in the record is escaped anew. */
    {"{a}", "{\"a\":\"q\\\"b\\\\s\\/\"}", "{\"S\":\"q\\\"b\\\\s/\"}"},
    {"{a}", "{\"a\":\"\\u0000\\n\\u001f\"}", "{\"S\":\"\\u0000\\u000a\\u001f\"}"},
    {"{a}", "{\"a\":\"\\ud83d\\ude00\"}", "{\"S\":\"\xf0\x9f\x98\x80\"}"},
    {"{a}", "{\"a\":\"longer than eight bytes\\tand on\"}",
     "{\"S\":\"longer than eight bytes\\u0009and on\"}"},
    /* What is not there, and what is no text. */
    {"{a}", "{}", "fault: a is not there"},
    {"x{a.b}y", "{\"a\":7}", "fault: a.b is not there"},
    {"{a.2}", "{\"a\":[1,2]}", "fault: a.2 is not there"},
    {"{a}", "{\"a\":null}", "fault: a is null"},
    {"{a}", "{\"a\":[1]}", "fault: a: string: an array is no string"},
    {"{a}", "{\"a\":{}}", "fault: a: string: an object is no string"},
    {"{a}", "{\"a\":1,\"a\":2}", "{\"S\":\"2\"}"},
    /* Defaults. */
    {"{a:default=none}", "{}", "{\"S\":\"none\"}"},
    {"{a:default=none}", "{\"a\":null}", "{\"S\":\"none\"}"},
    {"{a:default=none}", "{\"a\":\"\"}", "{\"S\":\"\"}"},
    {"{a:default=\"\"}", "{}", "{\"S\":\"\"}"},
    {"{a:default=\"a,b}\\\"\\\\\"}", "{}", "{\"S\":\"a,b}\\\"\\\\\"}"},
    {"{a:default=x:y=z}", "{}", "{\"S\":\"x:y=z\"}"},
    {"{a:default=No,upper}", "{}", "{\"S\":\"NO\"}"},
    {"{a:upper,default=No}", "{}", "{\"S\":\"No\"}"},
    {"{a:upper,default=No}", "{\"a\":\"x\"}", "{\"S\":\"X\"}"},
    {"{a:default=7,as=number}", "{}", "{\"N\":\"7\"}"},
    {"{a:time=s,format=%Y,default=never}", "{}", "{\"S\":\"never\"}"},
    {"{@stream:default=x}", "{}", "{\"S\":\"orders\"}"},
    {"{@shard:1:pad=2}", "{}", "{\"S\":\"00\"}"},
    {"{@record:pad=4}-{@bucket}", "{}", "{\"S\":\"0017-b\"}"},
};

static const struct template_case function_cases[] = {
    {"{a:lower}", "{\"a\":\"ÄBc1Z[@\"}", "{\"S\":\"Äbc1z[@\"}"},
    {"{a:upper}", "{\"a\":\"äaz{`\"}", "{\"S\":\"äAZ{`\"}"},
    {"{a:upper}", "{\"a\":true}", "{\"S\":\"TRUE\"}"},
    {"{a:lower}", "{\"a\":[]}", "fault: a: lower: an array"},
    {"{a:trim}", "{\"a\":\" \\t\\nx y\\r \"}", "{\"S\":\"x y\"}"},
    {"{a:trim}", "{\"a\":\"  \"}", "{\"S\":\"\"}"},
    {"{a:trim,upper,lower,trim}", "{\"a\":\" Ab \"}", "{\"S\":\"ab\"}"},
    {"{a:pad=5}", "{\"a\":42}", "{\"S\":\"00042\"}"},
    {"{a:pad=5}", "{\"a\":\"42\"}", "{\"S\":\"00042\"}"},
    {"{a:pad=5}", "{\"a\":\"0042\"}", "{\"S\":\"00042\"}"},
    {"{a:pad=5}", "{\"a\":\"0\"}", "{\"S\":\"00000\"}"},
    {"{a:pad=5}", "{\"a\":12345}", "{\"S\":\"12345\"}"},
    {"{a:pad=1}", "{\"a\":-0.0}", "{\"S\":\"0\"}"},
    /* However it is spelled, it sorts in its place. */
    {"{a:pad=5}", "{\"a\":1.2e3}", "{\"S\":\"01200\"}"},
    {"{a:pad=5}", "{\"a\":42.0}", "{\"S\":\"00042\"}"},
    {"{a:pad=5}", "{\"a\":123456}", "fault: a: pad: more digits"},
    {"{a:pad=5}", "{\"a\":1e5}", "fault: a: pad: more digits"},
    {"{a:pad=5}", "{\"a\":-1}", "fault: a: pad: a negative number"},
    {"{a:pad=5}", "{\"a\":1.5}", "fault: a: pad: not a whole number"},
    {"{a:pad=5}", "{\"a\":\"x\"}", "fault: a: pad: no number"},
    {"{a:pad=5}", "{\"a\":\"\"}", "fault: a: pad: no number"},
    {"{a:pad=5}", "{\"a\":\"1\\u0000\"}", "fault: a: pad: no number"},
    {"{a:pad=5}", "{\"a\":true}", "fault: a: pad: no number"},
    {"{a:slice=0-2,pad=4}", "{\"a\":\"123456\"}", "{\"S\":\"0012\"}"},
    {"{a:slice=2}", "{\"a\":\"hello\"}", "{\"S\":\"llo\"}"},
    {"{a:slice=1-3}", "{\"a\":\"hello\"}", "{\"S\":\"el\"}"},
    {"{a:slice=0-99}", "{\"a\":\"hello\"}", "{\"S\":\"hello\"}"},
    {"{a:slice=9}", "{\"a\":\"hello\"}", "{\"S\":\"\"}"},
    {"{a:slice=1-3}", "{\"a\":\"äöü€\xf0\x9f\x98\x80\"}", "{\"S\":\"öü\"}"},
    {"{a:slice=4}", "{\"a\":\"äöü€\xf0\x9f\x98\x80\"}", "{\"S\":\"\xf0\x9f\x98\x80\"}"},
    {"{a:slice=1-3}", "{\"a\":12345}", "{\"S\":\"23\"}"},
    {"{a:slice=0-2,as=number}", "{\"a\":\"1234\"}", "{\"N\":\"12\"}"},
    {"{a:hash}", "{\"a\":\"abc\"}",
     "{\"S\":\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"}"},
    {"{a:hash=4}", "{\"a\":\"abc\"}", "{\"S\":\"ba78\"}"},
    {"{a:hash=1}", "{\"a\":\"\"}", "{\"S\":\"e\"}"},
    {"{a:lower,hash=4}", "{\"a\":\"ABC\"}", "{\"S\":\"ba78\"}"},
    {"{a:hash,slice=0-4,upper}", "{\"a\":\"abc\"}", "{\"S\":\"BA78\"}"},
};

static const struct template_case time_cases[] = {
    {"{t:time=ms,format=%Y-%m-%dT%H:%M:%SZ}", "{\"t\":1795341600123}",
     "{\"S\":\"2026-11-22T10:00:00Z\"}"},
    {"{t:time=ms}", "{\"t\":1795341600123}", "{\"S\":\"2026-11-22T10:00:00.123Z\"}"},
    {"{t:time=ms}", "{\"t\":\"1795341600123\"}", "{\"S\":\"2026-11-22T10:00:00.123Z\"}"},
    {"{t:time=s}", "{\"t\":1795341600}", "{\"S\":\"2026-11-22T10:00:00Z\"}"},
    {"{t:time=s}", "{\"t\":1.7953416e9}", "{\"S\":\"2026-11-22T10:00:00Z\"}"},
    {"{t:time=s}", "{\"t\":1795341600.5}", "{\"S\":\"2026-11-22T10:00:00.500Z\"}"},
    {"{t:time=s}", "{\"t\":0.0000019}", "{\"S\":\"1970-01-01T00:00:00.000001900Z\"}"},
    {"{t:time=s}", "{\"t\":0.0000000019}", "{\"S\":\"1970-01-01T00:00:00.000000001Z\"}"},
    {"{t:time=us}", "{\"t\":1795341600000001}", "{\"S\":\"2026-11-22T10:00:00.000001Z\"}"},
    {"{t:time=ns}", "{\"t\":1795341600000000001}", "{\"S\":\"2026-11-22T10:00:00.000000001Z\"}"},
    {"{t:time=s}", "{\"t\":0}", "{\"S\":\"1970-01-01T00:00:00Z\"}"},
    {"{t:time=ms}", "{\"t\":-1}", "{\"S\":\"1969-12-31T23:59:59.999Z\"}"},
    {"{t:time=s}", "{\"t\":-62135596800}", "{\"S\":\"0001-01-01T00:00:00Z\"}"},
    {"{t:time=s}", "{\"t\":-62135596801}", "fault: t: time: not in the years 0001 to 9999"},
    {"{t:time=s}", "{\"t\":253402300799.999}", "{\"S\":\"9999-12-31T23:59:59.999Z\"}"},
    {"{t:time=s}", "{\"t\":253402300800}", "fault: t: time: not in the years 0001 to 9999"},
    {"{t:time=ns}", "{\"t\":1e125}", "fault: t: time: not in the years 0001 to 9999"},
    {"{t:time=s}", "{\"t\":1e-130}", "{\"S\":\"1970-01-01T00:00:00Z\"}"},
    {"{t:time=s}", "{\"t\":\"now\"}", "fault: t: time: no number"},
    {"{t:time=s}", "{\"t\":[1]}", "fault: t: time: no number"},
    {"{t:time=s}", "{\"t\":null}", "fault: t is null"},
    {"{@now:time=ms,format=%F}", "{}", "{\"S\":\"2026-11-22\"}"},
    /* RFC 3339. */
    {"{t:time=rfc3339,as=epoch}", "{\"t\":\"2026-11-22T10:00:00Z\"}", "{\"N\":\"1795341600\"}"},
    {"{t:time=rfc3339,as=epoch_ms}", "{\"t\":\"2026-11-22t10:00:00.1239z\"}",
     "{\"N\":\"1795341600123\"}"},
    {"{t:time=rfc3339}", "{\"t\":\"2026-11-22 10:00:00+01:30\"}",
     "{\"S\":\"2026-11-22T08:30:00Z\"}"},
    {"{t:time=rfc3339}", "{\"t\":\"2024-02-29T00:00:00-00:01\"}",
     "{\"S\":\"2024-02-29T00:01:00Z\"}"},
    {"{t:time=rfc3339}", "{\"t\":\"2016-12-31T23:59:60Z\"}", "{\"S\":\"2016-12-31T23:59:59Z\"}"},
    {"{t:time=rfc3339}", "{\"t\":\"2026-02-29T00:00:00Z\"}", "fault: t: time: no time of RFC 3339"},
    {"{t:time=rfc3339}", "{\"t\":\"2026-13-01T00:00:00Z\"}", "fault: no time of RFC 3339"},
    {"{t:time=rfc3339}", "{\"t\":\"2026-11-22T24:00:00Z\"}", "fault: no time of RFC 3339"},
    {"{t:time=rfc3339}", "{\"t\":\"2026-11-22T10:00:00\"}", "fault: no time of RFC 3339"},
    {"{t:time=rfc3339}", "{\"t\":\"2026-11-22T10:00:00+0100\"}", "fault: no time of RFC 3339"},
    {"{t:time=rfc3339}", "{\"t\":\"2026-11-22T10:00:00.Z\"}", "fault: no time of RFC 3339"},
    {"{t:time=rfc3339}", "{\"t\":\"2026-11-22T10:00:00Z \"}", "fault: no time of RFC 3339"},
    {"{t:time=rfc3339}", "{\"t\":\"2026-11-22T10:00:00Z\\u0000\"}", "fault: no time of RFC 3339"},
    {"{t:time=rfc3339}", "{\"t\":\"0000-11-22T10:00:00Z\"}", "fault: no time of RFC 3339"},
    {"{t:time=rfc3339}", "{\"t\":\"0001-01-01T00:00:00+00:01\"}", "fault: no time of RFC 3339"},
    {"{t:time=rfc3339}", "{\"t\":20261122}", "fault: no time of RFC 3339"},
    /* Patterns. */
    {"{t:time=%d/%b/%Y:%H:%M:%S %z}", "{\"t\":\"22/Nov/2026:10:00:00 +0100\"}",
     "{\"S\":\"2026-11-22T09:00:00Z\"}"},
    {"{t:time=%Y%m%d}", "{\"t\":20261122}", "{\"S\":\"2026-11-22T00:00:00Z\"}"},
    {"{t:time=%F %T.%L}", "{\"t\":\"2026-11-22 10:00:00.25\"}",
     "{\"S\":\"2026-11-22T10:00:00.250Z\"}"},
    {"{t:time=%a %b %d %T %Y}", "{\"t\":\"Sun Nov  2 10:00:00 2026\"}",
     "{\"S\":\"2026-11-02T10:00:00Z\"}"},
    {"{t:time=%a %b %d %Y}", "{\"t\":\"SUNDAY november 2 2026\"}",
     "{\"S\":\"2026-11-02T00:00:00Z\"}"},
    {"{t:time=\"%m/%d/%y, %I:%M %p\"}", "{\"t\":\"11/22/26, 12:05 am\"}",
     "{\"S\":\"2026-11-22T00:05:00Z\"}"},
    {"{t:time=%m/%d/%y %I:%M %p}", "{\"t\":\"1/2/69 12:05 PM\"}",
     "{\"S\":\"1969-01-02T12:05:00Z\"}"},
    {"{t:time=%Y-%j}", "{\"t\":\"2024-366\"}", "{\"S\":\"2024-12-31T00:00:00Z\"}"},
    {"{t:time=%Y-%j}", "{\"t\":\"2026-366\"}", "fault: t: time: no time of this pattern"},
    {"{t:time=%s.%L}", "{\"t\":\"1795341600.123\"}", "{\"S\":\"2026-11-22T10:00:00.123Z\"}"},
    {"{t:time=%s%%}", "{\"t\":\"-5%\"}", "{\"S\":\"1969-12-31T23:59:55Z\"}"},
    {"{t:time=%F%z}", "{\"t\":\"2026-11-22Z\"}", "{\"S\":\"2026-11-22T00:00:00Z\"}"},
    {"{t:time=%F%z}", "{\"t\":\"2026-11-22-05\"}", "{\"S\":\"2026-11-22T05:00:00Z\"}"},
    {"{t:time=%F%z}", "{\"t\":\"2026-11-22+05:3\"}", "fault: no time of this pattern"},
    {"{t:time=%F}", "{\"t\":\"2026-11-22x\"}", "fault: no time of this pattern"},
    {"{t:time=%F}", "{\"t\":\"2026-11-\"}", "fault: no time of this pattern"},
    {"{t:time=%F}", "{\"t\":\"\"}", "fault: no time of this pattern"},
    {"{t:time=%F}", "{\"t\":\"26-11-22\"}", "fault: no time of this pattern"},
    {"{t:time=%F}", "{\"t\":\"2026-00-22\"}", "fault: no time of this pattern"},
    {"{t:time=%d %b %Y}", "{\"t\":\"1 Nev 2026\"}", "fault: no time of this pattern"},
    {"{t:time=%F}", "{\"t\":{}}", "fault: no time of this pattern"},
    /* Formats. */
    {"{t:time=ms,format=%H:%M:%S.%L}", "{\"t\":1795341600007}", "{\"S\":\"10:00:00.007\"}"},
    {"{t:time=s,format=\"%j, %s, %y %b %a %I %p %z %%\"}", "{\"t\":1795341600}",
     "{\"S\":\"326, 1795341600, 26 Nov Sun 10 AM +0000 %\"}"},
    {"{t:time=s,format=%F %T %s}", "{\"t\":-62135596800}",
     "{\"S\":\"0001-01-01 00:00:00 -62135596800\"}"},
    {"{t:time=s,format=%a%j}", "{\"t\":951782400}", "{\"S\":\"Tue060\"}"},
    {"{t:time=s,format=%I%p}", "{\"t\":43200}", "{\"S\":\"12PM\"}"},
    {"{t:time=s,format=%I%p}", "{\"t\":0}", "{\"S\":\"12AM\"}"},
    {"{t:time=s,format=%Yü}", "{\"t\":0}", "{\"S\":\"1970ü\"}"},
    {"{t:time=s,format=%H,pad=4}", "{\"t\":3600}", "{\"S\":\"0001\"}"},
    /* Moving. */
    {"{t:time=ms,add=90d,as=epoch}", "{\"t\":1795341600123}", "{\"N\":\"1803117600\"}"},
    {"{t:time=ms,add=-1ms,as=epoch_ms}", "{\"t\":0}", "{\"N\":\"-1\"}"},
    {"{t:time=ms,add=-1ms,as=epoch}", "{\"t\":0}", "{\"N\":\"-1\"}"},
    {"{t:time=s,add=+1w,add=2h,add=3min,add=4s,add=5ms}", "{\"t\":0}",
     "{\"S\":\"1970-01-08T02:03:04.005Z\"}"},
    {"{t:time=s,add=1ms}", "{\"t\":0.999}", "{\"S\":\"1970-01-01T00:00:01Z\"}"},
    {"{t:time=s,add=1s}", "{\"t\":253402300799}", "fault: t: add: not in the years"},
    {"{t:time=s,add=-3652059d}", "{\"t\":253402300799}", "fault: t: add: not in the years"},
    {"{t:time=s,as=string}", "{\"t\":0}", "{\"S\":\"1970-01-01T00:00:00Z\"}"},
    {"at {t:time=s}", "{\"t\":0}", "{\"S\":\"at 1970-01-01T00:00:00Z\"}"},
    {"{t:time=ms,as=epoch}#{t:as=number}", "{\"t\":1500}", "{\"S\":\"1#1500\"}"},
};

static const struct template_case type_cases[] = {
    {"{a:as=number}", "{\"a\":1.50}", "{\"N\":\"1.50\"}"},
    {"{a:as=number}", "{\"a\":\"1.50\"}", "{\"N\":\"1.50\"}"},
    {"{a:as=number}", "{\"a\":\"\\u0031\"}", "{\"N\":\"1\"}"},
    {"{a:as=number}", "{\"a\":-1E-130}", "{\"N\":\"-1E-130\"}"},
    {"{a:as=number}", "{\"a\":" NINES_38 "}", "{\"N\":\"" NINES_38 "\"}"},
    {"{a:as=number}", "{\"a\":1" NINES_38 "}", "fault: a: number: a number of over 38"},
    {"{a:as=number}", "{\"a\":\"1E126\"}", "fault: a: number: a number outside 1E-130"},
    {"{a:as=number}", "{\"a\":\"12,5\"}", "fault: a: number: no number"},
    {"{a:as=number}", "{\"a\":\"NaN\"}", "fault: a: number: no number"},
    {"{a:as=number}", "{\"a\":\" 12\"}", "fault: a: number: no number"},
    {"{a:as=number}", "{\"a\":\"12 \"}", "fault: a: number: no number"},
    {"{a:as=number}", "{\"a\":\"012\"}", "fault: a: number: no number"},
    {"{a:as=number}", "{\"a\":\"0x1\"}", "fault: a: number: no number"},
    {"{a:as=number}", "{\"a\":\"\"}", "fault: a: number: no number"},
    {"{a:as=number}", "{\"a\":true}", "fault: a: number: no number"},
    {"{a:as=number}", "{\"a\":[1]}", "fault: a: number: no number"},
    {"{a:as=number}", "{}", "fault: a is not there"},
    {"{a:trim,as=number}", "{\"a\":\" 12 \"}", "{\"N\":\"12\"}"},
    {"{@record:as=number}", "{}", "{\"N\":\"17\"}"},
    {"{a:as=bool}", "{\"a\":true}", "{\"BOOL\":true}"},
    {"{a:as=bool}", "{\"a\":\"false\"}", "{\"BOOL\":false}"},
    {"{a:lower,as=bool}", "{\"a\":\"TRUE\"}", "{\"BOOL\":true}"},
    {"{a:as=bool}", "{\"a\":\"TRUE\"}", "fault: a: bool: neither true nor false"},
    {"{a:as=bool}", "{\"a\":1}", "fault: a: bool: neither"},
    {"{a:as=bool}", "{\"a\":{}}", "fault: a: bool: neither"},
    {"{a:as=bool}!", "{\"a\":true}", "{\"S\":\"true!\"}"},
    {"{a:as=binary}", "{\"a\":\"Zm9vYg==\"}", "{\"B\":\"Zm9vYg==\"}"},
    {"{a:as=binary}", "{\"a\":\"+\\/+\\/\"}", "{\"B\":\"+/+/\"}"},
    {"{a:as=binary}", "{\"a\":\"\"}", "{\"B\":\"\"}"},
    {"{a:as=binary}", "{\"a\":\"Zm9vYg\"}", "fault: a: binary: no base64"},
    {"{a:as=binary}", "{\"a\":\"Zm9vYh==\"}", "fault: a: binary: no base64"},
    {"{a:as=binary}", "{\"a\":1234}", "fault: a: binary: no base64"},
    {"{a:as=json}", "{\"a\":{\"b\" : [1, \"x\\n\"]}}",
     "{\"S\":\"{\\\"b\\\" : [1, \\\"x\\\\n\\\"]}\"}"},
    {"{a:as=json}", "{\"a\":\"q\\\"\\u00e9\"}", "{\"S\":\"\\\"q\\\\\\\"é\\\"\"}"},
    {"{a:as=json}", "{\"a\":1.50}", "{\"S\":\"1.50\"}"},
    {"{a:as=json}", "{\"a\":false}", "{\"S\":\"false\"}"},
    {"{a:as=json}", "{\"a\":null}", "fault: a is null"},
    {"v={a:as=json}", "{\"a\":[]}", "{\"S\":\"v=[]\"}"},
    {"{a:upper,as=json}", "{\"a\":\"x\"}", "{\"S\":\"\\\"X\\\"\"}"},
    /* Sets. */
    {"{a:as=string_set}", "{\"a\":[\"x\",\"y\",\"x\"]}", "{\"SS\":[\"x\",\"y\"]}"},
    {"{a:as=string_set}", "{\"a\":[ \"x\" , \"\\u0078\" ]}", "{\"SS\":[\"x\"]}"},
    {"{a:as=string_set}", "{\"a\":[\"\",\"a\",\"\"]}", "{\"SS\":[\"\",\"a\"]}"},
    {"{a:as=string_set}", "{\"a\":[\"q\\\"\",\"\\u0000\"]}", "{\"SS\":[\"q\\\"\",\"\\u0000\"]}"},
    {"{a:as=string_set}", "{\"a\":[1,\"1\",1.0,true]}", "{\"SS\":[\"1\",\"1.0\",\"true\"]}"},
    {"{a:as=string_set}", "{\"a\":\"x\"}", "{\"SS\":[\"x\"]}"},
    {"{a:as=string_set}", "{\"a\":\"\"}", "{\"SS\":[\"\"]}"},
    {"{a:as=string_set}", "{\"a\":7}", "{\"SS\":[\"7\"]}"},
    {"{a:lower,as=string_set}", "{\"a\":\"X\"}", "{\"SS\":[\"x\"]}"},
    {"{a:default=none,as=string_set}", "{}", "{\"SS\":[\"none\"]}"},
    {"{a:as=string_set}", "{\"a\":[]}", "fault: a: string_set: an empty set"},
    {"{a:as=string_set}", "{\"a\":[\"x\",null]}",
     "fault: a: string_set: an element of a set is a string, a number or a boolean"},
    {"{a:as=string_set}", "{\"a\":[[\"x\"]]}", "fault: a: string_set: an element of a set is"},
    {"{a:as=string_set}", "{\"a\":{\"x\":1}}", "fault: a: string_set: an object is no string"},
    {"{a:as=number_set}", "{\"a\":[1,2,1.0,10e-1,\"2\"]}", "{\"NS\":[\"1\",\"2\"]}"},
    {"{a:as=number_set}", "{\"a\":[0,-0,0.0,0e5]}", "{\"NS\":[\"0\"]}"},
    {"{a:as=number_set}", "{\"a\":[1,-1,10]}", "{\"NS\":[\"1\",\"-1\",\"10\"]}"},
    {"{a:as=number_set}", "{\"a\":\"1.5\"}", "{\"NS\":[\"1.5\"]}"},
    {"{a:as=number_set}", "{\"a\":[1,\"x\"]}",
     "fault: a: number_set: an element that is no number"},
    {"{a:as=number_set}", "{\"a\":[true]}", "fault: a: number_set: an element that is no number"},
    {"{a:as=number_set}", "{\"a\":[1E126]}",
     "fault: a: number_set: a number of over 38 digits, or"},
    {"{a:as=number_set}", "{\"a\":[]}", "fault: a: number_set: an empty set"},
    {"{a:as=number_set}", "{\"a\":\"x\"}", "fault: a: number_set: no number"},
    /* Lists. */
    {"{a:as=list}", "{\"a\":[1,\"x\",true,null]}",
     "{\"L\":[{\"N\":\"1\"},{\"S\":\"x\"},{\"BOOL\":true},{\"NULL\":true}]}"},
    {"{a:as=list}", "{\"a\":[ [1], {\"b\" : [] , \"b\":2} ]}",
     "{\"L\":[{\"L\":[{\"N\":\"1\"}]},{\"M\":{\"b\":{\"N\":\"2\"}}}]}"},
    {"{a:as=list}", "{\"a\":[]}", "{\"L\":[]}"},
    {"{a:as=list}", "{\"a\":\"x\\\"\"}", "{\"L\":[{\"S\":\"x\\\"\"}]}"},
    {"{a:as=list}", "{\"a\":1.50}", "{\"L\":[{\"N\":\"1.50\"}]}"},
    {"{a:as=list}", "{\"a\":{\"b\":1}}", "{\"L\":[{\"M\":{\"b\":{\"N\":\"1\"}}}]}"},
    {"{a:upper,as=list}", "{\"a\":\"x\"}", "{\"L\":[{\"S\":\"X\"}]}"},
    {"{a:as=list}", "{\"a\":[1E126]}", "fault: a: list: "},
};

/* What is wrong can be said when the conf is read: where, and what would be right. */
static const struct {
    const char *template, *error;
} refusals[] = {
    {"", "column 1: text or a placeholder"},
    {"x{a", "column 2: a placeholder without its closing }"},
    {"x}y", "column 2: a } without its {"},
    {"{}", "column 2: a field's name"},
    {"{a b}", "column 3: a : with functions, or a }, is expected"},
    {"{a.}", "column 4: a field's name"},
    {"{@bukket}", "did you mean @bucket?"},
    {"{a:}", "column 4: a function is expected"},
    {"{a:lower,}", "column 10: a function is expected"},
    {"{a:lower upper}", "column 9: a , or a } is expected"},
    {"{a:lowr}", "column 4: there is no function lowr; did you mean lower?"},
    {"{a:reverse}", "column 4: there is no function reverse; there are time, format"},
    {"{a:lower=x}", "column 10: lower takes no argument"},
    {"{a:pad}", "column 7: pad needs an argument, like pad=10"},
    {"{a:default=}", "column 12: default needs an argument"},
    {"{a:pad=x}", "column 8: pad takes a number of digits, 1 to 126"},
    {"{a:pad=0}", "pad takes a number of digits, 1 to 126"},
    {"{a:pad=127}", "pad takes a number of digits, 1 to 126"},
    {"{a:hash=65}", "column 9: hash takes a number of digits, 1 to 64"},
    {"{a:slice=3-3}", "column 10: slice takes FROM or FROM-TO"},
    {"{a:slice=-3}", "slice takes FROM or FROM-TO"},
    {"{a:slice=1-2-3}", "slice takes FROM or FROM-TO"},
    {"{a:default=x,default=y}", "column 14: a second default"},
    {"{a:format=%Y}", "column 4: format needs a time before it"},
    {"{a:add=1d}", "column 4: add needs a time before it"},
    {"{a:time=ms,time=s}", "column 12: time cannot stand behind a time"},
    {"{a:time=ms,lower}", "column 12: lower cannot stand behind a time; format="},
    {"{a:time=ms,default=x}", "column 12: default cannot stand behind a time"},
    {"{a:time=millis}", "column 9: time is s, ms, us, ns, rfc3339 or a pattern"},
    {"{a:time=%H:%M}", "column 9: a time has a year, a month and a day"},
    {"{a:time=%Y-%d}", "a time has a year, a month and a day"},
    {"{a:time=%F %I}", "%I and %p are read together"},
    {"{a:time=%F %q}", "column 9: a time is made of %Y"},
    {"{a:time=s,format=%}", "a time is made of %Y"},
    {"{a:time=s,format=YYYY}", "column 18: a pattern has conversions"},
    {"{a:time=s,add=90}", "column 15: add takes a duration like 90d"},
    {"{a:time=s,add=1y}", "add takes a duration like 90d"},
    {"{a:time=s,add=d}", "add takes a duration like 90d"},
    {"{a:time=s,add=99999999999d}", "add takes a duration like 90d"},
    {"{a:time=s,add=999999999999999999999999ms}", "add takes a duration like 90d"},
    {"{a:as}", "column 6: as needs an argument"},
    {"{a:as=nummer}", "column 7: there is no type nummer; did you mean number?"},
    {"{a:as=float64}", "column 7: there is no type float64; there are string"},
    {"{a:as=number,default=0}", "column 14: as stands last"},
    {"{a:as=epoch}", "column 4: as=epoch needs a time before it"},
    {"{a:time=s,as=number}", "column 11: a time is as=epoch, epoch_ms or string, and not number"},
    {"{a:time=s,as=list}", "a time is as=epoch, epoch_ms or string, and not list"},
    {"x{a:as=list}", "as=list stands alone"},
    {"{a:as=binary}{b}", "as=binary stands alone"},
    {"{a:default=\"x}", "column 12: the closing \" is missing"},
    {"{a:default=\"x\"y}", "column 15: a , or a } is expected behind the closing quote"},
    {"{a:default=\"\\n\"}", "column 13: between quotes a backslash"},
    {"caf\xe9{a}", "column 4: a byte that is not UTF-8"},
};

static const struct fb_map_object object = {
    .stream = "orders", .bucket = "b", .key = "k", .now_ms = 1795341600123};

static struct fb_map_template *compile(const char *text, struct fb_map_tree *tree)
{
    struct fb_map_template *made = NULL;
    struct fb_error error = {0};

    if (fb_map_template_new(text, tree, &made, &error) != FB_OK)
        fail_msg("%s: %s", text, error.message);
    return made;
}

static struct fb_map_record make_record(const struct fb_map_tree *tree, const char *text)
{
    struct fb_map_record record = map_record(tree, text, strlen(text), &object);

    record.number = 17;
    return record;
}

/* DynamoDB's limits hold for the value, and what is counted for it is what is told. */
static void check_as_dynamodb_does(const char *value, size_t size, uint32_t counted)
{
    static const char head[] = "{\"id\":{\"S\":\"1\"},\"v\":";
    const struct fb_key_schema schema = id_schema();
    struct fb_typed *typed = NULL;
    struct fb_transcoded item;
    struct text text = {0};
    char *copy;

    add(&text, head);
    add_bytes(&text, value, size);
    add(&text, "}");
    copy = padded(text.bytes, text.size);
    assert_int_equal(fb_typed_new(&schema, 1, &typed), FB_OK);
    assert_int_equal(fb_typed_read(typed, fb_json_cursor_begin(copy), false, &item), FB_OK);
    if (item.reason != FB_DEAD_NONE)
        fail_msg("%.200s: %s", value, item.what);
    /* The names id and v, and the key's value. */
    if (item.item_counted_bytes != counted + 4)
        fail_msg("%.200s counts %u, not %u", value, item.item_counted_bytes - 4, counted);
    fb_typed_free(typed);
    free(copy);
    free(text.bytes);
}

static void check_outcome(const struct template_case *c, enum fb_status status,
                          struct fb_map_scratch *scratch, uint32_t counted,
                          const struct fb_map_fault *fault)
{
    static const char fault_mark[] = "fault: ";
    const bool is_fault = strncmp(c->expected, fault_mark, strlen(fault_mark)) == 0;

    if (is_fault) {
        if (status == FB_OK || strstr(fault->message, c->expected + strlen(fault_mark)) == NULL)
            fail_msg("%s of %s: \"%s\" instead of \"%s\"", c->template, c->record,
                     status == FB_OK ? scratch->out.bytes : fault->message, c->expected);
        assert_int_equal(scratch->out.size, 6);
        return;
    }
    if (status != FB_OK)
        fail_msg("%s of %s: %s", c->template, c->record, fault->message);
    assert_int_equal(fb_buffer_terminate(&scratch->out), FB_OK);
    assert_string_equal(scratch->out.bytes + 6, c->expected);
    check_as_dynamodb_does(scratch->out.bytes + 6, scratch->out.size - 6, counted);
}

static void run(const struct template_case *c, struct fb_map_scratch *scratch)
{
    struct fb_map_tree tree;
    struct fb_map_template *made;
    struct fb_map_record record;
    struct fb_map_fault fault = {""};
    uint32_t counted = 0;
    enum fb_status status;
    char *text = padded(c->record, strlen(c->record));

    fb_map_tree_init(&tree, 7);
    made = compile(c->template, &tree);
    record = make_record(&tree, text);
    fb_buffer_reset(&scratch->out);
    assert_int_equal(fb_buffer_append_text(&scratch->out, "before"), FB_OK);
    status = fb_map_template_write(made, &record, scratch, &counted, &fault);
    check_outcome(c, status, scratch, counted, &fault);
    map_record_done(&record);
    fb_map_template_free(made);
    fb_map_tree_done(&tree);
    free(text);
}

static void run_all(const struct template_case *cases, size_t count)
{
    struct fb_map_scratch scratch;

    fb_map_scratch_init(&scratch);
    for (size_t i = 0; i < count; i++)
        run(&cases[i], &scratch);
    fb_map_scratch_done(&scratch);
}

static void text_and_placeholders_make_a_string(void **state)
{
    (void)state;
    run_all(text_cases, COUNT(text_cases));
}

static void functions_apply_from_left_to_right(void **state)
{
    (void)state;
    run_all(function_cases, COUNT(function_cases));
}

static void times_are_read_moved_and_written(void **state)
{
    (void)state;
    run_all(time_cases, COUNT(time_cases));
}

static void types_are_exact(void **state)
{
    (void)state;
    run_all(type_cases, COUNT(type_cases));
}

static void what_is_wrong_is_said_with_its_column(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(refusals); i++) {
        struct fb_map_template *made = NULL;
        struct fb_map_tree tree;
        struct fb_error error = {0};

        fb_map_tree_init(&tree, 7);
        if (fb_map_template_new(refusals[i].template, &tree, &made, &error) != FB_INVALID)
            fail_msg("taken: %s", refusals[i].template);
        if (strstr(error.message, refusals[i].error) == NULL)
            fail_msg("%s: \"%s\" does not say \"%s\"", refusals[i].template, error.message,
                     refusals[i].error);
        fb_map_tree_done(&tree);
    }
}

static void a_template_has_the_type_of_all_its_values(void **state)
{
    static const struct {
        const char *template;
        enum fb_map_type type;
    } cases[] = {
        {"x", FB_MAP_TYPE_STRING},
        {"{a}", FB_MAP_TYPE_STRING},
        {"{a:as=json}", FB_MAP_TYPE_STRING},
        {"{a:time=s}", FB_MAP_TYPE_STRING},
        {"{a:as=number}", FB_MAP_TYPE_NUMBER},
        {"{a:time=s,as=epoch}", FB_MAP_TYPE_NUMBER},
        {"{a:time=s,as=epoch_ms}", FB_MAP_TYPE_NUMBER},
        {"{a:as=number}-", FB_MAP_TYPE_STRING},
        {"{a:as=binary}", FB_MAP_TYPE_BINARY},
        {"{a:as=bool}", FB_MAP_TYPE_OTHER},
        {"{a:as=string_set}", FB_MAP_TYPE_OTHER},
        {"{a:as=number_set}", FB_MAP_TYPE_OTHER},
        {"{a:as=list}", FB_MAP_TYPE_OTHER},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct fb_map_tree tree;
        struct fb_map_template *made;

        fb_map_tree_init(&tree, 7);
        made = compile(cases[i].template, &tree);
        if (fb_map_template_type(made) != cases[i].type)
            fail_msg("%s", cases[i].template);
        fb_map_template_free(made);
        fb_map_tree_done(&tree);
    }
}

/* {"a":BEFORE x x x ... AFTER}, and what the template makes of it. */
static enum fb_status write_of_many(const char *template, const char *before, const char *x,
                                    size_t times, const char *after, struct text *ret_value,
                                    uint32_t *ret_counted)
{
    struct fb_map_scratch scratch;
    struct fb_map_tree tree;
    struct fb_map_template *made;
    struct fb_map_record record;
    struct fb_map_fault fault;
    struct text text = {0};
    char *copy;
    enum fb_status status;

    add(&text, "{\"a\":");
    add(&text, before);
    add_times(&text, x, times);
    add(&text, after);
    add(&text, "}");
    copy = padded(text.bytes, text.size);
    fb_map_scratch_init(&scratch);
    fb_map_tree_init(&tree, 7);
    made = compile(template, &tree);
    record = make_record(&tree, copy);
    status = fb_map_template_write(made, &record, &scratch, ret_counted, &fault);
    if (status == FB_OK)
        add_bytes(ret_value, scratch.out.bytes, scratch.out.size);
    else
        add(ret_value, fault.message);
    map_record_done(&record);
    fb_map_template_free(made);
    fb_map_tree_done(&tree);
    fb_map_scratch_done(&scratch);
    free(copy);
    free(text.bytes);
    return status;
}

static void a_value_may_fill_an_item_and_no_more(void **state)
{
    static const struct {
        const char *template, *before, *x, *after;
        size_t times;
        enum fb_status status;
        uint32_t counted;
    } cases[] = {
        {"{a}", "\"", "x", "\"", 409600, FB_OK, 409600},
        {"{a}", "\"", "x", "\"", 409601, FB_TOO_LARGE, 0},
        {"{a}", "\"", "\\u0000", "\"", 409600, FB_OK, 409600},
        {"{a:upper}", "\"", "x", "\"", 409601, FB_TOO_LARGE, 0},
        {"{a}{a}", "\"", "x", "\"", 204800, FB_OK, 409600},
        {"{a}{a}", "\"", "x", "\"", 204801, FB_TOO_LARGE, 0},
        {"{a}", "\"", "x", "\"", 4096000, FB_TOO_LARGE, 0},
        {"{a:lower}", "\"", "x", "\"", 4096000, FB_TOO_LARGE, 0},
        {"{a:as=binary}", "\"", "AAAA", "\"", 136533, FB_OK, 409599},
        {"{a:as=binary}", "\"", "AAAA", "\"", 136534, FB_TOO_LARGE, 0},
        {"{a:as=list}", "[", "0,", "0]", 204797, FB_OK, 409599},
        {"{a:as=list}", "[", "0,", "0]", 204798, FB_TOO_LARGE, 0},
        {"{a:as=string_set}", "[\"x\"", ",\"x\"", "]", 100000, FB_OK, 1},
        {"{a:as=string_set}", "[\"x\"", ",\"x\"", "]", 1000000, FB_TOO_LARGE, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct text value = {0};
        uint32_t counted = 0;
        const enum fb_status status =
            write_of_many(cases[i].template, cases[i].before, cases[i].x, cases[i].times,
                          cases[i].after, &value, &counted);

        if (status != cases[i].status)
            fail_msg("%s, case %zu: %.100s", cases[i].template, i, value.bytes);
        assert_int_equal(counted, cases[i].counted);
        free(value.bytes);
    }
}

static void a_large_set_has_each_element_once(void **state)
{
    struct fb_map_scratch scratch;
    struct fb_map_tree tree;
    struct fb_map_template *made;
    struct fb_map_record record;
    struct fb_map_fault fault;
    struct text text = {0};
    uint32_t counted;
    size_t commas = 0;

    (void)state;
    add(&text, "{\"a\":[0");
    for (unsigned i = 1; i < 60000; i++) {
        char element[32];

        snprintf(element, sizeof element, i % 2 ? ",%u" : ",%u.0", i % 30000);
        add(&text, element);
    }
    add_bytes(&text, "]}\0", 3);
    add_bytes(&text, (char[FB_TEXT_SLACK]){0}, FB_TEXT_SLACK);
    fb_map_scratch_init(&scratch);
    fb_map_tree_init(&tree, 7);
    made = compile("{a:as=number_set}", &tree);
    record = make_record(&tree, text.bytes);
    assert_int_equal(fb_map_template_write(made, &record, &scratch, &counted, &fault), FB_OK);
    for (size_t i = 0; i < scratch.out.size; i++)
        commas += scratch.out.bytes[i] == ',';
    assert_int_equal(commas, 30000 - 1);
    check_as_dynamodb_does(scratch.out.bytes, scratch.out.size, counted);
    map_record_done(&record);
    fb_map_template_free(made);
    fb_map_tree_done(&tree);
    fb_map_scratch_done(&scratch);
    free(text.bytes);
}

/* Nesting of 32 levels, the item's own among them. */
static void a_list_nests_as_deep_as_dynamodb_lets_it(void **state)
{
    static const char brackets[] =
        "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]";

    (void)state;
    for (size_t depth = 30; depth <= 32; depth++) {
        struct text value = {0};
        uint32_t counted;
        char list[65] = "";
        const enum fb_status expected = depth <= 31 ? FB_OK : FB_INVALID;

        memcpy(list, brackets + 32 - depth, 2 * depth);
        assert_int_equal(write_of_many("{a:as=list}", list, "", 0, "", &value, &counted), expected);
        free(value.bytes);
    }
}

/* Every day of the calendar, by the C library's own. */
static void days_are_those_of_the_c_library(void **state)
{
    char text[64 + FB_TEXT_SLACK] = "{\"t\":0}";
    struct fb_map_scratch scratch;
    struct fb_map_tree tree;
    struct fb_map_template *made;
    struct fb_map_record record;
    size_t days = 0;

    (void)state;
    fb_map_scratch_init(&scratch);
    fb_map_tree_init(&tree, 7);
    made = compile("{t:time=s,format=%Y-%m-%d %j %a %b %H:%M:%S}", &tree);
    record = make_record(&tree, text);
    for (int64_t s = -62135596800 + 3723; s < 253402300800; s += 86400, days++) {
        const time_t seconds = (time_t)s;
        struct fb_map_fault fault;
        struct tm tm;
        char expected[64];
        size_t size;
        uint32_t counted;

        snprintf(text, sizeof text, "{\"t\":%lld}", (long long)s);
        gmtime_r(&seconds, &tm);
        size = strftime(expected, sizeof expected, "-%m-%d %j %a %b %H:%M:%S", &tm);
        fb_buffer_reset(&scratch.out);
        assert_int_equal(fb_map_template_write(made, &record, &scratch, &counted, &fault), FB_OK);
        assert_memory_equal(scratch.out.bytes + strlen("{\"S\":\"2026"), expected, size);
    }
    assert_int_equal(days, 3652059);
    map_record_done(&record);
    fb_map_template_free(made);
    fb_map_tree_done(&tree);
    fb_map_scratch_done(&scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_and_placeholders_make_a_string),
        cmocka_unit_test(functions_apply_from_left_to_right),
        cmocka_unit_test(times_are_read_moved_and_written),
        cmocka_unit_test(types_are_exact),
        cmocka_unit_test(what_is_wrong_is_said_with_its_column),
        cmocka_unit_test(a_template_has_the_type_of_all_its_values),
        cmocka_unit_test(a_value_may_fill_an_item_and_no_more),
        cmocka_unit_test(a_large_set_has_each_element_once),
        cmocka_unit_test(a_list_nests_as_deep_as_dynamodb_lets_it),
        cmocka_unit_test(days_are_those_of_the_c_library),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
