/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only file that sees skeletons. Each map that is pinned under its name is used as it is when
 * its layout is the one this build was made for; else nothing is touched and the user is told.
 * `meta` tells how long the ticks in the flow maps are: a later process must count alike.
 */
#include "dataplane/load.h"
#include "dataplane/nodeports.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <naru/abi.h>

#include "base/log.h"
#include "base/mem.h"
#include "dataplane/flowmaps.h"
#include "dataplane/probe.h"
#include "sk_steer.skel.h"
#include "sock_lb.skel.h"
#include "tc_lb.skel.h"
#include "tc_vip.skel.h"
#include "tell.skel.h"
#include "why.skel.h"
#include "xdp_lb.skel.h"

/* Seed of the hash that chooses endpoints: the same on every node, so a constant. */
#define HASH_SEED 0x6e617275

const struct load_sock_hook load_sock_hooks[LOAD_SOCK_HOOKS] = {
	{ "cgroup-connect4", BPF_CGROUP_INET4_CONNECT },
	{ "cgroup-connect6", BPF_CGROUP_INET6_CONNECT },
	{ "cgroup-sendmsg4", BPF_CGROUP_UDP4_SENDMSG },
	{ "cgroup-sendmsg6", BPF_CGROUP_UDP6_SENDMSG },
	{ "cgroup-recvmsg4", BPF_CGROUP_UDP4_RECVMSG },
	{ "cgroup-recvmsg6", BPF_CGROUP_UDP6_RECVMSG },
	{ "cgroup-getpeer4", BPF_CGROUP_INET4_GETPEERNAME },
	{ "cgroup-getpeer6", BPF_CGROUP_INET6_GETPEERNAME },
};

static int on_message(enum libbpf_print_level level, const char *format, va_list args)
{
	static const enum log_level levels[] = {
		[LIBBPF_WARN] = LOG_WARN,
		[LIBBPF_INFO] = LOG_INFO,
		[LIBBPF_DEBUG] = LOG_DEBUG,
	};

	if (level != LIBBPF_DEBUG)
		log_library(levels[level], "libbpf", format, args);
	return 0;
}

/* ---- pinned maps ---- */

#define NAME(name) #name,
/* The sockets' memory is pinned too: a restart must not make them forget what they asked for. */
static const char *const l4_names[] = { MAPS_L4(NAME) MAPS_SOCK(NAME) };
static const char *const other_names[] = { MAPS_NODE(NAME) MAPS_STEER(NAME) };
#undef NAME

static bool is_named(const struct bpf_map *map, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!strcmp(bpf_map__name(map), names[i]))
			return true;
	}
	return false;
}

static bool is_shared(const struct bpf_map *map)
{
	return is_named(map, l4_names, ARRAY_SIZE(l4_names)) ||
	       is_named(map, other_names, ARRAY_SIZE(other_names));
}

void load_forget_l4(const char *pin_dir)
{
	for (size_t i = 0; i < ARRAY_SIZE(l4_names); i++) {
		_cleanup_(mem_freep) char *path = mem_printf("%s/%s", pin_dir, l4_names[i]);

		unlink(path);
	}
}

static int differs(const struct bpf_map *map, const char *what, uint32_t pinned, uint32_t wanted)
{
	if (pinned == wanted)
		return 0;
	log_error("pinned map %s: its %s is %u, this narud needs %u; naructl cleanup removes it",
		  bpf_map__name(map), what, pinned, wanted);
	return -ESTALE;
}

/* Earlier versions made it so. Tables are then written by calls. */
static bool is_unmapped_lut(const struct bpf_map *map, uint32_t flags)
{
	return !strcmp(bpf_map__name(map), "lut") &&
	       (flags | BPF_F_MMAPABLE) == bpf_map__map_flags(map);
}

/* It takes memory as it is filled, and keeps the size that an earlier narud gave it: vips.c asks
 * for that, and what does not fit is refused by name. */
static bool is_elastic(const struct bpf_map *map)
{
	return !strcmp(bpf_map__name(map), "steer_vip");
}

