/* picture.c -- see picture.h. Drawn with cairo, turned to I420 by libyuv, encoded by libvpx. */
#include "tests/load/picture.h"

#include <libyuv/convert.h>
#include <math.h>
#include <pango/pangocairo.h>
#include <string.h>
#include <vpx/vp8cx.h>
#include <vpx/vpx_encoder.h>

/* The strip, in fractions of the picture. It keeps clear of the edges, where speaking borders and labels are. */
static const double STRIP_LEFT = 0.20, STRIP_RIGHT = 0.80, STRIP_TOP = 0.09, STRIP_BOTTOM = 0.16;
/* Where the background shows beside the figure. */
static const double COLOUR_X = 0.05, COLOUR_Y = 0.40;

typedef struct {
    double red, green, blue;
} Rgb;

/* Golden angle: neighbours in the roster differ clearly. Soft enough to look at for hours. */
static Rgb colour_of(guint number) {
    double hue = fmod(number * 0.6180339887, 1.0) * 6.0, value = 0.78, saturation = 0.55;
    double f = hue - floor(hue), p = value * (1 - saturation), q = value * (1 - saturation * f),
           t = value * (1 - saturation * (1 - f));
    switch ((guint)hue) {
    case 0: return (Rgb){ value, t, p };
    case 1: return (Rgb){ q, value, p };
    case 2: return (Rgb){ p, value, t };
    case 3: return (Rgb){ p, q, value };
    case 4: return (Rgb){ t, p, value };
    default: return (Rgb){ value, p, q };
    }
}

void picture_colour(guint number, guint8 ret_yuv[3]) {
    Rgb c = colour_of(number);
    ret_yuv[0] = (guint8)lround(16 + 65.481 * c.red + 128.553 * c.green + 24.966 * c.blue);
    ret_yuv[1] = (guint8)lround(128 - 37.797 * c.red - 74.203 * c.green + 112.0 * c.blue);
    ret_yuv[2] = (guint8)lround(128 + 112.0 * c.red - 93.786 * c.green - 18.214 * c.blue);
}

static guint code_of(guint number) {
    guint bits = number & 0xFF, parity = 0;
    for (guint i = 0; i < 8; i++) parity ^= bits >> i & 1;
    return 1u << 9 | bits << 1 | parity;
}

static void draw_text(cairo_t *cr, const char *text, double x, double y, double width, double height) {
    PangoLayout *layout = pango_cairo_create_layout(cr);
    PangoFontDescription *font = pango_font_description_from_string("Open Sans, Noto Sans, DejaVu Sans Bold");
    pango_font_description_set_absolute_size(font, height * PANGO_SCALE);
    pango_layout_set_font_description(layout, font);
    pango_layout_set_text(layout, text, -1);
    pango_layout_set_width(layout, (int)(width * PANGO_SCALE));
    pango_layout_set_ellipsize(layout, PANGO_ELLIPSIZE_END);
    pango_layout_set_alignment(layout, PANGO_ALIGN_CENTER);
    cairo_move_to(cr, x, y);
    pango_cairo_show_layout(cr, layout);
    pango_font_description_free(font);
    g_object_unref(layout);
}

static void draw_strip(cairo_t *cr, guint number, double width, double height) {
    guint code = code_of(number);
    double step = (STRIP_RIGHT - STRIP_LEFT) * width / PICTURE_CODE_CELLS;
    for (guint i = 0; i < PICTURE_CODE_CELLS; i++) {
        double shade = code >> (PICTURE_CODE_CELLS - 1 - i) & 1 ? 0.92 : 0.18;
        cairo_set_source_rgb(cr, shade, shade, shade);
        cairo_rectangle(cr, STRIP_LEFT * width + i * step, STRIP_TOP * height, step + 0.5,
                        (STRIP_BOTTOM - STRIP_TOP) * height);
        cairo_fill(cr);
    }
}

