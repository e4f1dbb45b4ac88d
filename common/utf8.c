/* UTF-8 as RFC 3629 has it. */
#include "common/utf8.h"

#include <stdint.h>
#include <string.h>

/* Bytes that a first byte announces; 0 where it is none. */
static size_t
s_announced(unsigned char first)
{
    return first < 0x80             ? 1
           : (first & 0xe0) == 0xc0 ? 2
           : (first & 0xf0) == 0xe0 ? 3
           : (first & 0xf8) == 0xf0 ? 4
                                    : 0;
}

/* How many of the following bytes continue a character. */
static size_t
s_following(const unsigned char *text, size_t left)
{
    size_t count = 0;
    while (1 + count < left && (text[1 + count] & 0xc0) == 0x80)
        count++;
    return count;
}

size_t
utf8_printable(const char *text, size_t left)
{
    static const int32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *bytes = (const unsigned char *)text;
    size_t length = s_announced(bytes[0]);
    if (length == 0 || length > left ||
        s_following(bytes, length) != length - 1)
        return 0;
    int32_t point = length == 1 ? bytes[0] : bytes[0] & (0x7f >> length);
    for (size_t i = 1; i < length; i++)
        point = point << 6 | (bytes[i] & 0x3f);
    bool control = point < 0x20 || (point >= 0x7f && point < 0xa0);
    bool surrogate = point >= 0xd800 && point <= 0xdfff;
    if (control || surrogate || point < least[length] || point > 0x10ffff)
        return 0;
    return length;
}

void
utf8_clean(char *text)
{
    size_t size = strlen(text);
    for (size_t at = 0, used; at < size; at += used) {
        const unsigned char *bytes = (const unsigned char *)text + at;
        size_t left = size - at;
        used = utf8_printable(text + at, left);
        if (used)
            continue;
        bool cut_off = s_announced(bytes[0]) > left &&
                       s_following(bytes, left) == left - 1;
        text[at] = cut_off ? '\0' : '?';
        used = cut_off ? left : 1;
    }
}
