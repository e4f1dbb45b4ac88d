/* Folders that Convoy makes for itself: where parts are kept. */
#ifndef CONVOY_COMMON_FOLDER_H
#define CONVOY_COMMON_FOLDER_H

#include <stddef.h>

#include "common/fault.h"

/* The folder and those above it that are missing, mode 0700. One that is there
 * is fine. -1 with FAULT_SYSTEM naming the folder. */
int folder_make(const char *path, fault_t *fault);

/* The user's cache folder, made if it is not there, into text[size]:
 * $XDG_CACHE_HOME/convoy, else $HOME/.cache/convoy, else (no home, or one that
 * cannot be written) convoy-UID under $TMPDIR or the system's folder for
 * temporary files. That last one is refused where somebody else owns it or may
 * write it. -1 with FAULT_SYSTEM in a sentence that names the folder. */
int folder_cache(char *text, size_t size, fault_t *fault);

#endif
