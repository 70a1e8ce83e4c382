/* SPDX-License-Identifier: Apache-2.0 */
/* The proxy's main. */
#include <stdlib.h>

int main(void)
{
	return EXIT_FAILURE;
}
