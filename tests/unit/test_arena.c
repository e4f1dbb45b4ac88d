/* Where operands lie: apart while they live, and as close as possible. */
#include "tests/support/tests.h"

#include <math.h>
#include <stdlib.h>

#include "tests/support/naive.h"
#include "worker/engine/arena.h"

enum { OPERANDS_MAX = 64, INPUTS_MAX = 3, ALIGNMENT = 64 };

/* A plan without a graph: operand 0 is the input, step i makes operand
 * i + 1. */
typedef struct sketch {
    plan_t plan;
    operand_t operands[OPERANDS_MAX];
    step_t steps[OPERANDS_MAX];
    operand_t *places[OPERANDS_MAX][INPUTS_MAX + 1];
} sketch_t;

static const op_t s_op = {.name = "Any"};

static void
s_begin(sketch_t *self, size_t bytes)
{
    *self = (sketch_t){.plan = {.operands = self->operands,
                                .operands_count = 1,
                                .steps = self->steps,
                                .inputs = {&self->operands[0]},
                                .inputs_count = 1,
                                .batch_max = 2}};
    self->operands[0] = (operand_t){.bytes = bytes, .batched = true};
}

static void
s_add(sketch_t *self, size_t bytes, int inputs_count, const size_t *inputs)
{
    plan_t *plan = &self->plan;
    operand_t **places = self->places[plan->steps_count];
    operand_t *made = &self->operands[plan->operands_count++];
    *made = (operand_t){.bytes = bytes, .batched = true};
    for (int i = 0; i < inputs_count; i++)
        places[i] = &self->operands[inputs[i]];
    places[INPUTS_MAX] = made;
    self->steps[plan->steps_count++] = (step_t){
        .op = &s_op,
        .inputs = places,
        .inputs_count = inputs_count,
        .outputs = places + INPUTS_MAX,
        .outputs_count = 1,
    };
    plan->outputs[0] = made;
    plan->outputs_count = 1;
}

/* The steps that an operand lives from and to, the input from before the
 * first. */
static void
s_life(const sketch_t *self, size_t operand, size_t *first, size_t *last)
{
    size_t steps = self->plan.steps_count;
    *first = operand;
    *last = operand == 0 || operand == steps ? steps + 1 : operand;
    for (size_t s = 0; s < steps; s++)
        for (int i = 0; i < self->steps[s].inputs_count; i++)
            if (self->steps[s].inputs[i] == &self->operands[operand] &&
                s + 1 > *last)
                *last = s + 1;
}

