/* barcode.c -- see barcode.h. The blocks keep to the middle of the picture: borders and name plates are at its edges. */
#include "tests/load/barcode.h"

#include <math.h>

enum { COLUMNS = 8, ROWS = 4, LIGHT = 220, DARK = 30, BLOCK_MIN = 6 };
static const double LEFT = 0.10, RIGHT = 0.90, TOP = 0.12, BOTTOM = 0.72;

/* CRC-8 (polynomial 0x07) over three bytes: neighbouring times differ in many blocks of it. */
static guint8 check_of(guint32 number) {
    guint8 crc = 0x5A;
    for (gint shift = 16; shift >= 0; shift -= 8) {
        crc ^= (guint8)(number >> shift);
        for (guint i = 0; i < 8; i++) crc = (guint8)(crc & 0x80 ? crc << 1 ^ 0x07 : crc << 1);
    }
    return crc;
}

static guint32 code_of(guint32 number) {
    guint32 low = number & BARCODE_MASK;
    return low << 8 | check_of(low);
}

static guint at(double share, guint size) { return (guint)lround(share * size); }

void barcode_draw(guint8 *luma, guint stride, guint width, guint height, guint32 number) {
    guint32 code = code_of(number);
    for (guint row = 0; row < ROWS; row++) {
        guint top = at(TOP + (BOTTOM - TOP) * row / ROWS, height),
              bottom = at(TOP + (BOTTOM - TOP) * (row + 1) / ROWS, height);
        for (guint column = 0; column < COLUMNS; column++) {
            guint left = at(LEFT + (RIGHT - LEFT) * column / COLUMNS, width),
                  right = at(LEFT + (RIGHT - LEFT) * (column + 1) / COLUMNS, width);
            guint8 shade = code >> (31 - row * COLUMNS - column) & 1 ? LIGHT : DARK;
            for (guint y = top; y < bottom; y++)
                for (guint x = left; x < right; x++) luma[y * stride + x] = shade;
        }
    }
}

/* The middle 3 x 3 pixels of a block. */
static guint shade_at(const guint8 *luma, guint stride, guint x, guint y) {
    guint sum = 0;
    for (guint dy = 0; dy < 3; dy++)
        for (guint dx = 0; dx < 3; dx++) sum += luma[(y + dy - 1) * stride + x + dx - 1];
    return sum / 9;
}

gint32 barcode_read(const guint8 *luma, guint stride, guint x, guint y, guint width, guint height) {
    guint32 code = 0;
    if (width * (RIGHT - LEFT) / COLUMNS < BLOCK_MIN || height * (BOTTOM - TOP) / ROWS < BLOCK_MIN) return -1;
    for (guint i = 0; i < COLUMNS * ROWS; i++) {
        guint row = i / COLUMNS, column = i % COLUMNS;
        guint shade = shade_at(luma, stride, x + at(LEFT + (RIGHT - LEFT) * (column + 0.5) / COLUMNS, width),
                               y + at(TOP + (BOTTOM - TOP) * (row + 0.5) / ROWS, height));
        if (shade > 95 && shade < 155) return -1; /* neither light nor dark */
        code = code << 1 | (shade >= 155);
    }
    return code_of(code >> 8) == code ? (gint32)(code >> 8) : -1;
}
