/* smtp_sink: an SMTP receiver fast enough not to be what a benchmark measures, and honest enough to audit one.
 *
 *   cc -O2 -o smtp_sink smtp_sink.c
 *   smtp_sink PORT [--log FILE] [--no-chunking | --plain] [--latency MS]
 *
 * Listens on 127.0.0.1, one thread, epoll. Offers PIPELINING and CHUNKING; --no-chunking leaves out the second,
 * --plain both. --latency holds every reply back for so many milliseconds, as a distant server would.
 * --log appends the RCPT TO address of every message at the moment it is accepted (before the reply is
 * written), one a line: lost = wanted - logged, duplicates = logged - distinct.
 * SIGTERM prints "messages N" on standard error and exits.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { IN_MAX = 1 << 18, OUT_MAX = 1 << 16, RCPT_MAX = 320 };
enum mode { COMMAND, DATA, BDAT };

typedef struct conn {
    int fd, queued, closing;
    long due;
    struct conn *next;
    enum mode mode;
    size_t in_len, out_len;
    long bdat_left;
    int bdat_last;
    char rcpt[RCPT_MAX];
    char in[IN_MAX], out[OUT_MAX];
} conn;

static volatile sig_atomic_t stopping;
static long messages;
static FILE *audit;
static long latency;
static conn *first_held, *last_held;     /* the latency is the same for all, so the queue is in order of time */

static void on_term(int sig) { (void)sig; stopping = 1; }

static void reply(conn *c, const char *line) {
    size_t n = strlen(line);
    if (c->out_len + n < OUT_MAX) { memcpy(c->out + c->out_len, line, n); c->out_len += n; }
}

static void accepted(conn *c) {
    messages++;
    if (audit) { fputs(c->rcpt, audit); fputc('\n', audit); fflush(audit); }
    reply(c, "250 2.0.0 Ok: queued as 4Xy7Zq1\r\n");
}

static void remember_rcpt(conn *c, const char *line, size_t n) {
    const char *open = memchr(line, '<', n), *close = open ? memchr(open, '>', n - (open - line)) : NULL;
    size_t len = close ? (size_t)(close - open - 1) : 0;
    if (len >= RCPT_MAX) len = RCPT_MAX - 1;
    if (open) memcpy(c->rcpt, open + 1, len);
    c->rcpt[len] = 0;
}

/* Consumes what it can of c->in; returns 0 when the connection is to be closed. */
static int consume(conn *c, const char *greeting) {
    size_t pos = 0;
    int open = 1;
    while (pos < c->in_len && open) {
        char *at = c->in + pos;
        size_t left = c->in_len - pos;
        if (c->mode == DATA) {
            char *end = memmem(at, left, "\r\n.\r\n", 5);
            size_t skip = 5;
            if (left >= 3 && !memcmp(at, ".\r\n", 3)) { end = at; skip = 3; }
            if (!end) {                     /* keep only a tail that may hold half of the end mark */
                if (left > 4) pos = c->in_len - 4;
                break;
            }
            pos = (end - c->in) + skip;
            c->mode = COMMAND;
            accepted(c);
            continue;
        }
        if (c->mode == BDAT) {
            if ((long)left < c->bdat_left) { c->bdat_left -= left; pos = c->in_len; break; }
            pos += c->bdat_left;
            c->mode = COMMAND;
            if (c->bdat_last) accepted(c); else reply(c, "250 2.0.0 Ok\r\n");
            continue;
        }
        char *eol = memchr(at, '\n', left);
        if (!eol) break;
        size_t n = eol - at + 1;
        switch (at[0] | 32) {
        case 'e':
            reply(c, greeting);
            break;
        case 'd': reply(c, "354 go\r\n"); c->mode = DATA; break;
        case 'b':
            c->bdat_left = atol(at + 5);
            c->bdat_last = memmem(at, n, "LAST", 4) || memmem(at, n, "last", 4);
            c->mode = BDAT;
            break;
        case 'q': reply(c, "221 bye\r\n"); open = 0; break;
        case 'r':
            if ((at[1] | 32) == 'c') remember_rcpt(c, at, n);
            /* fall through */
        default: reply(c, "250 2.1.0 Ok\r\n");
        }
        pos += n;
        if (c->mode == BDAT && c->bdat_left == 0) {
            c->mode = COMMAND;
            if (c->bdat_last) accepted(c); else reply(c, "250 2.0.0 Ok\r\n");
        }
    }
    memmove(c->in, c->in + pos, c->in_len - pos);
    c->in_len -= pos;
    return open;
}

