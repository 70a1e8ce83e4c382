// SPDX-License-Identifier: Apache-2.0
/* The only user of libseccomp. proxy/sandbox.c and daemon/fence.c call it. */
#include "base/syscalls.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <unistd.h>

#include "base/mem.h"

/* By name: which of them an architecture or a kernel has differs. */
static const char *const common[] = {
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
	"delete_module", "execve",	    "execveat",		"finit_module",
	"init_module",	 "kexec_file_load", "kexec_load",	"mount",
	"move_mount",	 "pivot_root",	    "process_vm_readv", "process_vm_writev",
	"ptrace",	 "reboot",	    "umount2",
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

/* What clone3() is to do cannot be seen: libc takes clone() when there is none. */
static int allow_threads(scmp_filter_ctx filter)
{
	const struct scmp_arg_cmp thread = { .op = SCMP_CMP_MASKED_EQ,
					     .datum_a = CLONE_THREAD | CLONE_VM,
					     .datum_b = CLONE_THREAD | CLONE_VM };
	int r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);

	return r ? r : seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1, &thread);
}

/* Calls that are fine with some arguments alone. abort() sends itself a signal. */
static int add_narrow_rules(scmp_filter_ctx filter, const struct syscalls *keep)
{
	int r = allow_first(filter, SCMP_SYS(tgkill), (scmp_datum_t)getpid());

	for (size_t i = 0; !r && i < keep->n_families; i++)
		r = allow_first(filter, SCMP_SYS(socket), (scmp_datum_t)keep->families[i]);
	return r || !keep->threads ? r : allow_threads(filter);
}

static int load(scmp_filter_ctx filter, const struct syscalls *keep)
{
	int r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);

	if (!r)
		r = add_rules(filter, SCMP_ACT_ALLOW, common, ARRAY_SIZE(common));
	if (!r)
		r = add_rules(filter, SCMP_ACT_ALLOW, keep->names, keep->n_names);
	if (!r)
		r = add_narrow_rules(filter, keep);
	if (!r)
		r = add_rules(filter, SCMP_ACT_KILL_PROCESS, deadly, ARRAY_SIZE(deadly));
	return r ? r : seccomp_load(filter);
}

int syscalls_restrict(const struct syscalls *keep)
{
	scmp_filter_ctx filter;
	int r;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	return 0;
#endif
	filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	if (!filter)
		return -ENOMEM;
	r = load(filter, keep);
	seccomp_release(filter);
	return r;
}
