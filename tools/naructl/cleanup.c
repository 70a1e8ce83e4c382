/* SPDX-License-Identifier: Apache-2.0 */
/* Works without narud, hence the only file here that calls the dataplane, which logs what fails. */
#include "cleanup.h"

#include <stdlib.h>

#include "client.h"
#include "dataplane/dataplane.h"

int cleanup_run(const char *bpffs_dir, const char *socket_path)
{
	if (dataplane_cleanup(bpffs_dir) < 0)
		return EXIT_FAILURE;
	client_remove_dead(socket_path);
	return EXIT_SUCCESS;
}
