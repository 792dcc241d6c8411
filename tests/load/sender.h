/* sender.h -- what one endpoint sends over its path: voice or DTX silence, two layers of picture, retransmissions and sender
 * reports. Obeys `needs`, NACK and PLI, and gives way when its line loses much. One per leg; the thread of its path. */
#pragma once

#include "bridge/wire/negotiate.h"
#include "bridge/wire/rtcp.h"
#include "tests/load/camera.h"
#include "tests/load/path.h"

typedef struct Sender Sender;

typedef struct {
    guint64 n_packets, n_bytes, n_frames, n_resent, n_nacked, n_plis, n_voice_packets;
    guint64 n_thumbnail_frames, n_main_frames; /* of n_frames */
    guint main_width, main_height;             /* of the last main frame */
    guint allowed_kbps;                        /* what the line is believed to carry */
    gint64 rtt_us;                             /* 0: not known */
} SenderStats;

/* Fills in the local SSRCs of the plan (the answer needs them). plan, path, camera: borrowed; stats: counted into. */
Sender *sender_new(Path *path, MediaPlan *plan, Camera *camera, SenderStats *stats);
void sender_free(Sender *sender);

void sender_tick(Sender *sender, gboolean talking, gint64 now_us);
/* Where no layers were agreed: which one is sent; CAMERA_THUMBNAIL unless told. */
void sender_plain(Sender *sender, guint layer);
void sender_need(Sender *sender, guint layer, const LayerWish *wish);
void sender_on_rtcp(Sender *sender, const RtcpItem *item, gint64 now_us);
/* Appends a sender report for every stream that sent. */
void sender_write_reports(Sender *sender, Writer *writer, gint64 now_us);
guint32 sender_ssrc(const Sender *sender); /* of the voice: who we are in reports */
