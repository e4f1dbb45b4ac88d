/* A look at a config file before libconfig sees it.
 *
 * The tokens are those of libconfig's scanner.l: comments are # and // to the
 * end of the line and slash-star to star-slash, strings have backslash
 * escapes, integers may carry L or LL.
 */
#include "common/settings_scan.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/settings.h"

/* What came last, besides space and comments. */
typedef enum last {
    LAST_OTHER,
    LAST_COMMA,
    LAST_STRING, /* another one may follow: they are joined */
    LAST_VALUE,
} last_t;

typedef struct scan {
    const char *text;
    size_t size, at;
    const char *path;
    int line;
    int depth;
    int values;
    int names[SETTINGS_DEPTH_MAX + 1]; /* so far in each open bracket */
    char open[SETTINGS_DEPTH_MAX + 1]; /* which bracket; outermost none */
    last_t last;
    int last_line;
    fault_t *fault;
} scan_t;

static char
s_peek(const scan_t *self, size_t ahead)
{
    return self->at + ahead < self->size ? self->text[self->at + ahead] : '\0';
}

static void
s_step(scan_t *self)
{
    self->line += self->text[self->at] == '\n';
    self->at++;
}

static int
s_skip_line(scan_t *self)
{
    while (self->at < self->size && self->text[self->at] != '\n')
        self->at++;
    return 0;
}

static int
s_skip_comment(scan_t *self)
{
    int line = self->line;
    self->at += 2;
    while (self->at < self->size) {
        if (s_peek(self, 0) == '*' && s_peek(self, 1) == '/') {
            self->at += 2;
            return 0;
        }
        s_step(self);
    }
    return fault_set(self->fault, FAULT_CONFIG, "%s:%d: a comment has no end",
                     self->path, line);
}

static int
s_skip_string(scan_t *self)
{
    int line = self->line;
    self->at++;
    while (self->at < self->size) {
        char c = s_peek(self, 0);
        if (c == '\\' && self->at + 1 < self->size)
            s_step(self);
        s_step(self);
        if (c == '"')
            return 0;
    }
    return fault_set(self->fault, FAULT_CONFIG, "%s:%d: a string has no end",
                     self->path, line);
}

static int
s_check_integer(scan_t *self, const char *word, size_t size)
{
    char digits[72];
    size_t wide = 0;
    while (wide < 2 && wide < size && word[size - 1 - wide] == 'L')
        wide++;
    size_t kept = size - wide < sizeof digits ? size - wide : sizeof digits - 1;
    memcpy(digits, word, kept);
    digits[kept] = '\0';
    bool hex = digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X');
    errno = 0;
    long long value = strtoll(digits, NULL, hex ? 16 : 10);
    bool fits = !errno && kept == size - wide;
    if (fits && (wide || (value >= INT32_MIN && value <= INT32_MAX)))
        return 0;
    return fault_set(self->fault, FAULT_CONFIG,
                     "%s:%d: %.40s does not fit %d bits%s", self->path,
                     self->line, digits, wide ? 64 : 32,
                     wide ? "" : " (an L behind it makes it 64)");
}

/* libconfig calls all of these only a syntax error. */
static int
s_check_list(const scan_t *self, char c)
{
    char open = self->open[self->depth];
    bool opens = c && strchr("{[(", c), closes = c && strchr("])", c);
    const char *hint = NULL;
    int line = self->line;
    if (open != '(' && open != '[')
        return 0;
    if (closes && self->last == LAST_COMMA) {
        hint = "lists take no comma after the last item";
        line = self->last_line;
    } else if (opens && open == '[') {
        hint = "[ ] takes only numbers or texts, a list of groups or lists "
               "is in ( )";
    } else if (self->last == LAST_VALUE || self->last == LAST_STRING) {
        bool joined = self->last == LAST_STRING && c == '"';
        if (opens || (!joined && (c == '"' || !c)))
            hint = "the items of a list need commas between them";
    }
    return hint ? fault_set(self->fault, FAULT_CONFIG,
                            "%s:%d: syntax error; %s", self->path, line, hint)
                : 0;
}

