/* SPDX-License-Identifier: Apache-2.0 */
/* bundle.c calls it. A file is a block with its head and blocks with its content; the end is two
 * blocks of zeros. */
#include "tar.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define BLOCK	       512
#define SIZE_MAX_OCTAL ((uint64_t)1 << 33)

struct head {
	char name[100];
	char mode[8], uid[8], gid[8];
	char size[12], mtime[12];
	char sum[8];
	char type;
	char link[100];
	char magic[6], version[2];
	char user[32], group[32];
	char device[16];
	char prefix[155];
	char pad[12];
};

_Static_assert(sizeof(struct head) == BLOCK, "ustar");

/* Octal digits that fill the field but for its NUL. */
static void put_number(char *field, size_t size, uint64_t value)
{
	field[--size] = '\0';
	while (size) {
		field[--size] = (char)('0' + (value & 7));
		value >>= 3;
	}
}

/* Of all bytes, those of the sum itself taken for spaces. */
static void put_sum(struct head *head)
{
	const unsigned char *byte = (const unsigned char *)head;
	uint64_t sum = 0;

	memset(head->sum, ' ', sizeof(head->sum));
	for (size_t i = 0; i < sizeof(*head); i++)
		sum += byte[i];
	put_number(head->sum, sizeof(head->sum) - 1, sum);
}

int tar_add(FILE *out, const char *name, const char *data, size_t len, int64_t mtime_s)
{
	static const char zeros[BLOCK];
	struct head head = { .type = '0', .magic = "ustar", .version = { '0', '0' } };

	if (strlen(name) >= sizeof(head.name))
		return -ENAMETOOLONG;
	if (len >= SIZE_MAX_OCTAL)
		return -EFBIG;
	memcpy(head.name, name, strlen(name));
	put_number(head.mode, sizeof(head.mode), 0600);
	put_number(head.uid, sizeof(head.uid), 0);
	put_number(head.gid, sizeof(head.gid), 0);
	put_number(head.size, sizeof(head.size), len);
	put_number(head.mtime, sizeof(head.mtime), mtime_s > 0 ? (uint64_t)mtime_s : 0);
	put_sum(&head);
	fwrite(&head, sizeof(head), 1, out);
	fwrite(data, 1, len, out);
	fwrite(zeros, 1, (BLOCK - len % BLOCK) % BLOCK, out);
	return 0;
}

void tar_end(FILE *out)
{
	static const char zeros[2 * BLOCK];

	fwrite(zeros, sizeof(zeros), 1, out);
}
