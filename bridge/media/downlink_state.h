/* downlink_state.h -- inside of a downlink and of the fan-out; only downlink*.c and fanout.c look here.
 * Way of a frame: fanout_video -> lane_take (wanted?) -> pending queue -> lane_pump (pace) -> downlink_packet.c
 * (headers, what was sent where) -> transport. Feedback comes back through downlink_report.c. */
#pragma once

#include "bridge/media/downlink.h"
#include "bridge/media/downlink_feed.h"
#include "bridge/media/downlink_sound.h"
#include "bridge/media/stream_store.h"
#include "bridge/policy/bandwidth.h"
#include "bridge/policy/ladder.h"
#include "bridge/policy/meter.h"
#include "bridge/policy/rounds.h"
#include "bridge/wire/rtp.h"

enum {
    SLICE_PACKETS = 16, /* one GSO send */
    SENT_FRAMES = 256,  /* 10 s at 25 frames a second */
    PENDING_MAX = 160,  /* the stored frames of a join and what comes meanwhile */
    RESENT_SLOTS = 256,
    WIRE_BYTES = 44, /* what a packet is more on the line: IP, UDP, the seal of SRTP */
    CHOICE_US = 200000,
    NARROW_BPS = 250000,  /* a line of less */
    JOIN_AGE_US = 3000000 /* older stored pictures would take too long to catch up from */
};

typedef struct DownlinkLane DownlinkLane;

/* ---- fan-out ---- */
typedef struct {
    StreamId stream;
    StreamStore store;
    GPtrArray *watchers; /* DownlinkLane */
} FanoutStream;

struct Fanout {
    FanoutEvents events;
    gpointer user;
    GHashTable *streams;                    /* StreamId -> FanoutStream */
    GHashTable *conferences;                /* id -> GPtrArray of Downlink that hear */
    Rounds downlinks;                       /* all, and when the beat looks at which */
    RtpOut slice[SLICE_PACKETS];            /* room for what is being sent */
    FeedbackPacket feedback[RTCP_TWCC_MAX]; /* and for what is told of it */
    FanoutStats stats;
    guint n_watching; /* lanes, each once for each stream */
    guint next_phase;
};

void fanout_add(Fanout *fanout, Downlink *downlink);
void fanout_remove(Fanout *fanout, Downlink *downlink);
void fanout_subscribe(Fanout *fanout, StreamId stream, DownlinkLane *lane); /* twice is fine */
void fanout_unsubscribe(Fanout *fanout, StreamId stream, DownlinkLane *lane);
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

/* One video section of the leg: the program, or a presentation. Numbers of its own; line, pace and estimate are shared. */
struct DownlinkLane {
    Downlink *downlink;
    const DownlinkVideo *config;
    DownlinkLaneKind kind;

    DownlinkRung rungs[DOWNLINK_RUNGS_MAX];
    guint n_rungs;
    LadderTop top;
    Ladder ladder;
    StreamId current, wished; /* sent now; sent from its next keyframe on. 0: none */
    gboolean waiting;         /* nothing but a keyframe may leave */
    guint64 next_frame;       /* of current: the frame_index that follows */
    gint64 wished_us, asked_us, keyframe_us, pli_us, forced_us, live_us;
    Meter meter; /* what leaves here, with resends */

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
    gint64 tokens_us;
    gint64 latency_us, sent_us; /* sent_us: the last packet left */
    gint64 held_us;             /* frames were given up because the pace was too slow for them; 0: never */

    struct {
        guint16 sequence;
        gint64 at_us;
    } resent[RESENT_SLOTS];
};

struct Downlink {
    guint place; /* in the fan-out's rounds */
    gint64 next_choice_us;
    guint n_queued; /* frames waiting in all lanes */
    gboolean probing;

    Fanout *fanout;
    Transport *transport;
    DownlinkConfig config;
    DownlinkEvents events;
    gpointer user;
    gboolean hears;
    gint64
        ntp_offset_us; /* UTC minus monotonic, fixed: steps of the wall clock must not look like round trips */
    gint64 next_report_us;

    guint16 audio_sequence;
    guint32 audio_offset;
    gboolean talking; /* the last tick had a packet */
    SentClock audio_clock;
    DownlinkSound sound;

