/* session_scene.h -- scenes for the bridge: which meetings changed, and sending them whole, once per burst.
 * Used by session_broadcast.c and service start. Thread: server. */
#pragma once

#include "signaling/service.h"

Scenes *scenes_new(void);
void scenes_free(Scenes *scenes); /* NULL is fine */

void scene_mark(Service *service, const char *meeting);
void scenes_send(
    Service *service); /* all marked ones; nothing while the bridge is away: it gets all at its return */
