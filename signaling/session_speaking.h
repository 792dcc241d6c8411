/* session_speaking.h -- who is heard, as the bridge tells it: when somebody begins or stops, or another is the loudest, at most
 * five times a second. Consoles are told each time, with the levels of that moment; rooms are told who begins and who stops, at
 * once but not more than once a second: two hundred rooms need no more. Thread: server. */
#pragma once

#include "signaling/session.h"

SpeakingTable *speaking_new(Service *service);
void speaking_free(SpeakingTable *table); /* NULL is fine */

void speaking_take(Service *service, json_t *event); /* `speaking` of the bridge; borrowed */
void speaking_stop(Service *service);                /* the bridge is gone: nobody is heard in any meeting */
void speaking_forget(Service *service, const char *meeting); /* it has ended */

/* Who has just come into a meeting, or may have missed a message, is told who is heard there; nothing in no meeting and where
 * nobody was heard yet. */
void speaking_send(Session *session);
