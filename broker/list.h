/* Intrusive doubly linked lists: a link is a member of what it links, and a
 * list is a ring through its head. A link outside any list points at itself.
 */
#ifndef CONVOY_BROKER_LIST_H
#define CONVOY_BROKER_LIST_H

#include <stdbool.h>
#include <stddef.h>

typedef struct list {
    struct list *previous;
    struct list *next;
} list_t;

/* The struct whose member is *link. */
#define list_owner(link, type, member)                                         \
    ((type *)(void *)((char *)(link)-offsetof(type, member)))

static inline void
list_init(list_t *self)
{
    self->previous = self->next = self;
}

/* Of a head: nothing in the list. Of a link: in no list. */
static inline bool
list_is_empty(const list_t *self)
{
    return self->next == self;
}

static inline void
list_append(list_t *head, list_t *link)
{
    link->previous = head->previous;
    link->next = head;
    head->previous->next = link;
    head->previous = link;
}

/* Harmless where the link is in no list. */
static inline void
list_remove(list_t *link)
{
    link->previous->next = link->next;
    link->next->previous = link->previous;
    list_init(link);
}

/* The first link, or NULL. */
static inline list_t *
list_first(const list_t *head)
{
    return head->next == head ? NULL : head->next;
}

#endif
