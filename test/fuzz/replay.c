/*-------------------------------------------------------------------------
 *
 * replay.c
 *		main() of a fuzz target where there is no libFuzzer: each file named is
 *		an input.
 *
 *-------------------------------------------------------------------------
 */
#include "fuzz.h"

#define LARGEST (1024 * 1024)

int
main(int argc, char **argv)
{
	static char bytes[LARGEST];

	for (int i = 1; i < argc; i++)
	{
		FILE	   *file = fopen(argv[i], "rb");
		size_t		length;
		char	   *input;

		if (file == NULL)
		{
			perror(argv[i]);
			return 2;
		}
		length = fread(bytes, 1, LARGEST, file);
		fclose(file);
		fprintf(stderr, "%s\n", argv[i]);
		input = copy_bytes(bytes, length);
		LLVMFuzzerTestOneInput((const uint8_t *) input, length);
		free(input);
	}
	return 0;
}
