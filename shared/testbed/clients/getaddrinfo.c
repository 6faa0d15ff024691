/* Looks up each argument with this libc's getaddrinfo and prints a line:
 * "time name address ...", "time name none" or "time name error: reason";
 * the time is when the lookup began, in seconds since 1970. With EVERY_MS set it
 * goes on for ever, with a pause of so many milliseconds after each lookup, and the
 * seconds that the lookup took come after its time. */
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

static void print_all(const struct addrinfo *found)
{
    char text[INET6_ADDRSTRLEN];
    for (; found; found = found->ai_next) {
        const void *address =
            found->ai_family == AF_INET
                ? (const void *)&((struct sockaddr_in *)found->ai_addr)->sin_addr
                : (const void *)&((struct sockaddr_in6 *)found->ai_addr)->sin6_addr;
        printf(" %s", inet_ntop(found->ai_family, address, text, sizeof text));
    }
}

static struct timespec now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now;
}

int main(int argc, char **argv)
{
    const char *every = getenv("EVERY_MS");
    long pause = every ? atol(every) : 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (int i = 1; i < argc; i = every && i == argc - 1 ? 1 : i + 1) {
        struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
        struct addrinfo *found = NULL;
        struct timespec began = now();
        int error = getaddrinfo(argv[i], NULL, &hints, &found);
        printf("%lld.%09ld ", (long long)began.tv_sec, began.tv_nsec);
        if (every) {
            struct timespec ended = now(), rest = {pause / 1000, pause % 1000 * 1000000};
            printf("%.3f ", (double)(ended.tv_sec - began.tv_sec) +
                                (double)(ended.tv_nsec - began.tv_nsec) / 1e9);
            nanosleep(&rest, NULL);
        }
        printf("%s", argv[i]);
        if (error == 0) {
            print_all(found);
            freeaddrinfo(found);
        } else if (error == EAI_NONAME) {
            printf(" none");
        } else {
            printf(" error: %s", gai_strerror(error));
        }
        printf("\n");
    }
    return 0;
}
