/* "Did you mean": the optimal string alignment distance over three rows. */
#include "common/nearest.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

enum { WORD_MAX = 63 };

static size_t
s_min(size_t a, size_t b)
{
    return a < b ? a : b;
}

static bool
s_same(char a, char b)
{
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

size_t
nearest_distance(const char *a, const char *b)
{
    size_t rows[3][WORD_MAX + 1];
    size_t a_size = strnlen(a, WORD_MAX), b_size = strnlen(b, WORD_MAX);
    for (size_t j = 0; j <= b_size; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a_size; i++) {
        const size_t *before = rows[(i + 1) % 3]; /* row i - 2 */
        const size_t *above = rows[(i - 1) % 3];
        size_t *row = rows[i % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            row[j] = s_min(above[j], row[j - 1]) + 1;
            row[j] = s_min(row[j], above[j - 1] + !s_same(a[i - 1], b[j - 1]));
            if (i > 1 && j > 1 && s_same(a[i - 1], b[j - 2]) &&
                s_same(a[i - 2], b[j - 1]))
                row[j] = s_min(row[j], before[j - 2] + 1);
        }
    }
    return rows[a_size % 3][b_size];
}

void
nearest_offer(nearest_t *self, const char *word, const char *known)
{
    size_t distance = nearest_distance(word, known);
    size_t near = strlen(known) / 3 + 1;
    if (distance <= near && (!self->best || distance < self->distance)) {
        self->best = known;
        self->distance = distance;
    }
}

const char *
nearest_answer(const nearest_t *self)
{
    return self->best;
}