static long now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int flush(conn *c) {
    int open = write(c->fd, c->out, c->out_len) >= 0;
    c->out_len = 0;
    return open;
}

static void hold(conn *c) {
    c->queued = 1;
    c->due = now_ms() + latency;
    c->next = NULL;
    if (last_held) last_held->next = c; else first_held = c;
    last_held = c;
}

/* Writes the replies that have been held for long enough; returns the milliseconds until the next is due. */
static int release(void) {
    while (first_held) {
        conn *c = first_held;
        long left = c->due - now_ms();
        if (left > 0) return left;
        first_held = c->next;
        if (!first_held) last_held = NULL;
        c->queued = 0;
        if (c->closing) { close(c->fd); free(c); }
        else if (!flush(c)) shutdown(c->fd, SHUT_RDWR);
    }
    return 1000;
}

int main(int argc, char **argv) {
    const char *greeting = "250-sink\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 8BITMIME\r\n";
    int one = 1;
    if (argc < 2) { fprintf(stderr, "usage: smtp_sink PORT [--log FILE] [--no-chunking | --plain] [--latency MS]\n"); return 2; }
    for (int i = 2; i < argc; i++) {
        if (!strcmp(argv[i], "--plain")) greeting = "250-sink\r\n250 8BITMIME\r\n";
        else if (!strcmp(argv[i], "--no-chunking")) greeting = "250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n";
        else if (!strcmp(argv[i], "--latency") && i + 1 < argc) latency = atol(argv[++i]);
        else if (!strcmp(argv[i], "--log") && i + 1 < argc) audit = fopen(argv[++i], "a");
    }
    struct sigaction term = {.sa_handler = on_term};
    sigaction(SIGTERM, &term, NULL);
    sigaction(SIGINT, &term, NULL);
    signal(SIGPIPE, SIG_IGN);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1])),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (bind(listener, (void *)&addr, sizeof addr) || listen(listener, 1024)) { perror("bind"); return 1; }
    int ep = epoll_create1(0);
    struct epoll_event want = {.events = EPOLLIN}, got[256];
    epoll_ctl(ep, EPOLL_CTL_ADD, listener, &want);
    while (!stopping) {
        int n = epoll_wait(ep, got, 256, release());
        for (int i = 0; i < n; i++) {
            conn *c = got[i].data.ptr;
            if (!c) {
                int fd = accept(listener, NULL, NULL);
                if (fd < 0) continue;
                setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                c = calloc(1, sizeof *c);
                c->fd = fd;
                struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
                epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
                if (write(fd, "220 sink ESMTP\r\n", 16) < 0) { close(fd); free(c); }
                continue;
            }
            ssize_t r = read(c->fd, c->in + c->in_len, IN_MAX - c->in_len);
            int open = r > 0;
            if (open) { c->in_len += r; open = consume(c, greeting); }
            if (c->out_len && latency) { if (!c->queued) hold(c); }
            else if (c->out_len && !flush(c)) open = 0;
            if (!open && c->queued) { c->closing = 1; epoll_ctl(ep, EPOLL_CTL_DEL, c->fd, NULL); }
            else if (!open) { close(c->fd); free(c); }
        }
    }
    if (audit) fclose(audit);
    fprintf(stderr, "messages %ld\n", messages);
    return 0;
}
