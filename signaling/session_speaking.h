/* session_speaking.h -- who is heard, as the bridge tells it. Consoles see levels move, five times a second; rooms are told who
 * begins and who stops, at once but not more than once a second: two hundred rooms need no more. Thread: server. */
#pragma once

#include "signaling/service.h"

SpeakingTable *speaking_new(Service *service);
void speaking_free(SpeakingTable *table); /* NULL is fine */

void speaking_take(Service *service, json_t *event); /* `speaking` of the bridge; borrowed */
