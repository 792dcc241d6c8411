/* delay_trend.c -- see delay_trend.h. */
#include "bridge/policy/delay_trend.h"

#include <math.h>

enum {
    BURST_US = 5000,
    BURST_ARRIVAL_US_MAX = 100000,
    DELTAS_MAX = 60,
    POINTS_MIN = 8,
    GAP_US = 2000000,
    BASE_US = 5000000
};

static const double SMOOTH = 0.9, GAIN = 4;
static const double QUEUE_MS = 20, SCATTER = 1.5,
                    NOISE_SMOOTH = 0.95; /* a queue is more than that, and more than the line's scatter */
static const double THRESHOLD_START = 12.5, THRESHOLD_MIN = 6, THRESHOLD_MAX = 600;
static const double SPIKE = 15; /* so much above the threshold it is no jitter that one adapts to */
static const double ADAPT_UP = 0.0087, ADAPT_DOWN = 0.039, ADAPT_MS_MAX = 100, OVER_MS = 10;

/* Slope of smoothed delay over arrival time, ms per ms: what the queue grows by in each unit of time. */
static double fit(const DelayTrend *trend) {
    double mean_at = 0, mean_delay = 0, above = 0, below = 0;
    for (guint i = 0; i < trend->n_points; i++) {
        mean_at += trend->at_ms[i] / trend->n_points;
        mean_delay += trend->delay_ms[i] / trend->n_points;
    }
    for (guint i = 0; i < trend->n_points; i++) {
        double at = trend->at_ms[i] - mean_at;
        above += at * (trend->delay_ms[i] - mean_delay);
        below += at * at;
    }
    return below > 0 ? above / below : 0;
}

static void adapt(DelayTrend *trend, double strength, gint64 now_us) {
    double past_ms = trend->adapted_us != 0 ? (double)(now_us - trend->adapted_us) / 1000 : 0;
    trend->adapted_us = now_us;
    if (fabs(strength) > trend->threshold + SPIKE) return;
    double speed = fabs(strength) < trend->threshold ? ADAPT_DOWN : ADAPT_UP;
    trend->threshold += speed * (fabs(strength) - trend->threshold) * CLAMP(past_ms, 0.0, ADAPT_MS_MAX);
    trend->threshold = CLAMP(trend->threshold, THRESHOLD_MIN, THRESHOLD_MAX);
}

/* A slope alone may be chance on a line that scatters: something must have gathered since the best of the last seconds. */
static gboolean is_queue(const DelayTrend *trend) {
    double base_ms = MIN(trend->base_ms[0], trend->base_ms[1]);
    return trend->smooth_ms - base_ms > MAX(QUEUE_MS, SCATTER * trend->noise_ms);
}

static void note_base(DelayTrend *trend, gint64 now_us) {
    if (trend->base_us == 0 || now_us - trend->base_us > BASE_US) {
        trend->base_ms[1] = trend->base_us == 0 ? trend->smooth_ms : trend->base_ms[0];
        trend->base_ms[0] = trend->smooth_ms;
        trend->base_us = now_us;
    }
    trend->base_ms[0] = MIN(trend->base_ms[0], trend->smooth_ms);
}

static void judge(DelayTrend *trend, double slope, double step_ms, gint64 now_us) {
    double strength = MIN(trend->n_deltas, DELTAS_MAX) * slope * GAIN;
    if (strength > trend->threshold && is_queue(trend)) {
        trend->over_ms += trend->n_over == 0 ? step_ms / 2 : step_ms;
        trend->n_over++;
        if (trend->over_ms > OVER_MS && trend->n_over > 1 && slope >= trend->slope) {
            trend->sign = DELAY_GROWS;
            trend->over_ms = 0;
            trend->n_over = 0;
        }
    } else {
        trend->over_ms = 0;
        trend->n_over = 0;
        trend->sign = strength < -trend->threshold ? DELAY_FALLS : DELAY_STEADY;
    }
    trend->slope = slope;
    adapt(trend, strength, now_us);
}

static void end_burst(DelayTrend *trend) {
    if (trend->has_last) {
        double sent_ms = (double)(trend->burst.sent_us - trend->last.sent_us) / 1000;
        double arrival_ms = (double)(trend->burst.arrival_us - trend->last.arrival_us) / 1000;
        trend->n_deltas++;
        trend->total_ms += arrival_ms - sent_ms;
        trend->smooth_ms = SMOOTH * trend->smooth_ms + (1 - SMOOTH) * trend->total_ms;
        trend->noise_ms = NOISE_SMOOTH * trend->noise_ms + (1 - NOISE_SMOOTH) * fabs(arrival_ms - sent_ms);
        note_base(trend, trend->burst.arrival_us);
        trend->at_ms[trend->next_point] = (double)(trend->burst.arrival_us - trend->origin_us) / 1000;
        trend->delay_ms[trend->next_point] = trend->smooth_ms;
        trend->next_point = (trend->next_point + 1) % DELAY_POINTS;
        trend->n_points = MIN(trend->n_points + 1, DELAY_POINTS);
        if (trend->n_points >= POINTS_MIN) judge(trend, fit(trend), sent_ms, trend->burst.arrival_us);
    }
    trend->last = trend->burst;
    trend->has_last = TRUE;
}

/* Sent together, or caught up on the way: then the queue's end is one event. */
static gboolean is_same_burst(const DelayBurst *burst, gint64 sent_us, gint64 arrival_us) {
    if (sent_us - burst->first_sent_us <= BURST_US) return TRUE;
    gint64 later_us = (arrival_us - burst->arrival_us) - (sent_us - burst->sent_us);
    return arrival_us - burst->arrival_us <= BURST_US && later_us < 0 &&
           arrival_us - burst->first_arrival_us < BURST_ARRIVAL_US_MAX;
}

void delay_trend_packet(DelayTrend *trend, gint64 sent_us, gint64 arrival_us) {
    gboolean gap =
        trend->started && (sent_us - trend->burst.sent_us > GAP_US || sent_us < trend->burst.first_sent_us);
    if (!trend->started || gap) {
        double threshold = trend->threshold > 0 ? trend->threshold : THRESHOLD_START;
        *trend = (DelayTrend){ .started = TRUE, .origin_us = arrival_us, .threshold = threshold };
        trend->burst = (DelayBurst){ sent_us, sent_us, arrival_us, arrival_us };
        return;
    }
    if (is_same_burst(&trend->burst, sent_us, arrival_us)) {
        trend->burst.sent_us = MAX(trend->burst.sent_us, sent_us);
        trend->burst.arrival_us = MAX(trend->burst.arrival_us, arrival_us);
        return;
    }
    end_burst(trend);
    trend->burst = (DelayBurst){ sent_us, sent_us, arrival_us, arrival_us };
}
