/* downlink_state.h -- inside of a downlink and of the fan-out; only downlink*.c and fanout.c look here.
 * Way of a frame: fanout_video -> downlink_take (wanted?) -> pending queue -> downlink_pump (pace) -> downlink_packet.c
 * (headers, what was sent where) -> transport. Feedback comes back through downlink_report.c. */
#pragma once

#include "bridge/media/downlink.h"
#include "bridge/media/stream_store.h"
#include "bridge/policy/bandwidth.h"
#include "bridge/policy/ladder.h"

enum {
    SLICE_PACKETS = 16, /* one GSO send */
    SENT_FRAMES = 256,  /* 10 s at 25 frames a second */
    PENDING_MAX = 160,  /* the stored frames of a join and what comes meanwhile */
    RESENT_SLOTS = 256,
    JOIN_AGE_US = 3000000 /* older stored pictures would take too long to catch up from */
};

/* ---- fan-out ---- */
typedef struct {
    StreamId stream;
    StreamStore store;
    GPtrArray *watchers; /* Downlink */
} FanoutStream;

struct Fanout {
    FanoutEvents events;
    gpointer user;
    GHashTable *streams;     /* StreamId -> FanoutStream */
    GHashTable *conferences; /* id -> GPtrArray of Downlink that hear */
    GPtrArray *downlinks;
    RtpOut slice[SLICE_PACKETS]; /* room for what is being sent */
    FanoutStats stats;
    guint next_phase;
};

void fanout_add(Fanout *fanout, Downlink *downlink);
void fanout_remove(Fanout *fanout, Downlink *downlink);
void fanout_subscribe(Fanout *fanout, StreamId stream, Downlink *downlink); /* twice is fine */
void fanout_unsubscribe(Fanout *fanout, StreamId stream, Downlink *downlink);
const StreamStore *fanout_store(const Fanout *fanout, StreamId stream); /* NULL: nothing came yet */
void fanout_ask_keyframe(Fanout *fanout, StreamId stream);

/* ---- downlink ---- */

/* One frame as it left: enough to make any of its packets again. */
typedef struct {
    guint16 first_sequence, n_packets;
    guint16 picture_id;
    guint8 tl0_index;
    StreamId stream;
    guint64 frame_index;
    guint32 rtp_time;
} SentFrame;

typedef struct {
    Block *block;
    guint next;      /* packet */
    guint sent;      /* slot of its SentFrame, once next > 0 */
    gboolean replay; /* from the store */
    gint64 due_us, queued_us;
} Pending;

/* The map from RTP time to capture time that sender reports state. */
typedef struct {
    guint rate_hz;
    gboolean known, told_once;
    guint32 measured, told; /* RTP time minus capture time in ticks, modulo 2^32 */
    guint32 n_packets, n_bytes;
} SentClock;

struct Downlink {
    Fanout *fanout;
    Transport *transport;
    DownlinkConfig config;
    DownlinkEvents events;
    gpointer user;
    gboolean hears;
    gint64
        ntp_offset_us; /* UTC minus monotonic, fixed: steps of the wall clock must not look like round trips */
    gint64 next_report_us, next_choice_us;

    guint16 audio_sequence;
    guint32 audio_offset;
    gboolean talking; /* the last tick had a packet */
    SentClock audio_clock;

    DownlinkRung rungs[DOWNLINK_RUNGS_MAX];
    guint n_rungs, rung_max;
    Ladder ladder;
    Bandwidth bandwidth;
    StreamId current, wished; /* sent now; sent from its next keyframe on. 0: none */
    gboolean waiting;         /* nothing but a keyframe may leave */
    gint64 wished_us, asked_us, keyframe_us, pli_us;
    guint phase; /* of the spread over the tick */

    guint16 sequence, rtx_sequence, picture_id;
    guint8 tl0_offset, tl0_last;
    guint32 time_offset, time_last;
    gint64 capture_last_us;
    gboolean started; /* a frame has left */
    SentClock clock;
    SentFrame sent[SENT_FRAMES];
    guint next_sent;

    Pending pending[PENDING_MAX];
    guint first_pending, n_pending;
    double tokens; /* bytes that may leave */
    gint64 tokens_us, slice_us, latency_us;
    guint slice_packets;

    struct {
        guint16 sequence;
        gint64 at_us;
    } resent[RESENT_SLOTS];
    double resend_tokens;
    gint64 resend_tokens_us;
    DownlinkStats stats;
};

/* downlink.c */
gboolean downlink_is_live(const Downlink *downlink);
void downlink_need_keyframe(Downlink *downlink, gint64 now_us); /* the picture must start afresh */
void downlink_choose(Downlink *downlink, gint64 now_us);        /* every few 100 ms: which rung */
void downlink_on_picture_lost(Downlink *downlink, gint64 now_us);

/* downlink_queue.c */
void downlink_take(Downlink *downlink, Block *block, gint64 now_us);
void downlink_pump(Downlink *downlink, gint64 now_us);
gboolean downlink_join(Downlink *downlink,
                       gint64 now_us);          /* from the store; FALSE: it has no fresh keyframe */
void downlink_drop_pending(Downlink *downlink); /* all but a frame that is under way */

/* downlink_packet.c */
guint downlink_begin_frame(Downlink *downlink, const Block *block, gint64 shift_us); /* -> slot of sent[] */
/* Packets first .. first+n-1 (n <= SLICE_PACKETS). Returns the bytes that left or were tried. */
gsize downlink_send_packets(Downlink *downlink, const Block *block, guint sent_slot, guint first, guint n,
                            gint64 now_us);
void downlink_resend(Downlink *downlink, const guint16 *sequences, guint n_sequences, gint64 now_us);

/* downlink_audio.c */
void downlink_send_audio(Downlink *downlink, const AudioTick *tick, gint64 now_us);
