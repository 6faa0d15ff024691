/* Looks up each argument with this libc's getaddrinfo and prints a line:
 * "time name address ...", "time name none" or "time name error: reason";
 * the time is when the lookup began, in seconds since 1970. */
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
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

static void print_time(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    printf("%lld.%09ld ", (long long)now.tv_sec, now.tv_nsec);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
        struct addrinfo *found = NULL;
        print_time();
        int error = getaddrinfo(argv[i], NULL, &hints, &found);
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
