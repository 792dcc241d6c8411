/* tls_make.h -- makes the local CA and its leaf (ECDSA P-256, SHA-256). Used by tls.c alone. */
#pragma once

#include <glib.h>

/* Both write whole files or none; keys are readable by the owner only. FAULT_SETUP names file and reason. */
gboolean tls_make_ca(const char *ca_path, const char *ca_key_path, GError **error);
gboolean tls_make_leaf(const char *ca_path, const char *ca_key_path, char **names, const char *leaf_path,
                       const char *leaf_key_path, GError **error);

/* TRUE when the leaf is signed by the CA, names all `names` and is valid for another renew_s seconds. */
gboolean tls_leaf_fits(const char *leaf_pem, const char *ca_pem, char **names, gint64 renew_s);
