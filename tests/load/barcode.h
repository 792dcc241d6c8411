/* barcode.h -- a time written into a picture: 8 x 4 light and dark blocks that hold 24 bits and their check, large enough
 * to live through scaling and two encoders. Pure. */
#pragma once

#include <glib.h>

enum { BARCODE_MASK = 0xFFFFFF };

/* Into the luma plane of a picture. number: its low 24 bits. */
void barcode_draw(guint8 *luma, guint stride, guint width, guint height, guint32 number);

/* Out of a rectangle of a luma plane that shows the whole picture. -1: nothing there, or the check is wrong. */
gint32 barcode_read(const guint8 *luma, guint stride, guint x, guint y, guint width, guint height);
