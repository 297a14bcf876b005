/*
 * The least a resident FastCGI worker can do: it accepts on descriptor 0,
 * reads requests up to the end of their STDIN, and answers each with bytes
 * that are ready. It has no variables to tell of. What a relay costs shows
 * best before it.
 */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEADER = 8, KEEP_CONN = 1 };
enum { BEGIN_REQUEST = 1, END_REQUEST = 3, STDIN = 5, STDOUT = 6, GET_VALUES = 9, GET_VALUES_RESULT = 10 };

static const char body[] = "Content-Type: text/plain\r\n\r\nHello, world!\n";

static unsigned char in[1 << 17], out[256];

static int content(const unsigned char *rec)
{
	return rec[4] << 8 | rec[5];
}

static unsigned char *header(unsigned char *p, int type, const unsigned char *request, int length)
{
	const unsigned char rec[HEADER] = {1, type, request[2], request[3], length >> 8, length & 255, 0, 0};

	memcpy(p, rec, HEADER);
	return p + HEADER;
}

static int answer(int fd, const unsigned char *request)
{
	unsigned char *p = header(out, STDOUT, request, sizeof body - 1);

	memcpy(p, body, sizeof body - 1);
	p = header(p + sizeof body - 1, STDOUT, request, 0);
	p = header(p, END_REQUEST, request, 8);
	memset(p, 0, 8);
	return write(fd, out, p + 8 - out) < 0;
}

static int no_values(int fd, const unsigned char *question)
{
	return write(fd, out, header(out, GET_VALUES_RESULT, question, 0) - out) < 0;
}

static void serve(int fd)
{
	int have = 0, keep = 1;

	while (keep) {
		int n = read(fd, in + have, sizeof in - have), used = 0;

		if (n <= 0)
			return;
		have += n;
		while (have - used >= HEADER) {
			const unsigned char *rec = in + used;
			int size = HEADER + content(rec) + rec[6];

			if (have - used < size)
				break;
			if (rec[1] == GET_VALUES && no_values(fd, rec))
				return;
			if (rec[1] == BEGIN_REQUEST)
				keep = rec[HEADER + 2] & KEEP_CONN;
			if (rec[1] == STDIN && content(rec) == 0 && answer(fd, rec))
				return;
			used += size;
		}
		memmove(in, in + used, have - used);
		have -= used;
	}
}

int main(void)
{
	for (;;) {
		int fd = accept(0, NULL, NULL);

		if (fd < 0)
			return 1;
		serve(fd);
		close(fd);
	}
}
