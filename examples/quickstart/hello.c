/* The least a CGI program does: a header, an empty line, a body. */
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
	const char *path = getenv("PATH_INFO");

	printf("Content-Type: text/plain\n\n");
	printf("Hello from C.\nThe rest of the path is %s.\n", path ? path : "not there");
	return 0;
}