static int check_layout(struct bpf_map *map, int fd)
{
	struct bpf_map_info info = {};
	uint32_t len = sizeof(info);
	int r = bpf_obj_get_info_by_fd(fd, &info, &len);

	if (!r)
		r = differs(map, "type", info.type, bpf_map__type(map));
	if (!r)
		r = differs(map, "key size", info.key_size, bpf_map__key_size(map));
	if (!r)
		r = differs(map, "value size", info.value_size, bpf_map__value_size(map));
	if (!r && is_elastic(map))
		r = bpf_map__set_max_entries(map, info.max_entries);
	if (!r)
		r = differs(map, "size", info.max_entries, bpf_map__max_entries(map));
	if (!r && !is_unmapped_lut(map, info.map_flags))
		r = differs(map, "set of flags", info.map_flags, bpf_map__map_flags(map));
	return r;
}

static int reuse_map(struct bpf_map *map, const char *pin_dir, bool dry)
{
	_cleanup_(mem_freep) char *path = mem_printf("%s/%s", pin_dir, bpf_map__name(map));
	_cleanup_(mem_closep) int fd = bpf_obj_get(path);
	int r;

	if (fd == -ENOENT && !dry)
		return 0;
	if (fd < 0)
		return log_err(fd, "open %s", path);
	r = check_layout(map, fd);
	return r ? r : bpf_map__reuse_fd(map, fd);
}

static int reuse_maps(struct bpf_object *object, const char *pin_dir, bool dry)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object)
	{
		int r = is_shared(map) ? reuse_map(map, pin_dir, dry) : 0;

		if (r)
			return r;
	}
	return 0;
}

static void note(struct load *load, const char *path)
{
	size_t cap = load->n_pinned;

	load->pinned = mem_grow(load->pinned, load->n_pinned, &cap, sizeof(*load->pinned));
	load->pinned[load->n_pinned++] = mem_strdup(path);
}

static int pin_maps(struct load *load, struct bpf_object *object, const char *pin_dir)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object)
	{
		_cleanup_(mem_freep) char *path = mem_printf("%s/%s", pin_dir, bpf_map__name(map));
		int r;

		if (!is_shared(map) || !access(path, F_OK))
			continue;
		r = bpf_obj_pin(bpf_map__fd(map), path);
		if (r)
			return log_err(r, "pin %s", path);
		note(load, path);
	}
	return 0;
}

static void forget_pins(struct load *load)
{
	for (size_t i = 0; i < load->n_pinned; i++)
		free(load->pinned[i]);
	free(load->pinned);
	load->pinned = NULL;
	load->n_pinned = 0;
}

void load_undo(struct load *load)
{
	for (size_t i = 0; i < load->n_pinned; i++)
		unlink(load->pinned[i]);
	forget_pins(load);
}

static uint32_t map_id(int fd)
{
	struct bpf_map_info info = {};
	uint32_t len = sizeof(info);

	return fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len) ? 0 : info.id;
}

static bool is_pinned(const struct bpf_map *map, const char *pin_dir)
{
	_cleanup_(mem_freep) char *path = mem_printf("%s/%s", pin_dir, bpf_map__name(map));
	_cleanup_(mem_closep) int fd = bpf_obj_get(path);
	uint32_t id = map_id(fd);

	return id && id == map_id(bpf_map__fd(map));
}

static bool are_pinned(const struct bpf_object *object, const char *pin_dir)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object)
	{
		if (is_shared(map) && !is_pinned(map, pin_dir))
			return false;
	}
	return true;
}

bool load_is_pinned(const struct load *load, const char *pin_dir)
{
	return are_pinned(load->steer_object->obj, pin_dir) &&
	       (!load->tc_object || are_pinned(load->tc_object->obj, pin_dir)) &&
	       (!load->sock_object || are_pinned(load->sock_object->obj, pin_dir));
}

/* ---- objects ---- */

