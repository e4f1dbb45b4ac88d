/* A profile as a chart: a bar a step.
 *
 *     title
 *     legend, the sums:        # Conv, winograd  13 steps  31.2 ms  64 %
 *     node          operator   ========= 4.211 ms   8.7 %   310 GFLOP/s
 */
#include "worker/profile_svg.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/utf8.h"

enum {
    WIDTH = 1200,
    MARGIN = 16,
    LINE = 18,
    BAR = 13,
    WHAT_X = 310,
    BARS_X = 540,
    BARS_WIDTH = 360, /* of the longest bar; its figures stand behind it */
    HEAD = 44,
};

/* As different as ten colours on white can be; more sums share them. */
static const char *const colours[] = {
    "#4e79a7", "#f28e2b", "#59a14f", "#e15759", "#76b7b2",
    "#edc948", "#b07aa1", "#9c755f", "#ff9da7", "#bab0ac",
};

enum { COLOURS = sizeof colours / sizeof colours[0] };

/* A UTF-8 text within a picture. XML has no U+FFFE and U+FFFF. */
static void
s_put_text(FILE *file, const char *text)
{
    for (size_t size, left = strlen(text); left > 0; left -= size) {
        size = utf8_printable(text, left);
        bool outside = size == 0 || strncmp(text, "\xef\xbf\xbe", 3) == 0 ||
                       strncmp(text, "\xef\xbf\xbf", 3) == 0;
        size = size ? size : 1;
        switch (*text) {
        case '&':
            fputs("&amp;", file);
            break;
        case '<':
            fputs("&lt;", file);
            break;
        case '>':
            fputs("&gt;", file);
            break;
        default:
            fwrite(outside ? "?" : text, 1, outside ? 1 : size, file);
        }
        text += size;
    }
}

static void
s_label(FILE *file, int x, int y, const char *text)
{
    fprintf(file, "<text x=\"%d\" y=\"%d\">", x, y);
    s_put_text(file, text);
    fputs("</text>\n", file);
}

static void
s_bar(FILE *file, int x, int y, double width, const char *colour)
{
    fprintf(file,
            "<rect x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" "
            "fill=\"%s\"/>\n",
            x, y - BAR + 2, width, BAR, colour);
}

static const char *
s_colour(const profile_t *self, const lap_t *lap)
{
    size_t i = 0;
    while (i + 1 < self->sums_count &&
           (strcmp(self->sums[i].op, lap->op) != 0 ||
            strcmp(self->sums[i].way, lap->way) != 0))
        i++;
    return colours[i % COLOURS];
}

static int
s_draw_legend(const profile_t *self, FILE *file, int y)
{
    for (size_t i = 0; i < self->sums_count; i++, y += LINE) {
        const profile_sum_t *sum = &self->sums[i];
        char text[160];
        snprintf(text, sizeof text,
                 "%s%s%s: %d steps, %.3f ms, %.1f %%, %.1f GFLOP/s", sum->op,
                 sum->way[0] ? ", " : "", sum->way, sum->steps, sum->ms,
                 100.0 * sum->share, sum->gflops);
        s_bar(file, MARGIN, y, BAR, colours[i % COLOURS]);
        s_label(file, MARGIN + LINE, y, text);
    }
    return y + LINE;
}

static void
s_draw_rows(const profile_t *self, FILE *file, int y)
{
    double longest = 0.0;
    for (size_t i = 0; i < self->rows_count; i++)
        if (self->rows[i].ms > longest)
            longest = self->rows[i].ms;
    for (size_t i = 0; i < self->rows_count; i++, y += LINE) {
        const profile_row_t *row = &self->rows[i];
        double width = longest > 0.0 ? BARS_WIDTH * row->ms / longest : 0.0;
        char text[128];
        s_label(file, MARGIN, y, profile_tail(row->lap->node));
        s_label(file, WHAT_X, y, profile_what(row, text, sizeof text));
        s_bar(file, BARS_X, y, width, s_colour(self, row->lap));
        snprintf(text, sizeof text, "%.4f ms, %.1f %%, %.1f GFLOP/s%s%s",
                 row->ms, 100.0 * row->share, row->gflops,
                 row->lap->way[0] ? ", " : "", row->lap->way);
        s_label(file, BARS_X + (int)width + 6, y, text);
    }
}

static void
s_draw(const profile_t *self, const char *title, FILE *file)
{
    int lines = (int)(self->sums_count + self->rows_count) + 1;
    int height = HEAD + lines * LINE + MARGIN;
    fprintf(file,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" "
            "height=\"%d\" font-family=\"sans-serif\" font-size=\"11\">\n"
            "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n"
            "<g font-size=\"15\">\n",
            WIDTH, height);
    s_label(file, MARGIN, MARGIN + BAR, title);
    fputs("</g>\n", file);
    s_draw_rows(self, file, s_draw_legend(self, file, HEAD + BAR));
    fputs("</svg>\n", file);
}

int
profile_svg(const profile_t *self, const char *title, const char *path,
            fault_t *fault)
{
    char *partial = NULL;
    if (asprintf(&partial, "%s.%ld.tmp", path, (long)getpid()) < 0)
        return fault_set(fault, FAULT_MEMORY, "out of memory");
    FILE *file = fopen(partial, "wxe");
    if (file)
        s_draw(self, title, file);
    bool failed = !file || ferror(file);
    failed = (file && fclose(file) != 0) || failed;
    if (failed || rename(partial, path) != 0) {
        fault_set(fault, FAULT_SYSTEM, "%s: %s", path, strerror(errno));
        if (file)
            unlink(partial);
        failed = true;
    }
    free(partial);
    return failed ? -1 : 0;
}
