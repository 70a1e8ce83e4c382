/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process of its own that starts and ends proxies for narud, under their user and without any
 * privilege: narud has given up the right to do that by the time it is needed. It is forked before
 * narud holds anything that a proxy must not have, and ends with narud; the proxies do not.
 */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

struct launcher;

/* Forks. log_level is passed on to proxies. Logs what fails. -errno. */
int launcher_open(const char *run_dir, const char *log_level, struct launcher **ret_launcher);
/* NULL is legal. */
void launcher_close(struct launcher *launcher);

/* The user of proxies, if narud may choose one; otherwise its own. */
uid_t launcher_uid(const struct launcher *launcher);

/* What comes of it is an event. */
void launcher_start(struct launcher *launcher);
void launcher_kill(struct launcher *launcher, pid_t pid);

struct launcher_event {
	pid_t pid; /* 0: a start that came to nothing */
	bool ended;
	int status; /* as from waitpid(); of a failed start: -errno */
};

/* A descriptor that is readable when there are events, and the next one: 1; 0: none now; -errno:
 * the launcher is no more. */
int launcher_fd(const struct launcher *launcher);
int launcher_next(struct launcher *launcher, struct launcher_event *ret_event);
