/* SPDX-License-Identifier: Apache-2.0 */
/* What `firebridge skip` asks for while the object is read: the state file says it. */
#include "firebridge/base/log.h"
#include "firebridge/state/skip.h"
#include "stream_private.h"

void fb_stream_take_off(struct fb_stream *stream)
{
    const int64_t now_ms = fb_monotonic_ms(stream->options.clock);
    struct fb_error error = {0};
    uint64_t sequence = 0;
    enum fb_status status;

    if (now_ms - stream->looked_ms < FB_TAKEUP_LOOK_MS)
        return;
    stream->looked_ms = now_ms;
    for (;;) {
        status =
            fb_state_next_asked(stream->options.state, stream->row.id, sequence, &sequence, &error);
        if (status != FB_OK)
            break;
        for (unsigned i = 0; i < stream->options.decoders; i++)
            fb_decoder_skip(stream->readers[i].decoder, sequence);
        fb_event_raise(&stream->pending); /* for one that stands still in a pause */
    }
    /* A state file in trouble is told of by who must write it. */
    if (status != FB_END)
        fb_log_debug("stream %s: cannot look for what is to be skipped: %s", stream->options.name,
                     error.message);
}
