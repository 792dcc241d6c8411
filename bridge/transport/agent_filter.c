/* agent_filter.c -- see agent_filter.h. Classic BPF: a socket's filter sees a datagram from its UDP header on, and a load from beyond
 * its end drops it. */
#include "bridge/transport/agent_filter.h"

#include <linux/filter.h>
#include <string.h>
#include <sys/socket.h>

enum {
    UDP_BYTES = 8,
    STUN_BYTES = 20,
    TYPE_REQUEST = 0x0001, /* Binding, the only method of ICE */
    METHOD_BITS = 0xfeef,  /* of a type; the other two say request, indication, answer */
    ATTRIBUTE_USERNAME = 0x0006,
    ATTRIBUTES_MAX = 8, /* of a request, before its USERNAME; one that has more comes through */
    NAME_BYTES_MAX = 32,
    CODE_MAX = 256,
};
static const guint32 MAGIC_COOKIE = 0x2112a442;

typedef struct {
    struct sock_filter code[CODE_MAX];
    guint n;
} Program;

static void add(Program *program, struct sock_filter instruction) {
    g_assert(program->n < CODE_MAX);
    program->code[program->n++] = instruction;
}

static void load(Program *program, guint16 size, guint32 at) {
    add(program, (struct sock_filter)BPF_STMT((guint16)(BPF_LD | size | BPF_ABS), at));
}

static void load_from_x(Program *program, guint16 size, guint32 at) {
    add(program, (struct sock_filter)BPF_STMT((guint16)(BPF_LD | size | BPF_IND), at));
}

static void alu(Program *program, guint16 operation, guint32 with) {
    add(program, (struct sock_filter)BPF_STMT((guint16)(BPF_ALU | operation), with));
}

/* Goes over so many instructions when the comparison holds, and over so many when not. */
static void jump(Program *program, guint16 comparison, guint32 with, guint8 if_so, guint8 if_not) {
    add(program, (struct sock_filter)BPF_JUMP((guint16)(BPF_JMP | comparison), with, if_so, if_not));
}

static void let_through(Program *program) {
    add(program, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, G_MAXUINT32));
}
static void drop(Program *program) { add(program, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0)); }
static void drop_unless(Program *program, guint32 is) {
    jump(program, BPF_JEQ | BPF_K, is, 1, 0);
    drop(program);
}

/* RFC 7983: 0 to 3 is STUN, 20 to 63 DTLS, 128 to 191 media. Goes on with STUN. */
static void sort_by_first_byte(Program *program) {
    load(program, BPF_B, UDP_BYTES);
    jump(program, BPF_JGT | BPF_K, 3, 0, 6);
    jump(program, BPF_JGE | BPF_K, 128, 2, 0);
    jump(program, BPF_JGE | BPF_K, 20, 0, 2);
    jump(program, BPF_JGT | BPF_K, 63, 1, 2);
    jump(program, BPF_JGT | BPF_K, 191, 0, 1);
    drop(program);
    let_through(program);
}

static void check_stun_header(Program *program) {
    load(program, BPF_W, UDP_BYTES + 4);
    drop_unless(program, MAGIC_COOKIE);
    load(program, BPF_H, UDP_BYTES + 2);
    alu(program, BPF_ADD | BPF_K, UDP_BYTES + STUN_BYTES);
    add(program, (struct sock_filter)BPF_STMT(BPF_MISC | BPF_TAX, 0));
    add(program, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0));
    jump(program, BPF_JEQ | BPF_X, 0, 1, 0);
    drop(program);
    load(program, BPF_H, UDP_BYTES);
    alu(program, BPF_AND | BPF_K, METHOD_BITS);
    drop_unless(program, TYPE_REQUEST);
    /* Answers and indications come through: their transactions are known to the agent alone. */
    load(program, BPF_H, UDP_BYTES);
    jump(program, BPF_JEQ | BPF_K, TYPE_REQUEST, 1, 0);
    let_through(program);
}

/* X is at an attribute's value. */
static void compare_name(Program *program, const char *name, guint n_bytes) {
    for (guint i = 0; i < n_bytes; i++) {
        load_from_x(program, BPF_B, i);
        drop_unless(program, (guint8)name[i]);
    }
    let_through(program);
}

/* X goes from attribute to attribute; the loop is written out, and a round that finds the USERNAME jumps to the
 * comparison behind it. */
static void check_username(Program *program, const char *name, guint n_bytes) {
    enum {
        ROUND = 7,
        AFTER_JUMP = 6
    }; /* instructions of a round, and behind the last jump until the comparison */
    add(program, (struct sock_filter)BPF_STMT(BPF_LDX | BPF_W | BPF_IMM, UDP_BYTES + STUN_BYTES));
    for (guint i = 0; i < ATTRIBUTES_MAX; i++) {
        guint to_comparison = (ATTRIBUTES_MAX - 1 - i) * ROUND + AFTER_JUMP;
        load_from_x(program, BPF_H, 0);
        jump(program, BPF_JEQ | BPF_K, ATTRIBUTE_USERNAME, (guint8)to_comparison, 0);
        load_from_x(program, BPF_H, 2);
        alu(program, BPF_ADD | BPF_K, 3 + 4);
        alu(program, BPF_AND | BPF_K, ~3U); /* padded to words, behind four bytes of type and length */
        alu(program, BPF_ADD | BPF_X, 0);
        add(program, (struct sock_filter)BPF_STMT(BPF_MISC | BPF_TAX, 0));
    }
    let_through(program);
    add(program, (struct sock_filter)BPF_STMT(BPF_MISC | BPF_TXA, 0));
    alu(program, BPF_ADD | BPF_K, 4);
    add(program, (struct sock_filter)BPF_STMT(BPF_MISC | BPF_TAX, 0));
    compare_name(program, name, n_bytes);
}

static gboolean attach(int fd, Program *program) {
    const struct sock_fprog all = { .len = (unsigned short)program->n, .filter = program->code };
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &all, sizeof all) == 0;
}

gboolean agent_filter_attach(int fd, const char *ufrag) {
    char name[NAME_BYTES_MAX];
    Program program = { .n = 0 };
    gint n_bytes = g_snprintf(name, sizeof name, "%s:", ufrag);
    sort_by_first_byte(&program);
    check_stun_header(&program);
    check_username(&program, name, MIN((guint)n_bytes, NAME_BYTES_MAX - 1));
    return attach(fd, &program);
}

gboolean agent_filter_shut(int fd) {
    Program program = { .n = 0 };
    drop(&program);
    return attach(fd, &program);
}
