/* palette.h -- the colours of the composed picture, in one place. Dark and quiet, so that faces are what one sees. */
#pragma once

enum {
    COLOUR_GROUND = 0x0b111c,    /* behind the tiles */
    COLOUR_BARS = 0x05080e,      /* beside a picture of another shape */
    COLOUR_PLATE_TOP = 0x22304a, /* a place without picture */
    COLOUR_PLATE_LOW = 0x172236,
    COLOUR_AWAY_TOP = 0x191d26, /* a place that is not connected */
    COLOUR_AWAY_LOW = 0x12151c,
    COLOUR_EMPTY = 0x111927, /* a tile that nobody has */
    COLOUR_TEXT = 0xf3f6fb,
    COLOUR_TEXT_QUIET = 0x9fb0c9,
    COLOUR_TEXT_AWAY = 0xd99a7c,
    COLOUR_NOTE = 0xf0d9a8, /* the age of a picture */
    COLOUR_TEXT_ABSENT = 0x77839a,
    COLOUR_NAME_AWAY = 0xa7afbd,
    COLOUR_PILL = 0x060a12,
    COLOUR_SPEAKING = 0x35d08a,
    COLOUR_MICROPHONE_OFF = 0xe5484d,
    COLOUR_HAND = 0xf5b63d,
    COLOUR_GOLD = 0xd8b25a, /* the line under the title */
};
