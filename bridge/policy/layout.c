/* layout.c -- see layout.h. Two ways to place: by template (cells of an N x N grid, one cell may span several) and by
 * packing (the wall: the number of columns that makes tiles largest). */
#include "bridge/policy/layout.h"

#include <math.h>
#include <string.h>

enum { TEMPLATE_CELLS_MAX = 21, GRID_SIDE_MIN = 2, GRID_SIDE_MAX = 7, WALL_TILES_MAX = 256 };
/* A thumbnail is 160x90: tiles between these widths snap to exact 16:9 (160x90, 128x72), which costs no or little
 * scaling and keeps small text sharp. */
enum { SNAP_WIDTH_MIN = 128, SNAP_WIDTH_MAX = 192, SNAP_WIDTH = 32 };

static const struct {
    const char *word;
    Layout layout;
} words[] = {
    { "full", LAYOUT_FULL },      { "1+1", LAYOUT_1_1 },         { "1+5", LAYOUT_1_5 },
    { "1+7", LAYOUT_1_7 },        { "1+12", LAYOUT_1_12 },       { "1+20", LAYOUT_1_20 },
    { "grid", LAYOUT_GRID },      { "lecture", LAYOUT_LECTURE }, { "presentation", LAYOUT_PRESENTATION },
    { "wall", LAYOUT_WALL },      { "2x2", LAYOUT_GRID_2 },      { "3x3", LAYOUT_GRID_2 + 1 },
    { "4x4", LAYOUT_GRID_2 + 2 }, { "5x5", LAYOUT_GRID_2 + 3 },  { "6x6", LAYOUT_GRID_2 + 4 },
    { "7x7", LAYOUT_GRID_7 },
};

guint layout_grid_side(Layout layout) {
    return layout >= LAYOUT_GRID_2 && layout <= LAYOUT_GRID_7 ? (guint)layout - LAYOUT_GRID_2 + GRID_SIDE_MIN
                                                              : 0;
}

Layout layout_sized_grid(guint side) {
    return (Layout)(LAYOUT_GRID_2 + CLAMP(side, GRID_SIDE_MIN, GRID_SIDE_MAX) - GRID_SIDE_MIN);
}

gboolean layout_leads(Layout layout) {
    return layout != LAYOUT_GRID && layout != LAYOUT_WALL && layout_grid_side(layout) == 0;
}

Layout layout_from_word(const char *word) {
    for (guint i = 0; word != NULL && i < G_N_ELEMENTS(words); i++)
        if (strcmp(words[i].word, word) == 0) return words[i].layout;
    return 0;
}

const char *layout_word(Layout layout) {
    for (guint i = 0; i < G_N_ELEMENTS(words); i++)
        if (words[i].layout == layout) return words[i].word;
    return "";
}

/* ---- templates ---- */

typedef struct {
    guint8 column, row, span;
} Cell;

typedef struct {
    guint side;          /* the canvas is cut into side x side */
    guint columns, rows; /* of these, the part in use, centred */
    guint n_cells;
    Cell cells[TEMPLATE_CELLS_MAX];
} Template;

/* 1+12 and 1+20 put the speaker into the middle: everybody sits around the same table. */
static const Template template_1_1 = { 2, 2, 1, 2, { { 0, 0, 1 }, { 1, 0, 1 } } };
static const Template template_1_5 = {
    3, 3, 3, 6, { { 0, 0, 2 }, { 2, 0, 1 }, { 2, 1, 1 }, { 0, 2, 1 }, { 1, 2, 1 }, { 2, 2, 1 } }
};
static const Template template_1_7 = {
    4,
    4,
    4,
    8,
    { { 0, 0, 3 }, { 3, 0, 1 }, { 3, 1, 1 }, { 3, 2, 1 }, { 0, 3, 1 }, { 1, 3, 1 }, { 2, 3, 1 }, { 3, 3, 1 } }
};
static const Template template_lecture_pair = { 4, 4, 3, 2, { { 0, 0, 3 }, { 3, 2, 1 } } };

/* A large cell of `span` at (at, at) and small ones around it, row by row. */
static Template ring(guint side, guint at, guint span) {
    Template ring = { .side = side, .columns = side, .rows = side, .n_cells = 1 };
    ring.cells[0] = (Cell){ (guint8)at, (guint8)at, (guint8)span };
    for (guint row = 0; row < side; row++)
        for (guint column = 0; column < side; column++) {
            gboolean inside = row - at < span && column - at < span; /* unsigned: below `at` is huge */
            if (!inside && ring.n_cells < TEMPLATE_CELLS_MAX)
                ring.cells[ring.n_cells++] = (Cell){ (guint8)column, (guint8)row, 1 };
        }
    return ring;
}