static void
s_came(scan_t *self, last_t last)
{
    self->last = last;
    self->last_line = self->line;
}

/* A name, a number or a truth value: a run of the characters of all three. */
static int
s_take_word(scan_t *self)
{
    size_t start = self->at;
    while (self->at < self->size &&
           (isalnum((unsigned char)s_peek(self, 0)) ||
            (s_peek(self, 0) && strchr("+-._*", s_peek(self, 0)))))
        self->at++;
    const char *word = self->text + start;
    size_t size = self->at - start, i = 0;
    if (word[0] == '+' || word[0] == '-')
        i = 1;
    bool hex = size > 2 && word[0] == '0' && (word[1] | 0x20) == 'x';
    size_t digits = hex ? 2 : i;
    while (digits < size && (hex ? isxdigit((unsigned char)word[digits])
                                 : isdigit((unsigned char)word[digits])))
        digits++;
    size_t end = digits;
    while (end < size && word[end] == 'L')
        end++;
    bool integer = digits > (hex ? 2 : i) && end == size;
    return integer ? s_check_integer(self, word, size) : 0;
}

static int
s_open(scan_t *self, char c)
{
    if (self->depth == SETTINGS_DEPTH_MAX)
        return fault_set(self->fault, FAULT_CONFIG,
                         "%s:%d: nested deeper than %d", self->path, self->line,
                         SETTINGS_DEPTH_MAX);
    self->names[++self->depth] = 0;
    self->open[self->depth] = c;
    return 0;
}

static int
s_count(scan_t *self, bool name)
{
    if (++self->values > SETTINGS_VALUES_MAX)
        return fault_set(self->fault, FAULT_CONFIG, "%s: more than %d values",
                         self->path, SETTINGS_VALUES_MAX);
    self->names[self->depth] += name;
    if (self->names[self->depth] > SETTINGS_NAMES_MAX)
        return fault_set(self->fault, FAULT_CONFIG,
                         "%s:%d: more than %d names in a group", self->path,
                         self->line, SETTINGS_NAMES_MAX);
    return 0;
}

static int
s_take_mark(scan_t *self, char c)
{
    self->at++;
    if (c == '@')
        return fault_set(self->fault, FAULT_CONFIG,
                         "%s:%d: @include is not allowed", self->path,
                         self->line);
    if (s_check_list(self, c) != 0)
        return -1;
    s_came(self, strchr("}])", c) ? LAST_VALUE
                 : c == ','       ? LAST_COMMA
                                  : LAST_OTHER);
    if (strchr("}])", c)) {
        self->depth -= self->depth > 0; /* libconfig reports the surplus */
        return 0;
    }
    if (strchr("{[(", c) && s_open(self, c) != 0)
        return -1;
    return s_count(self, c == '=' || c == ':');
}

static int
s_take_token(scan_t *self)
{
    char c = s_peek(self, 0), next = s_peek(self, 1);
    if (c == '#' || (c == '/' && next == '/'))
        return s_skip_line(self);
    if (c == '/' && next == '*')
        return s_skip_comment(self);
    if (c == '"') {
        if (s_check_list(self, c) != 0)
            return -1;
        s_came(self, LAST_STRING);
        return s_skip_string(self);
    }
    if (isalnum((unsigned char)c) || strchr("+-._*", c)) {
        if (s_check_list(self, '\0') != 0)
            return -1;
        s_came(self, LAST_VALUE);
        return s_take_word(self);
    }
    if (strchr("{}[]()=:,@", c))
        return s_take_mark(self, c);
    if (!isspace((unsigned char)c))
        s_came(self, LAST_OTHER);
    s_step(self);
    return 0;
}

int
settings_scan(const char *text, size_t size, const char *path, fault_t *fault)
{
    if (memchr(text, '\0', size))
        return fault_set(fault, FAULT_CONFIG, "%s: not a text file", path);
    scan_t scan = {
        .text = text, .size = size, .path = path, .line = 1, .fault = fault};
    while (scan.at < scan.size)
        if (s_take_token(&scan) != 0)
            return -1;
    return 0;
}
