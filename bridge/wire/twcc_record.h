/* twcc_record.h -- the arrivals that transport-wide feedback is made of; one record per transport, zero-initialised.
 * Pure: state of the caller, time is an argument. (Receiver report numbers: policy/receive_stats.h.) */
#pragma once

#include "bridge/wire/rtcp.h"
#include "bridge/wire/rtp.h"

enum { TWCC_RECORD_PACKETS = 1024 };
typedef struct {
    SequenceUnwrap unwrap;
    guint64 next;                          /* first sequence of the next feedback; 0: none yet */
    guint64 times_of[TWCC_RECORD_PACKETS]; /* which sequence sits in the slot */
    gint64 times_us[TWCC_RECORD_PACKETS];
    guint8 feedback_count;
    guint32 media_ssrc;
} TwccRecord;

void twcc_record_packet(TwccRecord *record, guint16 sequence, guint32 media_ssrc, gint64 arrival_us);
/* Packets of which nothing was told yet, those missing between them included. */
guint twcc_record_n_pending(const TwccRecord *record);
/* Appends feedback on everything recorded since the last; FALSE: nothing to say. scratch: the caller's, big. */
gboolean twcc_record_write(TwccRecord *record, Writer *writer, guint32 sender, RtcpTwcc *scratch);