/* Speaker large, the chair at the top right, the others in a strip below and then under the chair. */
static Template lecture(guint n_tiles) {
    if (n_tiles <= 2) return template_lecture_pair;
    guint side = n_tiles <= 8 ? 4 : 6;
    Template strip = { .side = side, .columns = side, .rows = side };
    strip.cells[strip.n_cells++] = (Cell){ 0, 0, (guint8)(side - 1) };
    strip.cells[strip.n_cells++] = (Cell){ (guint8)(side - 1), 0, 1 };
    for (guint i = 0; i < side; i++)
        strip.cells[strip.n_cells++] = (Cell){ (guint8)i, (guint8)(side - 1), 1 };
    for (guint i = 1; i + 1 < side; i++)
        strip.cells[strip.n_cells++] = (Cell){ (guint8)(side - 1), (guint8)i, 1 };
    return strip;
}

static guint even(guint pixels) { return pixels & ~1u; }

/* Between tiles and around them: 4 at 720p, 6 at 1080p, 2 at 360p. */
static guint gap_of(guint width) { return MAX(2, even((width + 160) / 320)); }

typedef struct {
    guint gap, cell_width, cell_height, left, top;
} Raster;

/* Cells of one size, the used part centred in the canvas. FALSE: the canvas is too small for so many. */
static gboolean raster_make(guint side, guint columns, guint rows, guint width, guint height,
                            Raster *ret_raster) {
    guint gap = gap_of(width);
    if (width < gap * (side + 1) + 2 * side || height < gap * (side + 1) + 2 * side) return FALSE;
    Raster raster = { .gap = gap,
                      .cell_width = even((width - gap * (side + 1)) / side),
                      .cell_height = even((height - gap * (side + 1)) / side) };
    /* A canvas that is not 16:9 leaves bars rather than tall or flat tiles; two per cent are not seen. */
    raster.cell_width = MIN(raster.cell_width, even(raster.cell_height * 163 / 90 + 1));
    raster.cell_height = MIN(raster.cell_height, even(raster.cell_width * 92 / 160 + 1));
    raster.left = even((width - columns * raster.cell_width - (columns - 1) * gap) / 2);
    raster.top = even((height - rows * raster.cell_height - (rows - 1) * gap) / 2);
    *ret_raster = raster;
    return TRUE;
}

static Rect cell_rect(const Raster *raster, guint column, guint row, guint span, guint shift) {
    return (Rect){
        .x = (guint16)(raster->left + shift + column * (raster->cell_width + raster->gap)),
        .y = (guint16)(raster->top + row * (raster->cell_height + raster->gap)),
        .width = (guint16)(span * raster->cell_width + (span - 1) * raster->gap),
        .height = (guint16)(span * raster->cell_height + (span - 1) * raster->gap),
    };
}

static guint place_template(const Template *template, guint n_tiles, guint width, guint height, Rect *rects) {
    Raster raster;
    if (!raster_make(template->side, template->columns, template->rows, width, height, &raster)) return 0;
    guint n = MIN(n_tiles, template->n_cells);
    for (guint i = 0; i < n; i++) {
        const Cell *cell = &template->cells[i];
        rects[i] = cell_rect(&raster, cell->column, cell->row, cell->span, 0);
    }
    return n;
}

/* The presentation as large as a strip of five beside it allows; more than five others go on below it. Without those it stands
 * in the middle of its height, and so does the strip. */
static guint place_presentation(guint n_tiles, guint width, guint height, Rect *rects) {
    Template template = { .side = 5, .columns = 5, .rows = 5, .cells = { { 0, 0, 4 } }, .n_cells = 1 };
    for (guint8 i = 0; i < 5; i++) template.cells[template.n_cells++] = (Cell){ 4, i, 1 };
    for (guint8 i = 0; i < 4; i++) template.cells[template.n_cells++] = (Cell){ i, 4, 1 };
    guint n = place_template(&template, n_tiles, width, height, rects);
    if (n < 2 || n > 6) return n;
    guint bottom = rects[n - 1].y + rects[n - 1].height, shift = even((height - bottom - rects[1].y) / 2);
    rects[0].y = (guint16)even((height - rects[0].height) / 2);
    for (guint i = 1; i < n; i++) rects[i].y = (guint16)(rects[i].y + shift);
    return n;
}

static guint grid_side(guint n_tiles) {
    guint side = GRID_SIDE_MIN;
    while (side < GRID_SIDE_MAX && side * side < n_tiles) side++;
    return side;
}

/* The rows in use are centred, and so is a last row that is not full. */
static guint place_grid(guint n_tiles, guint width, guint height, Rect *rects) {
    Raster raster;
    guint side = grid_side(n_tiles), n = MIN(n_tiles, side * side), rows = (n + side - 1) / side;
    if (!raster_make(side, side, rows, width, height, &raster)) return 0;
    guint n_last = n - (rows - 1) * side;
    guint last_shift = even((side - n_last) * (raster.cell_width + raster.gap) / 2);
    for (guint i = 0; i < n; i++)
        rects[i] = cell_rect(&raster, i % side, i / side, 1, i / side == rows - 1 ? last_shift : 0);
    return n;
}

