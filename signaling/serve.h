/* serve.h -- `diemcau serve`: reads the options, checks the data folder, and hands over to the supervisor; and the hidden word
 * with which the supervisor starts the signaling server. */
#pragma once

#define SERVE_CHILD_WORD "signaling-server"

int serve_main(int argc, char **argv);       /* argv[0]: "serve"; returns the exit code */
int serve_child_main(int argc, char **argv); /* argv[0]: SERVE_CHILD_WORD */