/* What does not move: wall, a person at a table, number and name. */
static void draw_base(cairo_t *cr, guint number, const char *name, double width, double height) {
    Rgb c = colour_of(number);
    g_autofree char *digits = g_strdup_printf("%u", number);
    cairo_set_source_rgb(cr, c.red, c.green, c.blue);
    cairo_paint(cr);
    draw_strip(cr, number, width, height);
    cairo_set_source_rgb(cr, 0.93, 0.78, 0.66);
    cairo_arc(cr, 0.5 * width, 0.44 * height, 0.13 * height, 0, 2 * G_PI);
    cairo_fill(cr);
    cairo_set_source_rgb(cr, 0.20, 0.24, 0.32);
    cairo_arc(cr, 0.5 * width, 0.86 * height, 0.28 * height, G_PI, 2 * G_PI);
    cairo_fill(cr);
    cairo_set_source_rgb(cr, 0.45, 0.33, 0.24);
    cairo_rectangle(cr, 0, 0.80 * height, width, 0.20 * height);
    cairo_fill(cr);
    cairo_set_source_rgb(cr, 1, 1, 1);
    draw_text(cr, digits, 0.62 * width, 0.28 * height, 0.36 * width, 0.26 * height);
    draw_text(cr, name, 0.05 * width, 0.60 * height, 0.90 * width, 0.10 * height);
}

/* A clock on the wall whose hand goes round once per loop. */
static void draw_clock(cairo_t *cr, double turn, double width, double height) {
    double x = 0.22 * width, y = 0.44 * height, radius = 0.13 * height;
    cairo_set_source_rgb(cr, 0.97, 0.97, 0.95);
    cairo_arc(cr, x, y, radius, 0, 2 * G_PI);
    cairo_fill(cr);
    cairo_set_source_rgb(cr, 0.75, 0.10, 0.10);
    cairo_set_line_width(cr, MAX(2.0, height / 60));
    cairo_move_to(cr, x, y);
    cairo_line_to(cr, x + radius * 0.9 * sin(turn * 2 * G_PI), y - radius * 0.9 * cos(turn * 2 * G_PI));
    cairo_stroke(cr);
}

static gboolean open_encoder(vpx_codec_ctx_t *codec, guint width, guint height, guint fps,
                             guint bitrate_bps) {
    vpx_codec_enc_cfg_t config;
    if (vpx_codec_enc_config_default(vpx_codec_vp8_cx(), &config, 0) != VPX_CODEC_OK) return FALSE;
    config.g_w = width;
    config.g_h = height;
    config.g_timebase = (vpx_rational_t){ 1, (int)fps };
    config.g_threads = 1;
    config.g_lag_in_frames = 0;
    config.rc_end_usage = VPX_CBR;
    config.rc_target_bitrate = bitrate_bps / 1000;
    config.rc_max_quantizer = 48;
    config.rc_buf_sz = 1000;
    config.rc_buf_initial_sz = 500;
    config.rc_buf_optimal_sz = 600;
    config.kf_mode = VPX_KF_DISABLED;
    if (vpx_codec_enc_init(codec, vpx_codec_vp8_cx(), &config, 0) != VPX_CODEC_OK) return FALSE;
    vpx_codec_control(codec, VP8E_SET_CPUUSED, 12);
    vpx_codec_control(codec, VP8E_SET_STATIC_THRESHOLD, 1);
    vpx_codec_control(codec, VP8E_SET_MAX_INTRA_BITRATE_PCT, 400);
    return TRUE;
}

static gboolean encode_frame(vpx_codec_ctx_t *codec, vpx_image_t *image, guint i, GByteArray *bytes) {
    const vpx_codec_cx_pkt_t *packet;
    vpx_codec_iter_t iter = NULL;
    gsize before = bytes->len;
    if (vpx_codec_encode(codec, image, i, 1, i == 0 ? VPX_EFLAG_FORCE_KF : 0, VPX_DL_REALTIME) !=
        VPX_CODEC_OK)
        return FALSE;
    while ((packet = vpx_codec_get_cx_data(codec, &iter)) != NULL)
        if (packet->kind == VPX_CODEC_CX_FRAME_PKT)
            g_byte_array_append(bytes, packet->data.frame.buf, (guint)packet->data.frame.sz);
    return bytes->len > before;
}

