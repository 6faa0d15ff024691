/* Looks up each line of its input with this libc's getaddrinfo, each in a thread of its
 * own, and prints "name milliseconds ok" or "name milliseconds failed". */
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

static long long millis(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static void *look_up(void *argument)
{
    char *name = argument;
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    long long began = millis();
    int error = getaddrinfo(name, NULL, &hints, &found);
    printf("%s %lld %s\n", name, millis() - began, error ? "failed" : "ok");
    fflush(stdout);
    if (!error)
        freeaddrinfo(found);
    free(name);
    return NULL;
}

int main(void)
{
    char line[300];
    while (fgets(line, sizeof line, stdin)) {
        pthread_t thread;
        line[strcspn(line, "\n")] = 0;
        char *name = strdup(line);
        if (!name || pthread_create(&thread, NULL, look_up, name))
            return 1;
        pthread_detach(thread);
    }
    pthread_exit(NULL);
}
