/* SPDX-License-Identifier: Apache-2.0 */
/* Conditions of statuses, for rows' functions: what others write there is not ours to judge. */
#pragma once

struct json_object;

/* The status of the condition of that type in an array of them: "True"; NULL: there is none. */
const char *conditions_find(struct json_object *conditions, const char *type);
