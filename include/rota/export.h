/*
 * How rota's declarations are marked: what a library exports, what a caller
 * must not ignore, and where in the source a call stands.
 */
#ifndef ROTA_EXPORT_H
#define ROTA_EXPORT_H

/* A public function of one of rota's libraries. */
#define ROTA_API __attribute__((visibility("default")))

/*
 * A function that one of rota's libraries offers to the others, and to nobody
 * else. Its name at link level is prefixed, so that it can never meet a name
 * of the program. Stands first after the parameters.
 */
#define ROTA_INTERNAL(name) \
    __asm__("rota_internal_" #name) __attribute__((visibility("default")))

/* The return code tells success from failure: it must be looked at. */
#define ROTA_MUST __attribute__((warn_unused_result))

/* Spells that a return code is left unread on purpose. */
#define rota_ignore(rc)                                              \
    do {                                                             \
        __typeof__(rc) rota_ignored_ __attribute__((unused)) = (rc); \
    } while (0)

/* Checked like printf: which argument is the format, which the first after. */
#define ROTA_PRINTF(text, first) __attribute__((format(printf, text, first)))

#define ROTA_STRINGIFY_(x)       #x
#define ROTA_STRINGIFY(x)        ROTA_STRINGIFY_(x)

/* "file.c:12" of the line it is written on. */
#define ROTA_HERE __FILE__ ":" ROTA_STRINGIFY(__LINE__)

#endif
