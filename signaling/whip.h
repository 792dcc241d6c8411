/* whip.h -- what WHIP and WHEP add to SDP: entity tags, fragments. Pure; the handlers are in whip.c. */
#pragma once

#include <glib.h>

/* The tag of a session's ICE state: "leg-restarts", quotes included. (transfer full) */
char *whip_etag(gint32 leg, guint n_restarts);

typedef enum {
    WHIP_TRICKLE,  /* If-Match names the present state: candidates, which we need not know */
    WHIP_RESTART,  /* If-Match: *: new credentials */
    WHIP_NO_MATCH, /* no If-Match: 428 */
    WHIP_STALE,    /* If-Match names another state: 412 */
} WhipPatch;
WhipPatch whip_patch_kind(const char *if_match, const char *etag);

/* The user fragment and password in a fragment (RFC 8840), which must be of one generation. FAULT_BAD_INPUT. */
gboolean whip_read_fragment(const char *fragment, gsize n_bytes, char **ret_ufrag, char **ret_pwd,
                            GError **error);

/* The offer with other ICE credentials in every place. (transfer full) */
char *whip_offer_with_ice(const char *offer, const char *ufrag, const char *pwd);

/* Credentials and candidates of our answer as a fragment for the answer to a restart. (transfer full), NULL when the
 * answer has none. */
char *whip_fragment_of(const char *answer);