    DownlinkLane *lanes[DOWNLINK_LANES]; /* NULL until something was watched there */
    Bandwidth bandwidth;
    DownlinkFeed *feed; /* NULL while there was no pressure yet */
    gboolean numbers;
    gint64 numbers_until_us;
    guint phase; /* of the spread over the tick */
    guint32 sound_bps;
    gint64 sound_us;
    guint32 sound_bytes; /* when it was measured last */

    gint64 slice_us;
    guint slice_packets; /* of all lanes */
    double resend_tokens;
    gint64 resend_tokens_us;
    DownlinkStats stats;
};

/* downlink.c */
gboolean downlink_is_live(const Downlink *downlink);
void downlink_measure(Downlink *downlink, gint64 now_us); /* every few 100 ms, before lanes choose */

/* downlink_lane.c */
DownlinkLane *lane_new(Downlink *downlink, DownlinkLaneKind kind,
                       const DownlinkVideo *config); /* config: of the downlink */
void lane_free(DownlinkLane *lane);                  /* leaves the fan-out; NULL is fine */
void lane_watch(DownlinkLane *lane, const DownlinkRung *rungs, guint n_rungs, LadderTop top, gint64 now_us);
void lane_on_live(DownlinkLane *lane, gint64 now_us);
void lane_need_keyframe(DownlinkLane *lane, gint64 now_us); /* the picture must start afresh */
void lane_choose(DownlinkLane *lane, gint64 now_us);        /* every few 100 ms: which rung */
void lane_on_picture_lost(DownlinkLane *lane, gint64 now_us);
void lane_tell(const DownlinkLane *lane); /* what is wished, and what is left for it */
guint32 lane_needs_bps(const DownlinkLane *lane, gint64 now_us);
guint32 lane_room_bps(const DownlinkLane *lane);               /* of the estimate, for this lane */
guint32 lane_beside_bps(const DownlinkLane *lane);             /* what else the line must carry */
gint lane_place_of(const DownlinkLane *lane, StreamId stream); /* of the rung; -1: none of them */

/* downlink_queue.c */
void lane_take(DownlinkLane *lane, Block *block, gint64 now_us);
void lane_pump(DownlinkLane *lane, gint64 now_us);
/* From the store; FALSE: it has no fresh keyframe, or more than n_bytes_max from there on. */
gboolean lane_join(DownlinkLane *lane, gsize n_bytes_max, gint64 now_us);
void lane_drop_pending(DownlinkLane *lane); /* all but a frame that is under way */

/* downlink_packet.c */
guint lane_begin_frame(DownlinkLane *lane, const Block *block, gint64 shift_us); /* -> slot of sent[] */
/* Packets first .. first+n-1 (n <= SLICE_PACKETS). Returns the bytes that left or were tried. */
gsize lane_send_packets(DownlinkLane *lane, const Block *block, guint sent_slot, guint first, guint n,
                        gint64 now_us);
void lane_resend(DownlinkLane *lane, const guint16 *sequences, guint n_sequences, gint64 now_us);
/* Packets of the last pictures on the RTX SSRC, about n_bytes of them; their receiver drops them. Returns the bytes. */
gsize lane_send_filler(DownlinkLane *lane, gsize n_bytes, guint n_packets_max, gint64 now_us);

/* downlink_feed.c */
void feed_beat(Downlink *downlink, gint64 now_us); /* every few 100 ms */
/* Into the extension block of a packet of n_bytes in all; nothing while there is no pressure, or with id 0. */
void downlink_put_transport_sequence(Downlink *downlink, RtpExtWriter *ext, guint8 id, gsize n_bytes,
                                     gint64 now_us);
void feed_on_return(Downlink *downlink); /* what was sent into a cut line is not asked after */
void feed_on_twcc(Downlink *downlink, const RtcpTwcc *twcc, gint64 now_us);
gboolean feed_can_probe(const DownlinkLane *lane);
void feed_choose(DownlinkLane *lane, gboolean clean, gint64 now_us); /* after the lane chose its level */
void feed_pump(Downlink *downlink, gint64 now_us);                   /* each beat while downlink->probing */

/* downlink_audio.c */
void downlink_send_audio(Downlink *downlink, const AudioTick *tick, gint64 now_us);
void downlink_on_audio_report(Downlink *downlink, double fraction_lost, gint64 now_us);
void downlink_end_audio(Downlink *downlink); /* nobody listens here any more */