static size_t
s_bytes(const sketch_t *self, size_t operand)
{
    size_t bytes = self->operands[operand].bytes * self->plan.batch_max;
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* The most that lives at one step. */
static size_t
s_least(const sketch_t *self)
{
    size_t most = 0, count = self->plan.operands_count;
    for (size_t step = 0; step <= count; step++) {
        size_t sum = 0, first, last;
        for (size_t i = 0; i < count; i++) {
            s_life(self, i, &first, &last);
            sum += first <= step && step <= last ? s_bytes(self, i) : 0;
        }
        most = sum > most ? sum : most;
    }
    return most;
}

static void
s_check_apart(const sketch_t *self)
{
    const size_t *offsets = self->plan.offsets;
    for (size_t a = 0; a < self->plan.operands_count; a++)
        for (size_t b = 0; b < a; b++) {
            size_t first_a, last_a, first_b, last_b;
            s_life(self, a, &first_a, &last_a);
            s_life(self, b, &first_b, &last_b);
            if (first_a <= last_b && first_b <= last_a)
                assert_true(offsets[a] + s_bytes(self, a) <= offsets[b] ||
                            offsets[b] + s_bytes(self, b) <= offsets[a]);
        }
}

/* The arena's bytes over the least possible. */
static double
s_lay_out(sketch_t *self)
{
    fault_t fault = {0};
    assert_ok(arena_lay_out(&self->plan, NULL, &fault), &fault);
    s_check_apart(self);
    for (size_t i = 0; i < self->plan.operands_count; i++) {
        assert_int_equal(self->plan.offsets[i] % ALIGNMENT, 0);
        assert_true(self->plan.offsets[i] + s_bytes(self, i) <=
                    self->plan.arena_bytes);
    }
    double ratio = (double)self->plan.arena_bytes / (double)s_least(self);
    free(self->plan.offsets);
    return ratio;
}

static void
random_plans_take_little_more_than_what_lives_together(void **state)
{
    (void)state;
    enum { PLANS = 300 };
    naive_random_t random = {1};
    double sum = 0.0;
    for (int p = 0; p < PLANS; p++) {
        sketch_t sketch;
        s_begin(&sketch, (size_t)naive_int(&random, 1, 4000));
        for (int n = naive_int(&random, 1, OPERANDS_MAX - 1); n > 0; n--) {
            int made = (int)sketch.plan.operands_count;
            int low = made > 4 ? made - 4 : 0, count = naive_int(&random, 1, 2);
            size_t inputs[] = {(size_t)made - 1,
                               (size_t)naive_int(&random, low, made - 1)};
            s_add(&sketch, (size_t)naive_int(&random, 1, 4000), count, inputs);
        }
        sum += log(s_lay_out(&sketch));
    }
    assert_true(exp(sum / PLANS) < 1.02);
}

/* ConvNeXt: a residual as large as what is widened fourfold in between, where
 * placing the largest first leaves gaps that nothing fits. */
static void
wide_tensors_between_narrow_ones_leave_no_gaps(void **state)
{
    (void)state;
    enum { NARROW = 4096, WIDE = 4 * NARROW };
    sketch_t sketch;
    s_begin(&sketch, NARROW / 2);
    s_add(&sketch, NARROW, 1, (size_t[]){0});
    for (int block = 0; block < 4; block++) {
        size_t x = sketch.plan.operands_count - 1;
        s_add(&sketch, NARROW, 1, (size_t[]){x});
        s_add(&sketch, NARROW, 1, (size_t[]){x + 1});
        s_add(&sketch, WIDE, 1, (size_t[]){x + 2});
        s_add(&sketch, NARROW, 1, (size_t[]){x + 3});
        s_add(&sketch, NARROW, 2, (size_t[]){x + 4, x});
    }
    assert_true(s_lay_out(&sketch) == 1.0);
}

/* A sum is written over the residual, unless its step reads it otherwise or
 * somebody reads it later. */
static void
a_sum_lies_where_its_residual_was(void **state)
{
    (void)state;
    static const op_t sums = {.name = "Any", .flags = OP_SUMS_IN_PLACE};
    static const struct {
        size_t input, later;
        bool together;
    } rows[] = {{2, 3, true}, {1, 3, false}, {2, 1, false}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        fault_t fault = {0};
        sketch_t sketch;
        s_begin(&sketch, 640);
        s_add(&sketch, 640, 1, (size_t[]){0}); /* 1: the residual */
        s_add(&sketch, 640, 1, (size_t[]){1});
        s_add(&sketch, 640, 1, &rows[i].input); /* 3: the sum */
        sketch.steps[2].op = &sums;
        sketch.steps[2].residual = &sketch.operands[1];
        s_add(&sketch, 640, 2, (size_t[]){3, rows[i].later});
        assert_ok(arena_lay_out(&sketch.plan, NULL, &fault), &fault);
        assert_int_equal(sketch.plan.offsets[3] == sketch.plan.offsets[1],
                         rows[i].together);
        free(sketch.plan.offsets);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            random_plans_take_little_more_than_what_lives_together),
        cmocka_unit_test(wide_tensors_between_narrow_ones_leave_no_gaps),
        cmocka_unit_test(a_sum_lies_where_its_residual_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