/* Places that stay: a room that comes or goes moves nobody. */
static guint place_sized_grid(guint side, guint n_tiles, guint width, guint height, Rect *rects) {
    Raster raster;
    if (!raster_make(side, side, side, width, height, &raster)) return 0;
    for (guint i = 0; i < n_tiles; i++) rects[i] = cell_rect(&raster, i % side, i / side, 1, 0);
    return n_tiles;
}

/* The largest even 16:9 tile of which columns x rows fit; width 0 when none does. */
static Rect wall_tile(guint columns, guint rows, guint width, guint height) {
    guint wide = MIN(width / columns, (height / rows) * 16 / 9 + 1);
    wide = even(wide);
    if (wide >= SNAP_WIDTH_MIN && wide < SNAP_WIDTH_MAX) wide -= wide % SNAP_WIDTH;
    guint high = even((wide * 9 + 16) / 16); /* nearest even number, */
    high = MIN(high, even(height / rows));   /* unless it would not fit */
    if (wide < 4 || high < 2) return (Rect){ 0 };
    return (Rect){ .width = (guint16)wide, .height = (guint16)high };
}

/* Fills by rows from the left: a room keeps its place in the roster's order. */
static guint place_wall(guint n_tiles, guint width, guint height, Rect *rects) {
    Rect best = { 0 };
    guint best_columns = 0;
    for (guint columns = 1; columns <= n_tiles; columns++) {
        Rect tile = wall_tile(columns, (n_tiles + columns - 1) / columns, width, height);
        /* Of equal sizes the one with more columns: screens are wide. */
        if (tile.width > 0 && (guint)tile.width * tile.height >= (guint)best.width * best.height) {
            best = tile;
            best_columns = columns;
        }
    }
    if (best_columns == 0) return 0;
    guint rows = (n_tiles + best_columns - 1) / best_columns;
    best_columns = (n_tiles + rows - 1) / rows; /* no empty column at the right */
    guint left = even((width - best_columns * best.width) / 2), top = even((height - rows * best.height) / 2);
    for (guint i = 0; i < n_tiles; i++) {
        rects[i] = best;
        rects[i].x = (guint16)(left + (i % best_columns) * best.width);
        rects[i].y = (guint16)(top + (i / best_columns) * best.height);
    }
    return n_tiles;
}

Layout layout_tightened(Layout layout, guint n_tiles) {
    static const Layout one_and_more[] = { LAYOUT_1_1, LAYOUT_1_5, LAYOUT_1_7, LAYOUT_1_12, LAYOUT_1_20 };
    if (layout < LAYOUT_1_5 || layout > LAYOUT_1_20) return layout;
    for (guint i = 0; i < G_N_ELEMENTS(one_and_more) && one_and_more[i] < layout; i++)
        if (n_tiles <= layout_capacity(one_and_more[i], n_tiles)) return one_and_more[i];
    return layout;
}

guint layout_capacity(Layout layout, guint n_wanted) {
    switch (layout) {
    case LAYOUT_FULL: return 1;
    case LAYOUT_1_1: return 2;
    case LAYOUT_1_5: return 6;
    case LAYOUT_1_7: return 8;
    case LAYOUT_1_12: return 13;
    case LAYOUT_1_20: return 21;
    case LAYOUT_GRID: return MIN(n_wanted, GRID_SIDE_MAX * GRID_SIDE_MAX);
    case LAYOUT_LECTURE: return 12;
    case LAYOUT_PRESENTATION: return 10;
    case LAYOUT_WALL: return MIN(n_wanted, WALL_TILES_MAX);
    default: return layout_grid_side(layout) * layout_grid_side(layout);
    }
}

guint layout_place(Layout layout, guint n_tiles, guint width, guint height, Rect *ret_rects,
                   guint rects_max) {
    guint n = MIN(MIN(n_tiles, rects_max), layout_capacity(layout, n_tiles));
    if (n == 0 || width < 4 || height < 4 || width > G_MAXUINT16 || height > G_MAXUINT16) return 0;
    guint side = layout_grid_side(layout);
    if (side > 0) return place_sized_grid(side, n, width, height, ret_rects);
    if (n == 1) { /* one alone has the whole canvas, whatever was asked */
        ret_rects[0] = (Rect){ 0, 0, (guint16)even(width), (guint16)even(height) };
        return 1;
    }
    Template template;
    switch (layout) {
    case LAYOUT_WALL: return place_wall(n, width, height, ret_rects);
    case LAYOUT_GRID: return place_grid(n, width, height, ret_rects);
    case LAYOUT_1_5: template = template_1_5; break;
    case LAYOUT_1_7: template = template_1_7; break;
    case LAYOUT_1_12: template = ring(4, 1, 2); break;
    case LAYOUT_1_20: template = ring(6, 1, 4); break;
    case LAYOUT_LECTURE: template = lecture(n); break;
    case LAYOUT_PRESENTATION: return place_presentation(n, width, height, ret_rects);
    default: template = template_1_1; break;
    }
    return place_template(&template, n, width, height, ret_rects);
}
