/* How often a program has asked for memory: the whole program, since this
 * module takes the place of malloc and its like in every test that uses it. */
#ifndef CONVOY_TESTS_SUPPORT_ALLOCATIONS_H
#define CONVOY_TESTS_SUPPORT_ALLOCATIONS_H

/* Calls of malloc, calloc, realloc, the aligned ones and mmap so far; always 0
 * under a sanitizer, which has an allocator of its own. */
int allocations_count(void);

#endif