/* A dry load finds all maps that are shared, and leaves nothing. */
static int load_object(struct load *load, struct bpf_object_skeleton *skeleton, const char *pin_dir,
		       const struct naru_config *cfg)
{
	struct bpf_object *object = *skeleton->obj;
	int r = flowmaps_size(object, cfg);

	if (!r)
		r = reuse_maps(object, pin_dir, cfg->dry_run);

	if (r)
		return r;
	r = bpf_object__load_skeleton(skeleton);
	if (r)
		return log_err(r, "load %s", skeleton->name);
	return cfg->dry_run ? 0 : pin_maps(load, object, pin_dir);
}

#define DESCRIPTOR(name) load->maps.name = bpf_map__fd(o->maps.name);

static int load_steer(struct load *load, const char *pin_dir, const struct naru_config *cfg)
{
	struct sk_steer_bpf *o = load->steer_object = sk_steer_bpf__open();
	int r;

	if (!o)
		return -errno;
	o->rodata->cfg = *cfg;
	r = load_object(load, o->skeleton, pin_dir, cfg);
	if (r)
		return r;
	load->steer = bpf_program__fd(o->progs.sk_steer);
	load->trace_steer = bpf_map__fd(o->maps.trace);
	MAPS_NODE(DESCRIPTOR)
	MAPS_STEER(DESCRIPTOR)
	return 0;
}

static int load_vip(struct load *load, const char *pin_dir, const struct naru_config *cfg)
{
	struct tc_vip_bpf *o = load->vip_object = tc_vip_bpf__open();
	int r;

	if (!o)
		return -errno;
	o->rodata->cfg = *cfg;
	r = load_object(load, o->skeleton, pin_dir, cfg);
	if (r)
		return r;
	load->tc_ingress = bpf_program__fd(o->progs.vip_ingress);
	load->tc_egress = bpf_program__fd(o->progs.vip_egress);
	return 0;
}

static int load_tell(struct load *load, const char *pin_dir, const struct naru_config *cfg)
{
	struct tell_bpf *o = load->tell_object = tell_bpf__open();
	int r;

	if (!o)
		return -errno;
	o->rodata->cfg = *cfg;
	r = load_object(load, o->skeleton, pin_dir, cfg);
	if (r)
		return r;
	load->tell = bpf_program__fd(o->progs.tell);
	return 0;
}

static int load_tc(struct load *load, const char *pin_dir, const struct naru_config *cfg)
{
	struct tc_lb_bpf *o = load->tc_object = tc_lb_bpf__open();
	int r;

	if (!o)
		return -errno;
	o->rodata->cfg = *cfg;
	r = load_object(load, o->skeleton, pin_dir, cfg);
	if (r)
		return r;
	load->tc_ingress = bpf_program__fd(o->progs.tc_ingress);
	load->tc_egress = bpf_program__fd(o->progs.tc_egress);
	load->clock = bpf_program__fd(o->progs.clock);
	load->trace_tc = bpf_map__fd(o->maps.trace);
	MAPS_L4(DESCRIPTOR)
	return 0;
}

static int load_xdp(struct load *load, const char *pin_dir, const struct naru_config *cfg)
{
	struct xdp_lb_bpf *o = load->xdp_object = xdp_lb_bpf__open();
	int r;

	if (!o)
		return -errno;
	o->rodata->cfg = *cfg;
	r = load_object(load, o->skeleton, pin_dir, cfg);
	if (r)
		return r;
	load->xdp = bpf_program__fd(o->progs.xdp_lb);
	load->trace_xdp = bpf_map__fd(o->maps.trace);
	return 0;
}