static gboolean encode_loop(PictureLoop *loop, cairo_surface_t *base, vpx_codec_ctx_t *codec,
                            GByteArray *bytes) {
    int width = (int)loop->width, height = (int)loop->height;
    cairo_surface_t *frame = cairo_image_surface_create(CAIRO_FORMAT_RGB24, width, height);
    vpx_image_t *image = vpx_img_alloc(NULL, VPX_IMG_FMT_I420, loop->width, loop->height, 16);
    gboolean ok = image != NULL;
    for (guint i = 0; i < loop->n_frames && ok; i++) {
        cairo_t *cr = cairo_create(frame);
        cairo_set_source_surface(cr, base, 0, 0);
        cairo_paint(cr);
        draw_clock(cr, (double)i / loop->n_frames, width, height);
        cairo_destroy(cr);
        cairo_surface_flush(frame);
        ARGBToI420(cairo_image_surface_get_data(frame), cairo_image_surface_get_stride(frame),
                   image->planes[0], image->stride[0], image->planes[1], image->stride[1], image->planes[2],
                   image->stride[2], width, height);
        loop->offsets[i] = bytes->len;
        ok = encode_frame(codec, image, i, bytes);
    }
    loop->offsets[loop->n_frames] = bytes->len;
    vpx_img_free(image);
    cairo_surface_destroy(frame);
    return ok;
}

PictureLoop *picture_loop_new(guint number, const char *name, guint width, guint height, guint fps,
                              guint n_frames, guint bitrate_bps) {
    PictureLoop *loop = g_new0(PictureLoop, 1);
    GByteArray *bytes = g_byte_array_new();
    cairo_surface_t *base = cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)width, (int)height);
    cairo_t *cr = cairo_create(base);
    vpx_codec_ctx_t codec = { 0 };
    gboolean ok;
    *loop = (PictureLoop){ .width = width, .height = height, .fps = fps, .n_frames = n_frames };
    loop->offsets = g_new0(guint32, n_frames + 1);
    draw_base(cr, number, name, width, height);
    cairo_destroy(cr);
    cairo_surface_flush(base);
    ok = open_encoder(&codec, width, height, fps, bitrate_bps);
    if (ok) {
        ok = encode_loop(loop, base, &codec, bytes);
        vpx_codec_destroy(&codec);
    }
    cairo_surface_destroy(base);
    loop->bytes = g_byte_array_free(bytes, FALSE);
    if (!ok) g_clear_pointer(&loop, picture_loop_free);
    return loop;
}

void picture_loop_free(PictureLoop *loop) {
    if (loop == NULL) return;
    g_free(loop->offsets);
    g_free(loop->bytes);
    g_free(loop);
}

/* ---- reading ---- */

/* Mean of a 3x3 neighbourhood: codec noise is small, but it is there. */
static guint mean_at(const guint8 *plane, gint stride, guint x, guint y) {
    guint sum = 0;
    for (gint dy = -1; dy <= 1; dy++)
        for (gint dx = -1; dx <= 1; dx++) sum += plane[((gint)y + dy) * stride + (gint)x + dx];
    return sum / 9;
}

gint picture_read_code(const guint8 *const planes[3], const gint strides[3], guint x, guint y, guint width,
                       guint height, gboolean *ret_colour_right) {
    guint code = 0, colour_x, colour_y;
    guint8 yuv[3];
    if (width < 40 || height < 22) return -1;
    for (guint i = 0; i < PICTURE_CODE_CELLS; i++) {
        double across = STRIP_LEFT + (STRIP_RIGHT - STRIP_LEFT) * (i + 0.5) / PICTURE_CODE_CELLS;
        guint luma = mean_at(planes[0], strides[0], x + (guint)(across * width),
                             y + (guint)((STRIP_TOP + STRIP_BOTTOM) / 2 * height));
        if (luma > 80 && luma < 160) return -1; /* neither light nor dark */
        code = code << 1 | (luma >= 160);
    }
    if (code_of(code >> 1 & 0xFF) != code) return -1;
    picture_colour(code >> 1 & 0xFF, yuv);
    colour_x = x + (guint)(COLOUR_X * width);
    colour_y = y + (guint)(COLOUR_Y * height);
    *ret_colour_right = ABS((gint)mean_at(planes[0], strides[0], colour_x, colour_y) - yuv[0]) <= 16;
    for (guint i = 1; i < 3; i++)
        if (ABS((gint)mean_at(planes[i], strides[i], colour_x / 2, colour_y / 2) - yuv[i]) > 16)
            *ret_colour_right = FALSE;
    return (gint)(code >> 1 & 0xFF);
}
