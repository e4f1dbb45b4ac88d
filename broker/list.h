/* Intrusive doubly linked lists: a link is a member of what it links, and a
 * list is a ring through its head. A link outside any list points at itself.
 */
#ifndef CONVOY_BROKER_LIST_H
#define CONVOY_BROKER_LIST_H

#include <stdbool.h>
#include <stddef.h>

typedef struct link {
    struct link *previous;
    struct link *next;
} link_t;

/* The struct whose member is *link. */
#define list_owner(link, type, member)                                         \
    ((type *)(void *)((char *)(link)-offsetof(type, member)))

static inline void
list_init(link_t *self)
{
    self->previous = self->next = self;
}

/* Of a head: nothing in the list. Of a link: in no list. */
static inline bool
list_is_empty(const link_t *self)
{
    return self->next == self;
}

static inline void
list_append(link_t *head, link_t *link)
{
    link->previous = head->previous;
    link->next = head;
    head->previous->next = link;
    head->previous = link;
}

/* Harmless where the link is in no list. */
static inline void
list_remove(link_t *link)
{
    link->previous->next = link->next;
    link->next->previous = link->previous;
    list_init(link);
}

/* The first link, or NULL. */
static inline link_t *
list_first(const link_t *head)
{
    return head->next == head ? NULL : head->next;
}

#endif
