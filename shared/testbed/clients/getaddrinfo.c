/* Looks up each argument with this libc's getaddrinfo and prints a line:
 * "time name address ...", "time name none" or "time name error: reason";
 * the time is when the lookup began, in seconds since 1970. With EVERY_MS set it
 * goes on for ever, with a pause of so many milliseconds after each lookup, and the
 * seconds that the lookup took come after its time. With SIDE_BY_SIDE set all are
 * looked up at once, by a thread each, and printed when all are done. */
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

struct lookup {
    const char *name;
    struct timespec began, ended;
    char result[4096];
    pthread_t thread;
};

static struct timespec now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now;
}

static void describe(const struct addrinfo *found, char *result, size_t size)
{
    char text[INET6_ADDRSTRLEN];
    *result = 0;
    for (; found; found = found->ai_next) {
        const void *address =
            found->ai_family == AF_INET
                ? (const void *)&((struct sockaddr_in *)found->ai_addr)->sin_addr
                : (const void *)&((struct sockaddr_in6 *)found->ai_addr)->sin6_addr;
        size_t used = strlen(result);
        snprintf(result + used, size - used, " %s",
                 inet_ntop(found->ai_family, address, text, sizeof text));
    }
}

static void *look_up(void *argument)
{
    struct lookup *lookup = argument;
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    lookup->began = now();
    int error = getaddrinfo(lookup->name, NULL, &hints, &found);
    lookup->ended = now();
    if (error == 0) {
        describe(found, lookup->result, sizeof lookup->result);
        freeaddrinfo(found);
    } else if (error == EAI_NONAME) {
        snprintf(lookup->result, sizeof lookup->result, " none");
    } else {
        snprintf(lookup->result, sizeof lookup->result, " error: %s", gai_strerror(error));
    }
    return NULL;
}

static void print(const struct lookup *lookup, int with_seconds)
{
    struct timespec began = lookup->began, ended = lookup->ended;
    printf("%lld.%09ld ", (long long)began.tv_sec, began.tv_nsec);
    if (with_seconds)
        printf("%.3f ", (double)(ended.tv_sec - began.tv_sec) +
                            (double)(ended.tv_nsec - began.tv_nsec) / 1e9);
    printf("%s%s\n", lookup->name, lookup->result);
}

static void one_after_another(char **names, int count, const char *every)
{
    static struct lookup lookup;
    long pause = every ? atol(every) : 0;
    struct timespec rest = {pause / 1000, pause % 1000 * 1000000};
    for (int i = 0; i < count; i = every && i == count - 1 ? 0 : i + 1) {
        lookup.name = names[i];
        look_up(&lookup);
        print(&lookup, every != NULL);
        if (every)
            nanosleep(&rest, NULL);
    }
}

static int side_by_side(char **names, int count)
{
    struct lookup *all = calloc(count, sizeof *all);
    for (int i = 0; i < count; i++) {
        all[i].name = names[i];
        if (pthread_create(&all[i].thread, NULL, look_up, &all[i]) != 0)
            return 1;
    }
    for (int i = 0; i < count; i++) {
        pthread_join(all[i].thread, NULL);
        print(&all[i], 0);
    }
    return 0;
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (getenv("SIDE_BY_SIDE"))
        return side_by_side(argv + 1, argc - 1);
    one_after_another(argv + 1, argc - 1, getenv("EVERY_MS"));
    return 0;
}
