/*
 * chat_server: a room for everybody who connects. The first line that a client
 * sends is its name; what it sends from then on, all others get.
 *
 *     chat_server 7000 &
 *     nc 127.0.0.1 7000
 *
 * Each client has a bounded channel of lines it is to be sent: who does not
 * read is shown the door, and neither keeps others waiting nor fills memory.
 */
#include "service.h"

enum { NAME_MOST = 20, LINE_MOST = 400, UNSENT_MOST = 64 };

struct line {
    size_t len;
    char text[NAME_MOST + LINE_MOST + sizeof " has come\n"];
};
typedef ROTA_CHAN(struct line) line_chan;

struct client {
    struct client *next;
    char name[NAME_MOST + 1];
    line_chan unsent;
    rota_group group; /* cancelled to show it the door */
};

static struct client *room;

/* Has a line sent to everybody but `from`. Never waits. */
static void tell_others(const struct client *from, const char *what,
                        rota_str words)
{
    struct line line;
    line.len = (size_t)snprintf(line.text, sizeof line.text, "%s%s%.*s\n",
                                from->name, what, ROTA_STR_ARG(words));
    for (struct client *c = room; c; c = c->next)
        if (c != from && ROTA_TRY_SEND(c->unsent, line) < 0)
            rota_group_cancel(&c->group, "it does not read");
}

ROTA_ASYNC(send_lines, (line_chan, unsent), (rota_stream *, to))
{
    struct line line;
    int rc = 0;
    while (rc == 0 && (rc = ROTA_RECV(unsent, &line)) == 0)
        rc = rota_stream_write(to, line.text, line.len, NULL);
    return rc;
}

/* Reads a line, without its end: 1; 0 at the end of the stream; an error. */
static int read_words(rota_stream *s, rota_str *words)
{
    ssize_t n = rota_stream_readline(s, words);
    while (n > 0 && words->len && strchr("\r\n", words->ptr[words->len - 1]))
        words->len--;
    return n > 0 ? 1 : (int)n;
}

static int talk(struct client *c, rota_stream *s)
{
    rota_str words;
    int rc;
    tell_others(c, " has come", ROTA_STR(""));
    while ((rc = read_words(s, &words)) > 0)
        tell_others(c, ": ", words);
    return rc;
}

static void leave(struct client *c)
{
    struct client **at = &room;
    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    tell_others(c, " has left", ROTA_STR(""));
    rota_group_cancel(&c->group, "it has left");
}

static int stay(struct client *c, rota_stream *s)
{
    int rc = rota_group_begin(&c->group, 0);
    if (rc < 0)
        return rc;
    c->next = room;
    room = c;
    rc = rota_group_create_task(&c->group, send_lines, c->unsent, s);
    if (rc == 0)
        rc = talk(c, s);
    leave(c);
    return rota_group_end(&c->group, rc);
}

static int serve_client(rota_stream *s, void *arg)
{
    (void)arg;
    rota_str name;
    rota_stream_set_limit(s, LINE_MOST);
    int rc = read_words(s, &name);
    if (rc > 0) {
        struct client c = { 0 };
        c.unsent.chan = rota_chan_new(sizeof(struct line), UNSENT_MOST, 0);
        snprintf(c.name, sizeof c.name, "%.*s", ROTA_STR_ARG(name));
        rc = c.unsent.chan ? stay(&c, s) : -ENOMEM;
        rota_chan_unref(c.unsent.chan);
    }
    /* They may leave as they like, and need not know our limit. */
    return rc == -ECONNRESET || rc == -EPIPE || rc == -EMSGSIZE ? 0 : rc;
}

int main(int argc, char **argv)
{
    int port = argc == 2 ? service_port(argv[1]) : -1;
    if (port < 0) {
        fprintf(stderr, "usage: %s PORT    (0: any free one)\n", argv[0]);
        return 2;
    }
    return service_main(argv[0], port, serve_client, NULL);
}
