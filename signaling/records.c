/* records.c -- life and death of the store's rows. */
#include "signaling/records.h"

#include <string.h>

void seat_record_free(SeatRecord *seat) {
    if (seat == NULL) return;
    g_free(seat->code);
    g_free(seat->name);
    g_free(seat->type);
    g_free(seat->district);
    g_free(seat->group);
    g_free(seat->phone);
    g_free(seat->technician);
    g_free(seat->technician_phone);
    g_free(seat->note);
    g_free(seat->label);
    g_free(seat);
}

SeatRecord *seat_record_copy(const SeatRecord *seat) {
    SeatRecord *copy = g_new0(SeatRecord, 1);
    copy->id = seat->id;
    copy->place = seat->place;
    copy->code = g_strdup(seat->code);
    copy->name = g_strdup(seat->name);
    copy->type = g_strdup(seat->type);
    copy->district = g_strdup(seat->district);
    copy->group = g_strdup(seat->group);
    copy->phone = g_strdup(seat->phone);
    copy->technician = g_strdup(seat->technician);
    copy->technician_phone = g_strdup(seat->technician_phone);
    copy->note = g_strdup(seat->note);
    copy->label = g_strdup(seat->label);
    return copy;
}

void user_record_free(UserRecord *user) {
    if (user == NULL) return;
    g_free(user->name);
    g_free(user->role);
    g_free(user->password_hash);
    g_free(user);
}

UserRecord *user_record_copy(const UserRecord *user) {
    UserRecord *copy = g_memdup2(user, sizeof *user);
    copy->name = g_strdup(user->name);
    copy->role = g_strdup(user->role);
    copy->password_hash = g_strdup(user->password_hash);
    return copy;
}

void token_record_free(TokenRecord *token) {
    if (token == NULL) return;
    g_free(token->meeting);
    g_free(token);
}

TokenRecord *token_record_copy(const TokenRecord *token) {
    TokenRecord *copy = g_memdup2(token, sizeof *token);
    copy->meeting = g_strdup(token->meeting);
    return copy;
}

void meeting_record_free(MeetingRecord *meeting) {
    if (meeting == NULL) return;
    g_free(meeting->id);
    g_free(meeting->title);
    g_free(meeting->state);
    g_free(meeting);
}

MeetingRecord *meeting_record_copy(const MeetingRecord *meeting) {
    MeetingRecord *copy = g_memdup2(meeting, sizeof *meeting);
    copy->id = g_strdup(meeting->id);
    copy->title = g_strdup(meeting->title);
    copy->state = g_strdup(meeting->state);
    return copy;
}

void event_record_free(EventRecord *event) {
    if (event == NULL) return;
    g_free(event->meeting);
    g_free(event->kind);
    g_free(event->payload);
    g_free(event);
}
