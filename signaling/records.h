/* records.h -- the rows that the store keeps, as plain structs. Every record is owned by whoever holds it and freed with
 * its own free function (NULL is fine). Strings are UTF-8 NFC and never NULL unless said so; times are UTC milliseconds,
 * 0 = never. */
#pragma once

#include <glib.h>

enum { TOKEN_HASH_BYTES = 32 };

/* A point of the roster: a seat for life. */
typedef struct {
    gint32 id;    /* 1 .. ; never used again */
    gint32 place; /* order in the roster, 0 .. */
    char *code, *name, *type, *district, *group, *phone, *technician, *technician_phone, *note;
    char *label; /* made by roster.c: "Xã Đầm Hà, huyện Đầm Hà" */
} SeatRecord;

typedef struct {
    gint32 id;
    char *name;          /* login name, NFC, lower case */
    char *role;          /* word of auth.h */
    char *password_hash; /* argon2id string; "" = nobody can log in by password */
    gint64 created_ms;
} UserRecord;

typedef enum {
    TOKEN_LINK = 1, /* a room's link, for life until revoked; seat */
    TOKEN_LOGIN,    /* one-time login link of a user; user, expires */
    TOKEN_SESSION,  /* cookie of a user or of a room; user or seat, expires */
    TOKEN_BEARER,   /* WHIP/WHEP; meeting and seat, or meeting and observer (seat 0); expires */
} TokenKind;

typedef struct {
    guint8 hash[TOKEN_HASH_BYTES]; /* BLAKE2b-256 of the token's text; the token itself is kept nowhere */
    TokenKind kind;
    gint32 user, seat; /* 0 = none */
    char *meeting;     /* "" = none */
    gint64 created_ms, expires_ms /* 0 = never */, used_ms /* last use, 0 = never */;
} TokenRecord;

typedef struct {
    char *id, *title, *state; /* draft open ended */
    gint64 created_ms, planned_ms, opened_ms, ended_ms;
} MeetingRecord;

typedef struct {
    gint64 seq; /* 1 .. without gaps, over all meetings */
    gint64 time_ms;
    char *meeting; /* "" = not of a meeting: roster, users, log-ins */
    char *kind;
    char *payload;   /* JSON text; NULL = erased */
    gboolean intact; /* filled by store_check only */
} EventRecord;

void seat_record_free(SeatRecord *seat);
void user_record_free(UserRecord *user);
void token_record_free(TokenRecord *token);
void meeting_record_free(MeetingRecord *meeting);
void event_record_free(EventRecord *event);

SeatRecord *seat_record_copy(const SeatRecord *seat);
UserRecord *user_record_copy(const UserRecord *user);
TokenRecord *token_record_copy(const TokenRecord *token);
MeetingRecord *meeting_record_copy(const MeetingRecord *meeting);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(SeatRecord, seat_record_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(UserRecord, user_record_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TokenRecord, token_record_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MeetingRecord, meeting_record_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EventRecord, event_record_free)
