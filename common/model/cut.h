/* Cutting a graph into parts: which node belongs to which part.
 *
 * The result is node_t.part, 0 .. parts - 1, never falling along an edge. The
 * boundary behind part k is the set of live tensors: made (or given) up to
 * part k and needed behind it; what a part does not use it passes on.
 */
#ifndef CONVOY_COMMON_MODEL_CUT_H
#define CONVOY_COMMON_MODEL_CUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/fault.h"
#include "common/model/graph.h"
#include "common/model/shape.h"

enum { CUT_PARTS_MAX = 32 };

/* How fast a machine is and how fast its link; the defaults of cut_rates_init
 * are a small server on gigabit Ethernet. */
typedef struct cut_rates {
    double flop_per_s;
    double memory_bytes_per_s;
    double link_bytes_per_s;
    uint64_t boundary_bytes_max;  /* a tensor of a boundary, of one sample */
    double shares[CUT_PARTS_MAX]; /* the machine of part k is so many times as
                                     fast as these rates say */
    int shares_count;             /* 0: all are alike; else one a part */
    bool half;                    /* float32 tensors cross as float16 */
} cut_rates_t;

void cut_rates_init(cut_rates_t *rates);

/* Everything that a named tensor depends on ends in the part the name closes:
 * count names make count + 1 parts. -1 with FAULT_CONFIG naming a tensor that
 * does not exist (and the nearest that does) or leaves a part empty. */
int cut_by_names(graph_t *graph, const char *const *names, size_t count,
                 fault_t *fault);

/* As many parts as asked for. Where there is an even cut (each part's
 * computing at most a tenth over its share, and each boundary at most a tenth
 * of a part off its even place) whose slowest part (cut_part_s) is at most a
 * tenth slower than that of the fastest of all cuts, it is the even cut that
 * fewest bytes cross; else it is the fastest of all. -1 with FAULT_CONFIG if
 * the graph has too few places for that. */
int cut_evenly(graph_t *graph, int parts, const cut_rates_t *rates,
               fault_t *fault);

/* Check node_t.part: no part may be empty (FAULT_CONFIG), no
 * part may need something of a later one (FAULT_INPUT). */
int cut_check(const graph_t *graph, int parts, fault_t *fault);

/* FAULT_CONFIG naming a tensor that crosses though it follows from the shapes
 * alone: batches of another size would need another one. */
int cut_check_shapes(const graph_t *graph, int parts, fault_t *fault);

/* The values that cross behind part `part`, at most TENSORS_MAX, in the order
 * of their values. Returns how many, or -1 with FAULT_INPUT. */
int cut_boundary(const graph_t *graph, int part, int values[TENSORS_MAX],
                 fault_t *fault);

/* Bytes of one sample of a tensor where it crosses a boundary. */
uint64_t cut_crossing_bytes(const cut_rates_t *rates, dtype_t dtype,
                            const shape_t *shape);

/* How strong the machine of a part is, against a machine of the rates. */
double cut_share(const cut_rates_t *rates, int part);

/* Seconds one sample takes: computing on a machine of the rates, and over the
 * link. */
double cut_compute_s(const cut_rates_t *rates, double flop, double bytes);
double cut_link_s(const cut_rates_t *rates, double bytes);

/* What a part costs: computing, and the tensors of both its boundaries, which
 * its worker takes in and sends on. Both the cut and the plan go by it. */
double cut_part_s(const cut_rates_t *rates, int part, double flop, double bytes,
                  double boundary_bytes);

#endif
