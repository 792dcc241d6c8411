/* media_socket.h -- a second socket on the address and port of an agent's: the kernel gives it every datagram that begins
 * like SRTP (RFC 7983: 128 to 191) and leaves STUN and DTLS to the agent's. So media is read without the agent, many
 * datagrams in a call, and who floods is read only so fast. Nothing is sent from it. */
#pragma once

#include <glib.h>

enum { MEDIA_READS_MAX = 64 }; /* of one socket in one go; the rest waits in the kernel for the next turn */

/* Joins the address of a bound UDP socket. -1: this kernel or socket does not allow it; media then goes on to come by the
 * agent's socket. The caller closes it. */
int media_socket_open(int agent_fd);

/* One datagram; bytes may be changed in place and live until return. arrival_us: monotonic, when the kernel had it. FALSE: no
 * more for now. */
typedef gboolean (*MediaTake)(gpointer user, guint8 *bytes, gsize n_bytes, gint64 arrival_us);

/* Reads what is there, at most MEDIA_READS_MAX datagrams, and hands them over one by one. Returns how many were handed over. */
guint media_socket_read(int fd, MediaTake take, gpointer user);
