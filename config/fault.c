/* fault.c -- codes, their words on the wire, their HTTP status. */
#include "config/fault.h"

G_DEFINE_QUARK(diemcau - fault, fault)

static const struct {
    FaultCode code;
    const char *word;
    guint http_status;
} rows[] = {
    { FAULT_BAD_INPUT, "bad-input", 400 }, { FAULT_REFUSED, "refused", 403 },
    { FAULT_NOT_FOUND, "not-found", 404 }, { FAULT_CONFLICT, "conflict", 409 },
    { FAULT_FULL, "full", 503 },           { FAULT_GONE, "gone", 410 },
    { FAULT_BUSY, "busy", 429 },           { FAULT_SETUP, "setup", 500 },
    { FAULT_INTERNAL, "internal", 500 },
};

const char *fault_code_word(FaultCode code) {
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
        if (rows[i].code == code) return rows[i].word;
    return "internal";
}

const char *fault_word(const GError *error) {
    return error != NULL && error->domain == FAULT ? fault_code_word((FaultCode)error->code) : "internal";
}

FaultCode fault_from_word(const char *word) {
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
        if (g_strcmp0(rows[i].word, word) == 0) return rows[i].code;
    return FAULT_INTERNAL;
}

guint fault_http_status(const GError *error) {
    if (error == NULL || error->domain != FAULT) return 500;
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
        if ((int)rows[i].code == error->code) return rows[i].http_status;
    return 500;
}
