// SPDX-License-Identifier: Apache-2.0
/*
 * The only user of libseccomp. control.c calls it when all threads run. Invariant: nothing that is
 * left opens a file by its name, starts a program, reaches into another process, or makes a socket
 * that strangers could connect to.
 */
#include "proxy/sandbox.h"

#include <errno.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"

/* By name: which of them an architecture or a kernel has differs. */
static const char *const allowed[] = {
	/* connections */
	"accept",
	"accept4",
	"connect",
	"getpeername",
	"getsockname",
	"getsockopt",
	"recvfrom",
	"recvmsg",
	"sendmsg",
	"sendto",
	"setsockopt",
	"shutdown",
	"socketpair",
	/* descriptors */
	"close",
	"dup",
	"dup2",
	"dup3",
	"fcntl",
	"fstat",
	"ftruncate",
	"ioctl",
	"lseek",
	"memfd_create",
	"newfstatat",
	"pipe2",
	"pread64",
	"preadv",
	"pwritev",
	"read",
	"readv",
	"splice",
	"write",
	"writev",
	/* waiting */
	"clock_nanosleep",
	"epoll_create1",
	"epoll_ctl",
	"epoll_pwait",
	"epoll_pwait2",
	"epoll_wait",
	"eventfd2",
	"nanosleep",
	"poll",
	"ppoll",
	"timerfd_create",
	"timerfd_settime",
	/* threads and memory */
	"brk",
	"exit",
	"exit_group",
	"futex",
	"madvise",
	"membarrier",
	"mlock",
	"mlock2",
	"mmap",
	"mprotect",
	"mremap",
	"munlock",
	"munmap",
	"restart_syscall",
	"rseq",
	"sched_getaffinity",
	"sched_yield",
	"set_robust_list",
	/* signals */
	"rt_sigaction",
	"rt_sigprocmask",
	"rt_sigreturn",
	"sigaltstack",
	/* facts */
	"clock_getres",
	"clock_gettime",
	"getcpu",
	"geteuid",
	"getpid",
	"getrandom",
	"getrusage",
	"gettid",
	"gettimeofday",
	"getuid",
	"sysinfo",
	"time",
	"uname",
};

/* No library has a reason for these. */
static const char *const deadly[] = {
	"execve", "execveat", "process_vm_readv", "process_vm_writev", "ptrace",
};

static int add_rules(scmp_filter_ctx filter, uint32_t action, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int number = seccomp_syscall_resolve_name(names[i]);
		int r = number == __NR_SCMP_ERROR ? 0 : seccomp_rule_add(filter, action, number, 0);

		/* Calls that this architecture has not. */
		if (r < 0 && r != -EDOM && r != -EINVAL)
			return r;
	}
	return 0;
}

static int allow_first(scmp_filter_ctx filter, int number, scmp_datum_t argument)
{
	const struct scmp_arg_cmp first = { .op = SCMP_CMP_EQ, .datum_a = argument };

	return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, number, 1, &first);
}

/* Calls that are fine with some first arguments alone. abort() sends itself a signal. */
static int add_narrow_rules(scmp_filter_ctx filter)
{
	int r = allow_first(filter, SCMP_SYS(tgkill), (scmp_datum_t)getpid());

	if (!r)
		r = allow_first(filter, SCMP_SYS(socket), AF_INET);
	if (!r)
		r = allow_first(filter, SCMP_SYS(socket), AF_INET6);
	return r ? r : allow_first(filter, SCMP_SYS(socket), AF_UNIX);
}

static int load(scmp_filter_ctx filter)
{
	int r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);

	if (!r)
		r = add_rules(filter, SCMP_ACT_ALLOW, allowed, ARRAY_SIZE(allowed));
	if (!r)
		r = add_narrow_rules(filter);
	if (!r)
		r = add_rules(filter, SCMP_ACT_KILL_PROCESS, deadly, ARRAY_SIZE(deadly));
	return r ? r : seccomp_load(filter);
}

int sandbox_enter(void)
{
	scmp_filter_ctx filter;
	int r;

	/* libc reads the time zone's file with the first time of day that is made text. */
	tzset();
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	/* Sanitizers trace their own process. */
	return 0;
#endif
	filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	if (!filter)
		return -ENOMEM;
	r = load(filter);
	seccomp_release(filter);
	return r;
}