static int load_sock(struct load *load, const char *pin_dir, const struct naru_config *cfg)
{
	struct sock_lb_bpf *o = load->sock_object = sock_lb_bpf__open();
	int r;

	if (!o)
		return -errno;
	o->rodata->cfg = *cfg;
	r = load_object(load, o->skeleton, pin_dir, cfg);
	if (r)
		return r;
	/* The order of load_sock_hooks[]. */
	load->sock[0] = bpf_program__fd(o->progs.sock_connect4);
	load->sock[1] = bpf_program__fd(o->progs.sock_connect6);
	load->sock[2] = bpf_program__fd(o->progs.sock_sendmsg4);
	load->sock[3] = bpf_program__fd(o->progs.sock_sendmsg6);
	load->sock[4] = bpf_program__fd(o->progs.sock_recvmsg4);
	load->sock[5] = bpf_program__fd(o->progs.sock_recvmsg6);
	load->sock[6] = bpf_program__fd(o->progs.sock_getpeer4);
	load->sock[7] = bpf_program__fd(o->progs.sock_getpeer6);
	MAPS_SOCK(DESCRIPTOR)
	return 0;
}

/* ---- meta ---- */

/* What an earlier process left; version 0: nothing, or it died before its first packet. */
static int read_meta(const char *pin_dir, struct naru_meta *ret_meta)
{
	_cleanup_(mem_freep) char *path = mem_printf("%s/meta", pin_dir);
	_cleanup_(mem_closep) int fd = bpf_obj_get(path);
	uint8_t value[256] = {};
	struct bpf_map_info info = {};
	uint32_t len = sizeof(info), zero = 0;
	int r;

	*ret_meta = (struct naru_meta){};
	if (fd == -ENOENT)
		return 0;
	if (fd < 0)
		return log_err(fd, "open %s", path);
	r = bpf_obj_get_info_by_fd(fd, &info, &len);
	if (r)
		return log_err(r, "read %s", path);
	if (info.value_size > sizeof(value) || info.value_size < offsetof(struct naru_meta, config))
		return log_err(-ESTALE, "%s is not of any known version; naructl cleanup", path);
	r = bpf_map_lookup_elem(fd, &zero, value);
	if (r)
		return log_err(r, "read %s", path);
	memcpy(ret_meta, value, sizeof(*ret_meta));
	if (!ret_meta->abi_version || ret_meta->abi_version == NARU_ABI_VERSION)
		return 0;
	log_error("pinned map meta: its layout version is %u, this narud needs %u; naructl cleanup "
		  "removes it",
		  ret_meta->abi_version, NARU_ABI_VERSION);
	return -ESTALE;
}

