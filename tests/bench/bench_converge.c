/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What it costs narud to follow the cluster: CPU time of one thread from the bytes of the API
 * server's lists to complete maps, then of single changes of an endpoint, with more and more
 * services of ten endpoints each. Sockets and TLS are left out; everything behind them is what
 * narud runs. Objects are worded as an API server words them, bookkeeping of managers included.
 *
 *   bench_converge [SERVICES...]      needs root; makes namespaces of its own
 */
#include <dirent.h>
#include <json-c/json.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "compile/again.h"
#include "dataplane/cgroup.h"
#include "dataplane/dataplane.h"
#include "kube/apijson.h"
#include "kube/element.h"
#include "kube/jsonstream.h"
#include "kube/resources.h"
#include "kube/store.h"
#include "model/model.h"

#define ENDPOINTS 10
#define CHANGES	  200
#define MAP_IDS	  65536
#define MANAGED                                                                                    \
	"\"managedFields\":[{\"manager\":\"kube-controller-manager\",\"operation\":\"Update\","    \
	"\"apiVersion\":\"%s\",\"time\":\"2026-11-26T00:00:00Z\",\"fieldsType\":\"FieldsV1\","     \
	"\"fieldsV1\":{%s}}]"
#define SLICE_FIELDS                                                                               \
	"\"f:addressType\":{},\"f:endpoints\":{},\"f:metadata\":{\"f:annotations\":{\".\":{},"     \
	"\"f:endpoints.kubernetes.io/last-change-trigger-time\":{}},\"f:generateName\":{},"        \
	"\"f:labels\":{\".\":{},\"f:endpointslice.kubernetes.io/managed-by\":{},"                  \
	"\"f:kubernetes.io/service-name\":{}},\"f:ownerReferences\":{\".\":{}}},\"f:ports\":{}"
#define SERVICE_FIELDS                                                                             \
	"\"f:metadata\":{\"f:labels\":{\".\":{},\"f:app\":{}}},\"f:spec\":{"                       \
	"\"f:internalTrafficPolicy\":{},\"f:ports\":{\".\":{},"                                    \
	"\"k:{\\\"port\\\":80,\\\"protocol\\\":\\\"TCP\\\"}\":{\".\":{},\"f:name\":{},"            \
	"\"f:port\":{},\"f:protocol\":{},\"f:targetPort\":{}}},\"f:selector\":{},"                 \
	"\"f:sessionAffinity\":{},\"f:type\":{}}"

struct cluster {
	struct model *model;
	struct store *services, *slices;
	struct store *store; /* that is fed */
	struct json_tokener *tokener;
	struct dataplane *dataplane;
	struct compile_config config;
	struct again *again;
	struct plan *plan;
	size_t bytes;
	double making; /* milliseconds that went into texts, which a server would have made */
};

/* ---- time ---------------------------------------------------------------------------------- */

static double cpu_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* Time since the last call. */
static double lap(double *since)
{
	double now = cpu_ms(), took = now - *since;

	*since = now;
	return took;
}

static int by_size(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static unsigned rss_kb(void)
{
	_cleanup_(mem_closefilep) FILE *file = fopen("/proc/self/status", "re");
	char line[128];
	unsigned kb = 0;

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "RssAnon: %u", &kb) == 1)
			break;
	return kb;
}

/* By id: several programs have one map, each with a descriptor of its own. */
static double add_map(const char *path, bool *seen)
{
	_cleanup_(mem_closefilep) FILE *file = fopen(path, "re");
	unsigned long bytes = 0, id = 0;
	char line[128];

	while (file && fgets(line, sizeof(line), file)) {
		sscanf(line, "memlock: %lu", &bytes);
		sscanf(line, "map_id: %lu", &id);
	}
	if (!id || seen[id % MAP_IDS])
		return 0;
	seen[id % MAP_IDS] = true;
	return (double)bytes;
}

