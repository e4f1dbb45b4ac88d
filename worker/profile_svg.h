/* A profile as a chart: a bar a step. */
#ifndef CONVOY_WORKER_PROFILE_SVG_H
#define CONVOY_WORKER_PROFILE_SVG_H

#include "worker/profile.h"

/* Write a settled profile as an SVG picture under a title of any bytes. The
 * file appears when it is complete. FAULT_SYSTEM names it. */
int profile_svg(const profile_t *self, const char *title, const char *path,
                fault_t *fault);

#endif
