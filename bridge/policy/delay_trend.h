/* delay_trend.h -- pure: does a queue grow in the line? From the times at which packets left and arrived: how much later each
 * burst came than the one before, smoothed, and the slope of that over the last bursts against a threshold that adapts to
 * the line's own jitter (draft-ietf-rmcat-gcc-02 section 5; the slope is a line fit instead of a Kalman filter). */
#pragma once

#include <glib.h>

typedef enum { DELAY_STEADY, DELAY_GROWS, DELAY_FALLS } DelaySign;

enum { DELAY_POINTS = 20 };

typedef struct {
    gint64 first_sent_us, sent_us, first_arrival_us, arrival_us;
} DelayBurst;

typedef struct {
    gboolean started, has_last;
    DelayBurst burst, last;
    gint64 origin_us;
    guint n_deltas, n_points, next_point;
    double total_ms, smooth_ms;
    double noise_ms;   /* how much bursts scatter, smoothed */
    double base_ms[2]; /* least smoothed delay of this and the last few seconds */
    gint64 base_us;
    double at_ms[DELAY_POINTS], delay_ms[DELAY_POINTS];
    double threshold, slope, over_ms;
    guint n_over;
    gint64 adapted_us;
    DelaySign sign;
} DelayTrend; /* zero-initialise */

/* One packet that arrived, in the order of sending. The two clocks need not agree. */
void delay_trend_packet(DelayTrend *trend, gint64 sent_us, gint64 arrival_us);
