/* send.h -- datagrams out: runs of equal size leave in one system call by UDP GSO, others one by one.
 * Worker thread only. Nothing waits: what the socket does not take at once is dropped and counted by the caller. */
#pragma once

#include "bridge/transport/ice.h"

#include <sys/uio.h>

enum { SEND_RUN_MAX = 16, SEND_DATAGRAM_BYTES_MAX = 1500 };

typedef struct {
    gboolean gso;    /* falls to FALSE when kernel or interface refuses */
    guint64 n_calls; /* system calls made */
} Sender;

/* The length of the run at the start of packets: of equal size, the last may be shorter; 1 .. SEND_RUN_MAX, 0 for none. */
guint send_run_length(const struct iovec *packets, guint n_packets);

/* What is sent most, single packets of sound, has the mark that the socket itself has: it then needs no control message. */
enum { TOS_EF = 0xb8, TOS_AF41 = 0x88, SEND_SOCKET_TOS = TOS_EF };

/* Sends all; tos: the DSCP byte. Returns how many left. */
guint send_datagrams(Sender *sender, const IcePath *path, const struct iovec *packets, guint n_packets,
                     guint8 tos);