/* Memory of all maps that are open. */
static double maps_mb(void)
{
	_cleanup_(mem_closedirp) DIR *dir = opendir("/proc/self/fdinfo");
	bool seen[MAP_IDS] = { false };
	struct dirent *entry;
	double bytes = 0;

	while (dir && (entry = readdir(dir))) {
		_cleanup_(mem_freep) char *path = mem_printf("/proc/self/fdinfo/%s", entry->d_name);

		bytes += add_map(path, seen);
	}
	return bytes / (1 << 20);
}

/* ---- objects ------------------------------------------------------------------------------- */

static void add_metadata(struct str *out, const char *name, size_t i)
{
	str_addf(out,
		 "{\"metadata\":{\"name\":\"%s\",\"namespace\":\"ns-%zu\",\"uid\":"
		 "\"00000000-0000-4000-8000-%012zu\",\"resourceVersion\":\"%zu\",\"generation\":1,"
		 "\"creationTimestamp\":\"2026-11-26T00:00:00Z\",",
		 name, i % 100, i, i + 1);
}

static void add_service(struct str *out, size_t i)
{
	char name[32];

	snprintf(name, sizeof(name), "service-%05zu", i);
	add_metadata(out, name, i);
	str_addf(out, "\"labels\":{\"app\":\"%s\"}," MANAGED "},", name, "v1", SERVICE_FIELDS);
	str_addf(out,
		 "\"spec\":{\"ports\":[{\"name\":\"http\",\"protocol\":\"TCP\",\"port\":80,"
		 "\"targetPort\":8080}],\"selector\":{\"app\":\"%s\"},"
		 "\"clusterIP\":\"10.%zu.%zu.%zu\",\"clusterIPs\":[\"10.%zu.%zu.%zu\"],"
		 "\"type\":\"ClusterIP\",\"sessionAffinity\":\"None\",\"ipFamilies\":[\"IPv4\"],"
		 "\"ipFamilyPolicy\":\"SingleStack\",\"internalTrafficPolicy\":\"Cluster\"},"
		 "\"status\":{\"loadBalancer\":{}}}",
		 name, 96 + i / 62500, i / 250 % 250, i % 250 + 1, 96 + i / 62500, i / 250 % 250,
		 i % 250 + 1);
}

/* turn: how often the first endpoint was replaced. */
static void add_endpoint(struct str *out, size_t i, size_t j, size_t turn)
{
	size_t n = i * ENDPOINTS + j + (j ? 0 : turn * 1000003);

	str_addf(out,
		 "%s{\"addresses\":[\"10.%zu.%zu.%zu\"],\"conditions\":{\"ready\":true,\"serving\":"
		 "true,\"terminating\":false},\"targetRef\":{\"kind\":\"Pod\",\"namespace\":"
		 "\"ns-%zu\",\"name\":\"service-%05zu-6b5f9c7d8f-%05zu\",\"uid\":"
		 "\"11111111-0000-4000-8000-%012zu\"},\"nodeName\":\"worker-%zu\",\"zone\":"
		 "\"zone-%zu\"}",
		 j ? "," : "", 128 + n / 62500 % 100, n / 250 % 250, n % 250 + 1, i % 100, i, j, n,
		 n % 500, n % 3);
}

static void add_slice(struct str *out, size_t i, size_t turn)
{
	char name[32];

	snprintf(name, sizeof(name), "service-%05zu-abcde", i);
	add_metadata(out, name, i);
	str_addf(out,
		 "\"generateName\":\"service-%05zu-\",\"annotations\":{"
		 "\"endpoints.kubernetes.io/last-change-trigger-time\":\"2026-11-26T00:00:00Z\"},"
		 "\"labels\":{\"endpointslice.kubernetes.io/managed-by\":"
		 "\"endpointslice-controller.k8s.io\",\"kubernetes.io/service-name\":"
		 "\"service-%05zu\"},\"ownerReferences\":[{\"apiVersion\":\"v1\",\"kind\":"
		 "\"Service\",\"name\":\"service-%05zu\",\"uid\":"
		 "\"00000000-0000-4000-8000-%012zu\",\"controller\":true,"
		 "\"blockOwnerDeletion\":true}]," MANAGED "},\"addressType\":\"IPv4\","
		 "\"endpoints\":[",
		 i, i, i, i, "discovery.k8s.io/v1", SLICE_FIELDS);
	for (size_t j = 0; j < ENDPOINTS; j++)
		add_endpoint(out, i, j, turn);
	str_addf(out, "],\"ports\":[{\"name\":\"http\",\"protocol\":\"TCP\",\"port\":8080}]}");
}

