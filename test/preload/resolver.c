/*
 * A resolver that does not answer, for LD_PRELOAD: getaddrinfo() of the name
 * in MP_HANGING_NAME takes 10 ms, and as long as the file named in
 * MP_HANGING_WHILE is there; then it finds nothing.  Other names are the
 * system's.
 */
#include <dlfcn.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NAP		 10000000		/* ns */
#define MAX_NAPS 60000			/* so that it ends whatever happens */

typedef int (*Resolver) (const char *node, const char *service,
						 const struct addrinfo *hints,
						 struct addrinfo **result);

int
getaddrinfo(const char *node, const char *service,
			const struct addrinfo *hints, struct addrinfo **result)
{
	const struct timespec nap = {0, NAP};
	const char *name = getenv("MP_HANGING_NAME");
	const char *file = getenv("MP_HANGING_WHILE");
	void	   *symbol = dlsym(RTLD_NEXT, "getaddrinfo");
	Resolver	system_resolver;
	int			naps = 0;

	memcpy(&system_resolver, &symbol, sizeof(symbol));
	if (node == NULL || name == NULL || file == NULL ||
		strcmp(node, name) != 0)
		return system_resolver(node, service, hints, result);
	do
		nanosleep(&nap, NULL);
	while (++naps < MAX_NAPS && access(file, F_OK) == 0);
	return EAI_NONAME;
}
