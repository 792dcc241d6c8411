/* session_load.h -- the bridge's load, as it tells it: shown to consoles and in /metrics, and the reason why a layout that does
 * not fit is refused in words before the meeting changes. Thread: server. */
#pragma once

#include "signaling/session.h"

void load_take(Service *service, json_t *event); /* the control link's `load` */
void load_forget(Service *service);              /* the bridge is gone: nothing is known */

/* Tells one console what is known; nothing to rooms and before the first news. */
void load_send(Session *session);

/* FALSE with a sentence, FAULT_REFUSED: the meeting cannot have that layout now. "wall": to begin watching the wall. */
gboolean load_allows(const Session *session, const char *layout, GError **error);
