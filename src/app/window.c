/* SPDX-License-Identifier: Apache-2.0 */
#include "window.h"

#include <string.h>

void fb_window_look(struct fb_window *window, int64_t now_ms,
                    const uint64_t values[FB_WINDOW_VALUES])
{
    const size_t last = (window->count + FB_WINDOW_LOOKS - 1) % FB_WINDOW_LOOKS;
    const size_t next = window->count % FB_WINDOW_LOOKS;

    if (window->count > 0 && now_ms - window->looks[last].at_ms < FB_WINDOW_LOOK_MS)
        return;
    window->looks[next].at_ms = now_ms;
    memcpy(window->looks[next].values, values, sizeof window->looks[next].values);
    window->count++;
}

double fb_window_rate(const struct fb_window *window, enum fb_window_value value)
{
    const size_t first = window->count < FB_WINDOW_LOOKS ? 0 : window->count % FB_WINDOW_LOOKS;
    const size_t last = (window->count + FB_WINDOW_LOOKS - 1) % FB_WINDOW_LOOKS;
    int64_t took_ms;

    if (window->count < 2)
        return 0;
    took_ms = window->looks[last].at_ms - window->looks[first].at_ms;
    return (double)(window->looks[last].values[value] - window->looks[first].values[value]) * 1000 /
           (double)took_ms;
}
