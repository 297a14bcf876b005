/* A picture of the Mandelbrot set per request: /mandelbrot?width=400 */
#include <fcgi_stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MIN_WIDTH = 16, MAX_WIDTH = 2048, STEPS = 255 };

static int steps(double re, double im)
{
	double x = 0, y = 0;
	int n;

	for (n = 0; n < STEPS && x * x + y * y <= 4; n++) {
		double next = x * x - y * y + re;

		y = 2 * x * y + im;
		x = next;
	}
	return n;
}

static void answer(const char *query)
{
	int width = 400, height, row, column;

	if (query && strncmp(query, "width=", 6) == 0)
		width = atoi(query + 6);
	if (width < MIN_WIDTH || width > MAX_WIDTH) {
		printf("Status: 400 Bad Request\r\nContent-Type: text/plain\r\n\r\n");
		printf("a width between %d and %d, please\n", MIN_WIDTH, MAX_WIDTH);
		return;
	}
	height = width * 2 / 3;
	printf("Content-Type: image/x-portable-graymap\r\n\r\nP5\n%d %d\n%d\n", width, height, STEPS);
	for (row = 0; row < height; row++)
		for (column = 0; column < width; column++)
			putchar(STEPS - steps(column * 3.0 / width - 2, row * 2.0 / height - 1));
}

int main(void)
{
	while (FCGI_Accept() >= 0)
		answer(getenv("QUERY_STRING"));
	return 0;
}