/* ---- the way in ---------------------------------------------------------------------------- */

static bool on_object(void *arg, const char *text, size_t len)
{
	struct cluster *c = arg;
	struct json_object *value =
		element_parse(c->tokener, &store_sink, c->store, false, text, len);

	c->bytes += len;
	store_sink.put(c->store, value);
	json_object_put(value);
	return true;
}

static bool on_lost(void *arg, const char *reason)
{
	(void)arg;
	fprintf(stderr, "bench_converge: %s\n", reason);
	exit(1);
}

static const struct jsonstream_ops ops = { .object = on_object, .lost = on_lost };

/* As one list, in pieces as a connection hands them on. */
static void feed_all(struct cluster *c, struct store *store, size_t n, bool slices)
{
	struct jsonstream *stream = jsonstream_new(JSONSTREAM_LIST, 8u << 20, &ops, c);
	static const char head[] = "{\"kind\":\"List\",\"metadata\":{},\"items\":[";
	struct str text = { 0 };

	c->store = store;
	store_sink.begin(store);
	jsonstream_feed(stream, head, sizeof(head) - 1);
	for (size_t i = 0; i < n; i++) {
		double since = cpu_ms();

		text.len = 0;
		str_addf(&text, "%s", i ? "," : "");
		if (slices)
			add_slice(&text, i, 0);
		else
			add_service(&text, i);
		c->making += lap(&since);
		for (size_t at = 0; at < text.len; at += 16384)
			jsonstream_feed(stream, text.buf + at,
					text.len - at < 16384 ? text.len - at : 16384);
	}
	store_sink.commit(store);
	jsonstream_free(stream);
	str_fini(&text);
}

/* Returns the time that it took, without making the text. */
static void feed_one(struct cluster *c, size_t i, size_t turn, double *ret_took)
{
	struct jsonstream *stream = jsonstream_new(JSONSTREAM_OBJECTS, 8u << 20, &ops, c);
	struct str text = { 0 };
	double since;

	add_slice(&text, i, turn);
	since = cpu_ms();
	c->store = c->slices;
	jsonstream_feed(stream, text.buf, text.len);
	*ret_took = lap(&since);
	jsonstream_free(stream);
	str_fini(&text);
}

static void put_node(struct model *model)
{
	struct node *node = (struct node *)object_new(OBJECT_NODE);

	node->object.namespace = mem_strdup("");
	node->object.name = mem_strdup("worker-0");
	node->zone = mem_strdup("");
	model_put(model, &node->object);
}

/* ---- the way out --------------------------------------------------------------------------- */

static void write_plan(struct cluster *c)
{
	struct diag_list diags = { 0 };
	int r = dataplane_apply(c->dataplane, c->plan, &diags);

	for (size_t i = 0; i < diags.n && i < 3; i++)
		fprintf(stderr, "bench_converge: %s: %s\n", diags.items[i].object,
			diags.items[i].reason);
	if (r || diags.n)
		exit(1);
	diag_fini(&diags);
}

static uint64_t writes(struct cluster *c)
{
	struct dataplane_status status;

	dataplane_status(c->dataplane, &status);
	return status.writes;
}

static void make_plan(struct cluster *c)
{
	c->plan = again_compile(c->again, c->plan, c->model);
}

/* ---- figures ------------------------------------------------------------------------------- */