/* A restart keeps it: it is what the source ports of one node are drawn by. */
static uint64_t port_seed(const struct naru_meta *meta)
{
	uint64_t seed = meta->config.port_seed;

	while (!seed && getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		;
	return seed;
}

static struct naru_config settings(const struct dataplane_config *config,
				   const struct naru_meta *meta)
{
	return (struct naru_config){
		.netns = probe_netns(),
		.tick_shift = meta->tick_shift,
		.hash_seed = HASH_SEED,
		.snat_min = config->snat_min,
		.snat_max = config->snat_max,
		.bypass_netfilter = config->bypass_netfilter,
		.flows_max = NARU_FLOWS_MAX,
		.loopback4 = nodeports_on_loopback(config, 4),
		.loopback6 = nodeports_on_loopback(config, 6),
		.csum6_flags = probe_csum6_flags(),
		.port_seed = port_seed(meta),
		.table = flowmaps_config(meta),
		.flow_hash = config->flow_hash,
	};
}

static int load_l4(struct load *load, const char *pin_dir, const struct naru_config *cfg, bool xdp)
{
	int r = load_tc(load, pin_dir, cfg);

	if (!r && xdp)
		r = load_xdp(load, pin_dir, cfg);
	return r ? r : load_sock(load, pin_dir, cfg);
}

static int load_all(struct load *load, const char *pin_dir, const struct dataplane_config *config)
{
	struct naru_meta meta;
	struct naru_config cfg;
	uint32_t zero = 0;
	int r = read_meta(pin_dir, &meta);

	if (r)
		return r;
	if (!meta.abi_version)
		meta = (struct naru_meta){ .abi_version = NARU_ABI_VERSION,
					   .tick_shift = probe_tick_shift() };
	load->tick_shift = meta.tick_shift;
	load->config = meta.config = cfg = settings(config, &meta);
	r = load_steer(load, pin_dir, &cfg);
	if (!r)
		r = load_tell(load, pin_dir, &cfg);
	if (!r && config->l4)
		r = load_l4(load, pin_dir, &cfg, config->xdp != XDP_MODE_OFF);
	else if (!r)
		r = load_vip(load, pin_dir, &cfg);
	/* Last: until then it speaks of the programs that are in force. */
	return r ? r : bpf_map_update_elem(load->maps.meta, &zero, &meta, BPF_ANY);
}

static struct load nothing(void)
{
	struct load load = { .steer = -1, .tc_ingress = -1, .tc_egress = -1, .xdp = -1 };

	load.clock = load.tell = -1;
	load.trace_steer = load.trace_tc = load.trace_xdp = load.trace_why = -1;
	load.why_socket = -1;
	memset(load.sock, 0xff, sizeof(load.sock));
	memset(&load.maps, 0xff, sizeof(load.maps));
	return load;
}

int load_open(const char *pin_dir, const struct dataplane_config *config, struct load *ret_load)
{
	int r;

	libbpf_set_print(on_message);
	*ret_load = nothing();
	r = load_all(ret_load, pin_dir, config);
	if (r) {
		load_undo(ret_load);
		load_close(ret_load);
	}
	return r;
}

static int load_why(struct load *load, const char *pin_dir, const struct naru_config *cfg)
{
	struct why_bpf *o = load->why_object = why_bpf__open();
	int r;

	if (!o)
		return -errno;
	o->rodata->cfg = *cfg;
	r = load_object(load, o->skeleton, pin_dir, cfg);
	if (r)
		return r;
	load->why_socket = bpf_program__fd(o->progs.why_socket);
	load->trace_why = bpf_map__fd(o->maps.trace);
	return 0;
}

/* As the programs in force were loaded, but for the switch. */
static int load_dry(struct load *load, const char *pin_dir, bool xdp)
{
	struct naru_meta meta;
	int r = read_meta(pin_dir, &meta);

	if (!r && !meta.abi_version)
		r = log_err(-ENOENT, "%s: no programs are in force (--bpffs names another)",
			    pin_dir);
	/* Devices and routes would be those of others, and so the answers. */
	if (!r && meta.config.netns && meta.config.netns != probe_netns())
		r = log_err(-EXDEV, "not in narud's network namespace");
	if (r)
		return r;
	load->tick_shift = meta.tick_shift;
	load->config = meta.config;
	meta.config.dry_run = 1;
	r = load_steer(load, pin_dir, &meta.config);
	if (!r)
		r = load_tc(load, pin_dir, &meta.config);
	if (!r)
		r = load_why(load, pin_dir, &meta.config);
	return !r && xdp ? load_xdp(load, pin_dir, &meta.config) : r;
}

int load_open_dry(const char *pin_dir, bool xdp, struct load *ret_load)
{
	int r;

	libbpf_set_print(on_message);
	*ret_load = nothing();
	r = load_dry(ret_load, pin_dir, xdp);
	if (r)
		load_close(ret_load);
	return r;
}

void load_close(struct load *load)
{
	sk_steer_bpf__destroy(load->steer_object);
	tc_vip_bpf__destroy(load->vip_object);
	tell_bpf__destroy(load->tell_object);
	tc_lb_bpf__destroy(load->tc_object);
	xdp_lb_bpf__destroy(load->xdp_object);
	sock_lb_bpf__destroy(load->sock_object);
	why_bpf__destroy(load->why_object);
	forget_pins(load);
	*load = nothing();
}

int load_tick(const struct load *load, uint32_t *ret_tick)
{
	uint8_t packet[64] = {};
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = packet, .data_size_in = sizeof(packet));
	int r = bpf_prog_test_run_opts(load->clock, &run);

	if (r)
		return r;
	*ret_tick = run.retval;
	return 0;
}
