/* SPDX-License-Identifier: Apache-2.0 */
/* narud's answers as text for people, on standard output. Each returns the exit status. */
#pragma once
#include <json-c/json.h>

int show_status(struct json_object *root);
int show_services(struct json_object *root);
int show_endpoints(struct json_object *root);
int show_l7_listeners(struct json_object *root);
int show_l7_routes(struct json_object *root);
int show_l7_backends(struct json_object *root);
int show_addresses(struct json_object *root);
int show_announce(struct json_object *root);
int show_diff(struct json_object *root);
int show_drops(struct json_object *root);
