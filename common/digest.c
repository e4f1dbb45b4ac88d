/* SHA-256 by libsodium. */
#include "common/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK_BYTES = 64 << 10 };

_Static_assert(sizeof(crypto_hash_sha256_state) <=
                   sizeof((digester_t *)0)->state,
               "the opaque state holds libsodium's");
_Static_assert(crypto_hash_sha256_BYTES == DIGEST_BYTES, "SHA-256");

static crypto_hash_sha256_state *
s_state(digester_t *self)
{
    return (crypto_hash_sha256_state *)(void *)self;
}

void
digester_init(digester_t *self)
{
    crypto_hash_sha256_init(s_state(self));
}

void
digester_add(digester_t *self, const void *bytes, size_t size)
{
    crypto_hash_sha256_update(s_state(self), bytes, size);
}

void
digester_finish(digester_t *self, digest_t *digest)
{
    crypto_hash_sha256_final(s_state(self), digest->bytes);
}

int
digest_file(digest_t *digest, const char *path, fault_t *fault)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return fault_set(fault, FAULT_SYSTEM, "%s: %s", path, strerror(errno));

    digester_t digester;
    digester_init(&digester);
    unsigned char block[BLOCK_BYTES];
    ssize_t size;
    do {
        size = read(file, block, sizeof block);
        if (size > 0)
            digester_add(&digester, block, (size_t)size);
    } while (size > 0 || (size < 0 && errno == EINTR));
    int error = errno;
    close(file);
    if (size < 0)
        return fault_set(fault, FAULT_SYSTEM, "%s: %s", path, strerror(error));
    digester_finish(&digester, digest);
    return 0;
}

bool
digest_equal(const digest_t *a, const digest_t *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

const char *
digest_text(const digest_t *digest, char text[DIGEST_HEX + 1], int digits)
{
    for (int i = 0; i < DIGEST_BYTES; i++)
        snprintf(text + 2 * i, 3, "%02x", digest->bytes[i]);
    if (digits >= 0 && digits < DIGEST_HEX)
        text[digits] = '\0';
    return text;
}

static int
s_hex(char digit)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = digit ? strchr(digits, digit) : NULL;
    return at ? (int)(at - digits) : -1;
}

bool
digest_parse(digest_t *digest, const char *text)
{
    if (strlen(text) != DIGEST_HEX)
        return false;
    for (int i = 0; i < DIGEST_BYTES; i++) {
        int high = s_hex(text[2 * i]), low = s_hex(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        digest->bytes[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}
