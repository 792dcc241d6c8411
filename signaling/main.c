/* main.c -- `diemcau`: which word does what. serve starts the supervisor, which starts this program again as the signaling
 * server, and the bridge; the other words are cli.c's. */
#include "config/fault.h"
#include "config/log.h"
#include "config/settings.h"
#include "signaling/cli.h"
#include "signaling/protocol.h"
#include "signaling/serve.h"
#include "signaling/supervisor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_usage(void) {
    puts("diemcau " DIEMCAU_VERSION ": videoconference bridge and session manager\n"
         "  diemcau serve [--data DIR] [--config FILE] [--set key=value ...] [--trial] [--print-settings]\n"
         "      serves until stopped; --trial sets up a first meeting and prints its links\n"
         "  diemcau --print-settings [--set key=value ...]   the sample configuration\n"
         "  diemcau protocol                                 docs/protocol.md");
    cli_print_usage();
}

int main(int argc, char **argv) {
    const char *word = argc > 1 ? argv[1] : "help";
    if (strcmp(word, "serve") == 0) return serve_main(argc - 1, argv + 1);
    if (strcmp(word, SERVE_CHILD_WORD) == 0) return serve_child_main(argc - 1, argv + 1);
    if (strcmp(word, "--print-settings") == 0) return serve_main(argc, argv);
    if (cli_knows(word)) return cli_main(argc - 1, argv + 1);
    if (strcmp(word, "protocol") == 0) {
        protocol_print(stdout);
        return EXIT_SUCCESS;
    }
    if (strcmp(word, "--version") == 0) {
        puts(DIEMCAU_VERSION);
        return EXIT_SUCCESS;
    }
    if (strcmp(word, "help") == 0 || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        print_usage();
        return EXIT_SUCCESS;
    }
    fprintf(stderr, "diemcau: there is no \"%s\"; diemcau --help lists what there is\n", word);
    return EXIT_USAGE;
}