static void measure_changes(struct cluster *c, size_t n)
{
	double parse[CHANGES], plan[CHANGES], maps[CHANGES], all[CHANGES], since = cpu_ms();
	uint64_t before = writes(c);

	for (size_t i = 0; i < CHANGES; i++) {
		feed_one(c, i * 7919 % n, i + 1, &parse[i]);
		lap(&since);
		make_plan(c);
		plan[i] = lap(&since);
		write_plan(c);
		maps[i] = lap(&since);
		all[i] = parse[i] + plan[i] + maps[i];
	}
	qsort(parse, CHANGES, sizeof(*parse), by_size);
	qsort(plan, CHANGES, sizeof(*plan), by_size);
	qsort(maps, CHANGES, sizeof(*maps), by_size);
	qsort(all, CHANGES, sizeof(*all), by_size);
	printf(" %.3f | %.3f | %.3f | %.3f | %.3f | %.1f |\n", parse[CHANGES / 2],
	       plan[CHANGES / 2], maps[CHANGES / 2], all[CHANGES / 2], all[CHANGES * 99 / 100],
	       (double)(writes(c) - before) / CHANGES);
}

static void measure(size_t n, const struct dataplane_config *config)
{
	struct cluster c = { .model = model_new(), .tokener = apijson_tokener() };
	double since, read, plan, maps;

	c.services = store_new(resources_kind(&resources_table[OBJECT_SERVICE], "v1"), "/services");
	c.slices =
		store_new(resources_kind(&resources_table[OBJECT_ENDPOINT_SLICE], "v1"), "/slices");
	c.config = (struct compile_config){ .node_name = "worker-0", .l4 = true };
	c.again = again_new(&c.config);
	put_node(c.model);
	if (dataplane_open(config, &c.dataplane))
		exit(1);
	since = cpu_ms();
	feed_all(&c, c.services, n, false);
	feed_all(&c, c.slices, n, true);
	store_publish(c.services, c.model);
	store_publish(c.slices, c.model);
	read = lap(&since) - c.making;
	make_plan(&c);
	plan = lap(&since);
	write_plan(&c);
	maps = lap(&since);
	printf("| %zu | %zu | %.1f | %.0f | %.0f | %.0f | %.0f | %.1f | %.1f |", n, n * ENDPOINTS,
	       (double)c.bytes / 1e6, read, plan, maps, read + plan + maps, rss_kb() / 1024.0,
	       maps_mb());
	measure_changes(&c, n);
	dataplane_close(c.dataplane);
}

/* ---- a place to work in -------------------------------------------------------------------- */

static char *make_cgroup(void)
{
	_cleanup_(mem_closefilep) FILE *mounts = fopen("/proc/self/mountinfo", "re");
	_cleanup_(mem_freep) char *root = NULL;
	char *dir;

	if (!mounts || cgroup_find_mount(mounts, &root))
		exit(1);
	dir = mem_printf("%s/naru-bench-%d", root, (int)getpid());
	if (mkdir(dir, 0700))
		exit(1);
	return dir;
}

/* The pins go with the mount, and it with the process. */
static void run(size_t n, const char *cgroup)
{
	const struct dataplane_config config = {
		.bpffs_dir = "/sys/fs/bpf",
		.l4 = true,
		.cgroup_dir = cgroup,
		.snat_min = 61000,
		.snat_max = 65535,
	};

	if (unshare(CLONE_NEWNET | CLONE_NEWNS) ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("bpf", "/sys/fs/bpf", "bpf", 0, NULL)) {
		perror("bench_converge");
		exit(1);
	}
	measure(n, &config);
	exit(0);
}

static int run_child(size_t n, const char *cgroup)
{
	pid_t child;
	int status;

	fflush(stdout);
	child = fork();
	if (!child)
		run(n, cgroup);
	return child < 0 || waitpid(child, &status, 0) != child || status;
}

int main(int argc, char **argv)
{
	static char *usual[] = { "", "100", "1000", "10000", NULL };
	char **sizes = argc > 1 ? argv : usual;
	_cleanup_(mem_freep) char *cgroup = make_cgroup();
	int failed = 0;

	log_set_level(LOG_ERROR);
	printf("| services | endpoints | MB read | read, ms | plan, ms | maps, ms | all, ms | "
	       "RSS, MB | maps, MB | change: read, ms | plan, ms | maps, ms | all p50, ms | "
	       "p99, ms | writes |\n"
	       "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n");
	for (char **size = sizes + 1; *size; size++)
		failed |= run_child((size_t)strtoul(*size, NULL, 10), cgroup);
	rmdir(cgroup);
	return failed;
}
