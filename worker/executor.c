/* The compute thread and its two inproc pairs' ends.
 *
 * Commands and reports are heap blocks whose address is the message; sending
 * hands them over.
 */
#include "worker/executor.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/mem.h"

typedef enum command_kind {
    COMMAND_LOAD,
    COMMAND_RUN,
    COMMAND_STOP,
} command_kind_t;

typedef struct command {
    command_kind_t kind;
    digest_t digest;
    download_t *download; /* NULL: look in the cache */
    size_t count;
    task_t *tasks[BATCH_MAX];
} command_t;

struct executor {
    atomic_uint handovers; /* see s_send */
    zsock_t *near;         /* the agent's end */
    zsock_t *far;          /* the thread's end */
    pthread_t thread;
    bool started;
    runner_t runner;
    cache_t *cache;
};

/* --- both sides --- */

/* An allocation of a few hundred bytes between two threads of ours: without
 * it neither can go on. */
static void *
s_block(size_t size)
{
    void *block = mem_new(1, size, NULL);
    assert(block);
    return block;
}

/* The counter tells ThreadSanitizer, which does not see into libzmq, that what
 * was written before a send is read after the receive. */
static void
s_send(executor_t *self, zsock_t *socket, void *block)
{
    atomic_fetch_add(&self->handovers, 1);
    int sent;
    do
        sent = zmq_send(zsock_resolve(socket), &block, sizeof block, 0);
    while (sent < 0 && errno == EINTR);
    assert(sent == sizeof block);
}

/* NULL where there is none, or after an interruption. */
static void *
s_receive(executor_t *self, zsock_t *socket, int flags)
{
    void *block = NULL;
    int got = zmq_recv(zsock_resolve(socket), &block, sizeof block, flags);
    assert(got == sizeof block || got < 0);
    atomic_load(&self->handovers);
    return got < 0 ? NULL : block;
}

/* --- the thread --- */

/* Codes from 700 on stay in the process: another worker may succeed where
 * this one lacks memory or has a fault of its own, but no input gets better. */
static void
s_make_wire_code(fault_t *fault)
{
    if (fault->code == FAULT_MEMORY)
        fault->code = FAULT_OOM;
    else if (fault->code == FAULT_INPUT)
        fault->code = FAULT_BAD_VALUE;
    else if (fault->code >= FAULT_USAGE)
        fault->code = FAULT_INTERNAL;
}

static void
s_load(executor_t *self, command_t *command)
{
    report_t *report = s_block(sizeof *report);
    report->digest = command->digest;
    blob_t *part =
        command->download
            ? cache_keep(self->cache, &command->download, &report->fault)
            : cache_find(self->cache, &command->digest, &report->fault);
    if (!part)
        report->kind =
            report->fault.code == FAULT_NONE ? REPORT_MISSING : REPORT_FAILED;
    else if (self->runner.load(self->runner.context, part, &report->loaded,
                               &report->fault) == 0)
        report->kind = REPORT_LOADED;
    else {
        /* DIGEST is the word for damaged bytes; these are genuine. */
        if (report->fault.code == FAULT_DIGEST)
            report->fault.code = FAULT_INPUT;
        report->kind = REPORT_FAILED;
    }
    blob_release(&part);
    s_send(self, self->far, report);
}

/* One run over some tasks; returns 0 or -1 and leaves the fault with each. */
static int
s_run_together(executor_t *self, task_t **tasks, size_t count)
{
    fault_t fault = {0};
    int64_t start = clock_us();
    int result = self->runner.run(self->runner.context, tasks, count, &fault);
    int64_t took = clock_us() - start;
    s_make_wire_code(&fault);
    for (size_t i = 0; i < count; i++) {
        tasks[i]->exec_us = (uint32_t)took;
        tasks[i]->queue_us = (uint32_t)(start - tasks[i]->received_us);
        tasks[i]->fault = fault;
        if (result == 0)
            task_seal(tasks[i]);
        else
            payload_destroy(&tasks[i]->output);
    }
    return result;
}

static void
s_run(executor_t *self, const command_t *command)
{
    report_t *report = s_block(sizeof *report);
    report->kind = REPORT_DONE;
    report->count = command->count;
    memcpy(report->tasks, command->tasks,
           command->count * sizeof command->tasks[0]);
    /* One bad job must not fail the jobs it happened to travel with. */
    if (s_run_together(self, report->tasks, report->count) != 0 &&
        report->count > 1)
        for (size_t i = 0; i < report->count; i++)
            s_run_together(self, &report->tasks[i], 1);
    s_send(self, self->far, report);
}

static void *
s_thread(void *argument)
{
    executor_t *self = argument;
    for (bool running = true; running;) {
        command_t *command = s_receive(self, self->far, 0);
        if (!command)
            continue;
        if (command->kind == COMMAND_LOAD)
            s_load(self, command);
        else if (command->kind == COMMAND_RUN)
            s_run(self, command);
        else
            running = false;
        free(command);
    }
    return NULL;
}

/* --- the agent's side --- */

executor_t *
executor_new(const runner_t *runner, cache_t *cache, fault_t *fault)
{
    executor_t *self = mem_new(1, sizeof *self, fault);
    if (!self) {
        runner->destroy(runner->context);
        return NULL;
    }
    self->runner = *runner;
    self->cache = cache;
    self->near = zsock_new(ZMQ_PAIR);
    self->far = zsock_new(ZMQ_PAIR);
    assert(self->near && self->far);
    /* Not by its address: libzmq frees a name a while after the socket. */
    static atomic_uint serial;
    unsigned name = atomic_fetch_add(&serial, 1);
    int bound = zsock_bind(self->near, "inproc://executor-%u", name);
    assert(bound == 0);
    int met = zsock_connect(self->far, "inproc://executor-%u", name);
    assert(met == 0);
    int error = pthread_create(&self->thread, NULL, s_thread, self);
    if (error) {
        fault_set(fault, FAULT_SYSTEM, "no compute thread: %s",
                  strerror(error));
        executor_destroy(&self);
        return NULL;
    }
    self->started = true;
    return self;
}

void
executor_destroy(executor_t **self)
{
    executor_t *executor = *self;
    *self = NULL;
    if (!executor)
        return;
    if (executor->started) {
        command_t *stop = s_block(sizeof *stop);
        stop->kind = COMMAND_STOP;
        s_send(executor, executor->near, stop);
        pthread_join(executor->thread, NULL);
    }
    report_t *report;
    while (executor->started && (report = executor_report(executor)))
        free(report);
    zsock_destroy(&executor->near);
    zsock_destroy(&executor->far);
    executor->runner.destroy(executor->runner.context);
    free(executor);
}

void
executor_load(executor_t *self, const digest_t *digest, download_t **download)
{
    command_t *command = s_block(sizeof *command);
    command->kind = COMMAND_LOAD;
    command->digest = *digest;
    if (download) {
        command->download = *download;
        *download = NULL;
    }
    s_send(self, self->near, command);
}

void
executor_run(executor_t *self, task_t **tasks, size_t count)
{
    assert(count >= 1 && count <= BATCH_MAX);
    command_t *command = s_block(sizeof *command);
    command->kind = COMMAND_RUN;
    command->count = count;
    memcpy(command->tasks, tasks, count * sizeof tasks[0]);
    s_send(self, self->near, command);
}

zsock_t *
executor_socket(executor_t *self)
{
    return self->near;
}

report_t *
executor_report(executor_t *self)
{
    return s_receive(self, self->near, ZMQ_DONTWAIT);
}
