// SPDX-License-Identifier: Apache-2.0
/* HTTPRoute with its rules, matches and filters: fields, defaults, what is wrong. */
#include "texts.h"

#include "model/gateway.h"

#define ROUTE                                                                                      \
	"apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\n"                              \
	"metadata: {name: r}\n"
#define SPEC(members)	ROUTE "spec: {" members "}\n"
#define RULE(members)	SPEC("rules: [{" members "}]")
#define MATCH(members)	RULE("matches: [{" members "}]")
#define FILTER(members) RULE("filters: [{" members "}]")
#define ERROR		"f:4: error: HTTPRoute default/r: "
#define AT		ERROR "spec.rules[0]"

static const char whole[] =
	"{\"apiVersion\": \"gateway.networking.k8s.io/v1\", \"kind\": \"HTTPRoute\",\n"
	"\"metadata\": {\"name\": \"r\", \"creationTimestamp\": \"2026-11-22T14:00:34Z\"},\n"
	"\"spec\": {\n"
	" \"parentRefs\": [{\"name\": \"edge\"},\n"
	"  {\"group\": \"\", \"kind\": \"Service\", \"namespace\": \"m\", \"name\": \"s\",\n"
	"   \"port\": 80, \"sectionName\": \"web\"}],\n"
	" \"hostnames\": [\"a.example.com\", \"*.example.com\"],\n"
	" \"rules\": [{\"name\": \"first\",\n"
	"  \"matches\": [\n"
	"   {\"path\": {\"type\": \"Exact\", \"value\": \"/a/\"}, \"method\": \"GET\"},\n"
	"   {\"path\": {\"value\": \"/p/\"}, \"headers\": [\n"
	"     {\"name\": \"X-Canary\", \"value\": \"always\"},\n"
	"     {\"name\": \"x-canary\", \"value\": \"ignored\"},\n"
	"     {\"type\": \"RegularExpression\", \"name\": \"cookie\", \"value\": \"a=.*\"}],\n"
	"    \"queryParams\": [{\"name\": \"Q\", \"value\": \"a b\"},\n"
	"     {\"name\": \"q\", \"value\": \"2\"}, {\"name\": \"Q\", \"value\": \"3\"}]},\n"
	"   {\"path\": {\"type\": \"RegularExpression\", \"value\": \"/x//[0-9]+#\"}}, {}],\n"
	"  \"filters\": [\n"
	"   {\"type\": \"RequestHeaderModifier\", \"requestHeaderModifier\": {\n"
	"     \"set\": [{\"name\": \"X-A\", \"value\": \"1\"}, {\"name\": \"x-a\", \"value\": "
	"\"2\"}],\n"
	"     \"add\": [{\"name\": \"X-B\", \"value\": \"2 3\"}], \"remove\": [\"X-C\"]}},\n"
	"   {\"type\": \"ResponseHeaderModifier\", \"responseHeaderModifier\": {}},\n"
	"   {\"type\": \"URLRewrite\", \"urlRewrite\": {\"hostname\": \"b.example.com\",\n"
	"     \"path\": {\"type\": \"ReplaceFullPath\", \"replaceFullPath\": \"/new\"}}},\n"
	"   {\"type\": \"RequestMirror\", \"requestMirror\": {\"backendRef\": {}}},\n"
	"   {\"type\": \"RequestMirror\", \"requestMirror\": {\"backendRef\": {}}},\n"
	"   {\"type\": \"example.com/Own\"}],\n"
	"  \"backendRefs\": [{\"name\": \"s\", \"port\": 8080},\n"
	"   {\"group\": \"example.com\", \"kind\": \"Other\", \"namespace\": \"m\", \"name\": "
	"\"t\",\n"
	"    \"weight\": 0, \"filters\": [{\"type\": \"CORS\", \"cors\": {}}]}],\n"
	"  \"timeouts\": {\"request\": \"2s\", \"backendRequest\": \"500ms\"},\n"
	"  \"retry\": {\"codes\": [502, 503], \"attempts\": 3, \"backoff\": \"20ms\"},\n"
	"  \"sessionPersistence\": {\"sessionName\": \"s\"}}]}}";

static void assert_value(const struct route_value_match *match, enum match_type type,
			 const char *name, const char *value)
{
	assert_int_equal(match->type, type);
	assert_string_equal(match->name, name);
	assert_string_equal(match->value, value);
}

static void assert_matches(const struct route_rule *rule)
{
	const struct route_match *match = rule->matches;

	assert_int_equal(rule->n_matches, 4);
	assert_int_equal(match[0].path_type, MATCH_EXACT);
	assert_string_equal(match[0].path, "/a/");
	assert_string_equal(match[0].method, "GET");
	assert_int_equal(match[1].path_type, MATCH_PREFIX);
	assert_string_equal(match[1].path, "/p");
	assert_string_equal(match[1].method, "");
	assert_int_equal(match[1].n_headers, 2);
	assert_value(&match[1].headers[0], MATCH_EXACT, "x-canary", "always");
	assert_value(&match[1].headers[1], MATCH_REGEX, "cookie", "a=.*");
	assert_int_equal(match[1].n_queries, 2);
	assert_value(&match[1].queries[0], MATCH_EXACT, "Q", "a b");
	assert_value(&match[1].queries[1], MATCH_EXACT, "q", "2");
	assert_int_equal(match[2].path_type, MATCH_REGEX);
	assert_string_equal(match[2].path, "/x//[0-9]+#");
	assert_int_equal(match[3].path_type, MATCH_PREFIX);
	assert_string_equal(match[3].path, "/");
}

static void assert_filters(const struct route_rule *rule)
{
	const struct route_filter *filter = rule->filters;

	assert_int_equal(rule->n_filters, 6);
	assert_int_equal(filter[0].type, FILTER_REQUEST_HEADERS);
	assert_int_equal(filter[0].n_set, 1);
	assert_string_equal(filter[0].set[0].name, "X-A");
	assert_string_equal(filter[0].set[0].value, "1");
	assert_int_equal(filter[0].n_add, 1);
	assert_string_equal(filter[0].add[0].value, "2 3");
	assert_int_equal(filter[0].n_remove, 1);
	assert_string_equal(filter[0].remove[0], "X-C");
	assert_int_equal(filter[1].type, FILTER_RESPONSE_HEADERS);
	assert_int_equal(filter[2].type, FILTER_REWRITE);
	assert_string_equal(filter[2].hostname, "b.example.com");
	assert_int_equal(filter[2].path_change, PATH_FULL);
	assert_string_equal(filter[2].path, "/new");
	assert_int_equal(filter[3].type, FILTER_OTHER);
	assert_string_equal(filter[4].type_text, "RequestMirror");
	assert_string_equal(filter[5].type_text, "example.com/Own");
	assert_string_equal(filter[5].path, "");
}

static void assert_backends(const struct route_rule *rule)
{
	assert_int_equal(rule->n_backends, 2);
	assert_string_equal(rule->backends[0].reference.group, "");
	assert_string_equal(rule->backends[0].reference.kind, "Service");
	assert_string_equal(rule->backends[0].reference.namespace, "");
	assert_string_equal(rule->backends[0].reference.name, "s");
	assert_int_equal(rule->backends[0].reference.port, 8080);
	assert_int_equal(rule->backends[0].weight, 1);
	assert_int_equal(rule->backends[0].n_filters, 0);
	assert_string_equal(rule->backends[1].reference.kind, "Other");
	assert_string_equal(rule->backends[1].reference.namespace, "m");
	assert_int_equal(rule->backends[1].weight, 0);
	assert_int_equal(rule->backends[1].n_filters, 1);
	assert_string_equal(rule->backends[1].filters[0].type_text, "CORS");
}

static void a_route_has_all_its_fields(void **state)
{
	const struct http_route *route;
	const struct route_rule *rule;
	struct load loads[2];

	(void)state;
	load_both(whole, loads);
	route = (const struct http_route *)loads[0].objects[0];
	assert_int_equal(route->created, 1795356034);
	assert_int_equal(route->n_parents, 2);
	assert_string_equal(route->parents[0].group, "gateway.networking.k8s.io");
	assert_string_equal(route->parents[0].kind, "Gateway");
	assert_string_equal(route->parents[1].group, "");
	assert_string_equal(route->parents[1].section, "web");
	assert_int_equal(route->parents[1].port, 80);
	assert_int_equal(route->n_hostnames, 2);
	assert_string_equal(route->hostnames[1], "*.example.com");
	assert_int_equal(route->n_rules, 1);
	rule = &route->rules[0];
	assert_string_equal(rule->name, "first");
	assert_matches(rule);
	assert_filters(rule);
	assert_backends(rule);
	assert_int_equal(rule->request_timeout_ms, 2000);
	assert_int_equal(rule->backend_timeout_ms, 500);
	assert_true(rule->retry);
	assert_int_equal(rule->n_retry_codes, 2);
	assert_int_equal(rule->retry_codes[1], 503);
	assert_int_equal(rule->retry_attempts, 3);
	assert_int_equal(rule->retry_backoff_ms, 20);
	assert_true(rule->persistence);
	load_fini(&loads[0]);
	load_fini(&loads[1]);
}

/* Nothing given, at each depth, is what the API's defaults say. */
static void an_empty_route_has_the_defaults(void **state)
{
	static const char *const texts[] = { SPEC(""),	SPEC("rules: null"),
					     RULE(""),	RULE("matches: []"),
					     MATCH(""), MATCH("path: {}") };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct load load = load_yaml(texts[i]);
		const struct http_route *route = (const struct http_route *)load.objects[0];

		assert_diags(&load, "");
		assert_int_equal(route->n_parents + route->n_hostnames, 0);
		assert_int_equal(route->created, 0);
		assert_int_equal(route->n_rules, 1);
		assert_string_equal(route->rules[0].name, "");
		assert_int_equal(route->rules[0].n_matches, 1);
		assert_int_equal(route->rules[0].matches[0].path_type, MATCH_PREFIX);
		assert_string_equal(route->rules[0].matches[0].path, "/");
		assert_string_equal(route->rules[0].matches[0].method, "");
		assert_false(route->rules[0].retry);
		assert_int_equal(route->rules[0].retry_attempts, 0);
		load_fini(&load);
	}
}

static void defaults_of_parts(void **state)
{
	struct load load = load_yaml(
		RULE("retry: {}, timeouts: {request: 0s, backendRequest: 1s}, filters: [{type: "
		     "RequestRedirect, requestRedirect: {path: {type: ReplacePrefixMatch, "
		     "replacePrefixMatch: ''}}}]"));
	const struct route_rule *rule = ((const struct http_route *)load.objects[0])->rules;

	(void)state;
	assert_diags(&load, "");
	assert_true(rule->retry);
	assert_int_equal(rule->retry_attempts, 1);
	assert_int_equal(rule->n_retry_codes, 0);
	assert_int_equal(rule->request_timeout_ms, 0);
	assert_int_equal(rule->backend_timeout_ms, 1000);
	assert_int_equal(rule->filters[0].type, FILTER_REDIRECT);
	assert_int_equal(rule->filters[0].status, 302);
	assert_int_equal(rule->filters[0].port, 0);
	assert_string_equal(rule->filters[0].scheme, "");
	assert_int_equal(rule->filters[0].path_change, PATH_PREFIX);
	assert_string_equal(rule->filters[0].path, "/");
	load_fini(&load);
}

static void route_fields_say_what_is_wrong(void **state)
{
	static const struct wrong rows[] = {
		{ ROUTE, "f:1: error: HTTPRoute default/r: spec: is required" },
		{ SPEC("rules: []"), ERROR "spec.rules: has 0 entries, at least 1 needed" },
		{ SPEC("rules: {}"), ERROR "spec.rules: expected a list, found an object" },
		{ SPEC("hostnames: [A.example.com]"),
		  ERROR "spec.hostnames[0]: expected a lower case host name such as "
			"shop.example.com or *.example.com, found \"A.example.com\"" },
		{ SPEC("hostnames: [a, null]"),
		  ERROR "spec.hostnames[1]: expected a value, found null" },
		{ SPEC("parentRefs: [{}]"), ERROR "spec.parentRefs[0].name: is required" },
		{ SPEC("parentRefs: [{name: a, port: 65536}]"),
		  ERROR "spec.parentRefs[0].port: expected a number from 1 to 65535, found 65536" },
		{ SPEC("parentRefs: [{name: a, sectionName: ''}]"),
		  ERROR "spec.parentRefs[0].sectionName: expected a name of at most 253 lower case "
			"letters, digits, '-' and '.', found \"\"" },
		{ SPEC("parentRefs: [{name: a}, {name: b}, {name: a, group: "
		       "gateway.networking.k8s.io}]"),
		  ERROR "spec.parentRefs[2]: sectionName or port must be unique when parentRefs "
			"includes 2 or more references to the same parent" },
		{ SPEC("parentRefs: [{name: a}, {name: a, port: 80}]"),
		  ERROR "spec.parentRefs[1]: sectionName or port must be specified when parentRefs "
			"includes 2 or more references to the same parent" },
		{ SPEC("rules: [{name: a}, {name: b}, {name: a}]"),
		  ERROR "spec.rules[2]: Rule name must be unique within the route" },
		{ RULE("name: A"), AT ".name: expected a name of at most 253 lower case letters, "
				      "digits, '-' and '.', found \"A\"" },
	};

	(void)state;
	assert_wrong(rows, ARRAY_SIZE(rows));
}

#define PATH(value)   MATCH("path: {value: '" value "'}")
#define PATH_AT	      AT ".matches[0].path.value: "
#define HEADER(match) MATCH("headers: [{" match "}]")

static void matches_say_what_is_wrong(void **state)
{
	static const struct wrong rows[] = {
		{ PATH(""), PATH_AT "must be an absolute path and start with '/'" },
		{ PATH("a"), PATH_AT "must be an absolute path and start with '/'" },
		{ PATH("/a//b"), PATH_AT "must not contain '//'" },
		{ PATH("/a/./b"), PATH_AT "must not contain '/./'" },
		{ PATH("/a/../b"), PATH_AT "must not contain '/../'" },
		{ PATH("/a%2fb"), PATH_AT "must not contain '%2f'" },
		{ PATH("/a%2Fb"), PATH_AT "must not contain '%2F'" },
		{ PATH("/a#b"), PATH_AT "must not contain '#'" },
		{ PATH("/a/.."), PATH_AT "must not end with '/..'" },
		{ PATH("/."), PATH_AT "must not end with '/.'" },
		{ PATH("/a b"), PATH_AT "must only contain valid characters: letters, digits, "
					"-/._~!$&'()*+,;=:@ and %XX" },
		{ PATH("/a?b"), PATH_AT "must only contain valid characters: letters, digits, "
					"-/._~!$&'()*+,;=:@ and %XX" },
		{ PATH("/a%2"), PATH_AT "must only contain valid characters: letters, digits, "
					"-/._~!$&'()*+,;=:@ and %XX" },
		{ PATH("/a%"), PATH_AT "must only contain valid characters: letters, digits, "
				       "-/._~!$&'()*+,;=:@ and %XX" },
		{ MATCH("path: {type: Prefix}"),
		  AT ".matches[0].path.type: expected PathPrefix, Exact or RegularExpression, "
		     "found \"Prefix\"" },
		{ MATCH("path: {value: 5}"), PATH_AT "expected a string, found 5" },
		{ MATCH("method: get"),
		  AT ".matches[0].method: expected GET, HEAD, POST, PUT, DELETE, CONNECT, OPTIONS, "
		     "TRACE or PATCH, found \"get\"" },
		{ HEADER("value: a"), AT ".matches[0].headers[0].name: is required" },
		{ HEADER("name: a"), AT ".matches[0].headers[0].value: is required" },
		{ HEADER("name: 'a:', value: b"),
		  AT ".matches[0].headers[0].name: expected a header name of at most 256 letters, "
		     "digits and !#$%&'*+-.^_`|~, found \"a:\"" },
		{ HEADER("name: a, value: ' b'"),
		  AT ".matches[0].headers[0].value: expected 1 to 4096 characters without control "
		     "characters or blanks at the ends, found \" b\"" },
		{ HEADER("name: a, value: \"b\\r\\nc: d\""),
		  AT ".matches[0].headers[0].value: expected 1 to 4096 characters without control "
		     "characters or blanks at the ends, found \"b\\r\\nc: d\"" },
		{ HEADER("name: a, value: \"b\\x7f\""),
		  AT ".matches[0].headers[0].value: expected 1 to 4096 characters without control "
		     "characters or blanks at the ends, found \"b\x7f\"" },
		{ HEADER("name: a, value: b, type: PathPrefix"),
		  AT ".matches[0].headers[0].type: expected Exact or RegularExpression, found "
		     "\"PathPrefix\"" },
		{ MATCH("queryParams: [{name: a, value: ''}]"),
		  AT ".matches[0].queryParams[0].value: expected a value of 1 to 1024 characters, "
		     "found \"\"" },
	};

	(void)state;
	assert_wrong(rows, ARRAY_SIZE(rows));
}

#define REDIRECT(members) FILTER("type: RequestRedirect, requestRedirect: {" members "}")
#define FILTER_AT	  AT ".filters[0]"

static void filters_say_what_is_wrong(void **state)
{
	static const struct wrong rows[] = {
		{ FILTER(""), FILTER_AT ".type: is required" },
		{ FILTER("type: URLRewrite"),
		  FILTER_AT ": filter.urlRewrite must be specified for URLRewrite filter.type" },
		{ FILTER("type: CORS"),
		  FILTER_AT ": filter.cors must be specified for CORS filter.type" },
		{ FILTER("type: CORS, cors: {}, urlRewrite: {}"),
		  FILTER_AT ": filter.urlRewrite must be nil if the filter.type is not "
			    "URLRewrite" },
		{ FILTER("type: URLRewrite, urlRewrite: 5"),
		  FILTER_AT ".urlRewrite: expected an object, found 5" },
		{ FILTER("type: URLRewrite, urlRewrite: {hostname: '*.a'}"),
		  FILTER_AT ".urlRewrite.hostname: expected a lower case host name such as "
			    "shop.example.com, found \"*.a\"" },
		{ REDIRECT("scheme: ftp"),
		  FILTER_AT ".requestRedirect.scheme: expected http or https, found \"ftp\"" },
		{ REDIRECT("port: 0"),
		  FILTER_AT ".requestRedirect.port: expected a number from 1 to 65535, found 0" },
		{ REDIRECT("statusCode: 304"),
		  FILTER_AT ".requestRedirect.statusCode: expected 301, 302, 303, 307 or 308, "
			    "found 304" },
		{ REDIRECT("statusCode: '301'"),
		  FILTER_AT ".requestRedirect.statusCode: expected 301, 302, 303, 307 or 308, "
			    "found \"301\"" },
		{ REDIRECT("path: {}"), FILTER_AT ".requestRedirect.path.type: is required" },
		{ REDIRECT("path: {type: ReplaceFullPath}"),
		  FILTER_AT ".requestRedirect.path.replaceFullPath: is required" },
		{ REDIRECT("path: {type: ReplaceFullPath, replaceFullPath: /a, "
			   "replacePrefixMatch: /b}"),
		  FILTER_AT ".requestRedirect.path: type must be 'ReplacePrefixMatch' when "
			    "replacePrefixMatch is set" },
		{ REDIRECT("path: {type: ReplaceFullPath, replaceFullPath: \"/a\\r\\n\"}"),
		  FILTER_AT ".requestRedirect.path.replaceFullPath: expected a path of at most "
			    "1024 characters that begins with '/', or \"\", found "
			    "\"/a\\r\\n\"" },
		{ RULE("filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: "
		       "[{name: a, value: \"b\\nc\"}]}}]"),
		  FILTER_AT ".requestHeaderModifier.set[0].value: expected 1 to 4096 characters "
			    "without control characters or blanks at the ends, found \"b\\nc\"" },
		{ RULE("filters: [{type: ResponseHeaderModifier, responseHeaderModifier: {remove: "
		       "['a b']}}]"),
		  FILTER_AT ".responseHeaderModifier.remove[0]: expected a header name of at most "
			    "256 letters, digits and !#$%&'*+-.^_`|~, found \"a b\"" },
	};

	(void)state;
	assert_wrong(rows, ARRAY_SIZE(rows));
}

#define REWRITE_PREFIX                                                                             \
	"filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, "              \
	"replacePrefixMatch: /b}}}]"

static void rules_say_what_does_not_go_together(void **state)
{
	static const struct wrong rows[] = {
		{ RULE("backendRefs: [{port: 80}]"), AT ".backendRefs[0].name: is required" },
		{ RULE("backendRefs: [5]"), AT ".backendRefs[0]: expected an object, found 5\n" AT
					       ".backendRefs[0].name: is required" },
		{ RULE("backendRefs: [{name: a}]"),
		  AT ".backendRefs[0]: Must have port for Service reference" },
		{ RULE("backendRefs: [{name: a, port: 80, weight: 1000001}]"),
		  AT ".backendRefs[0].weight: expected a number from 0 to 1000000, found "
		     "1000001" },
		{ RULE("backendRefs: [{name: a, port: 80, weight: -1}]"),
		  AT ".backendRefs[0].weight: expected a number from 0 to 1000000, found -1" },
		{ RULE("timeouts: {request: 1s, backendRequest: 2s}"),
		  AT ".timeouts: backendRequest timeout cannot be longer than request timeout" },
		{ RULE("timeouts: {request: 1.5s}"),
		  AT ".timeouts.request: expected a duration such as 1h30m, 10s or 500ms, found "
		     "\"1.5s\"" },
		{ RULE("retry: {codes: [399]}"),
		  AT ".retry.codes[0]: expected a number from 400 to 599, found 399" },
		{ RULE("retry: {codes: [600]}"),
		  AT ".retry.codes[0]: expected a number from 400 to 599, found 600" },
		{ RULE("retry: {attempts: -1}"),
		  AT ".retry.attempts: expected a number from 0 to 2147483647, found -1" },
		{ RULE("retry: {backoff: 5}"), AT ".retry.backoff: expected a string, found 5" },
		{ RULE("filters: [{type: CORS, cors: {}}, {type: CORS, cors: {}}]"),
		  AT ": CORS filter cannot be repeated" },
		{ RULE("backendRefs: [{name: a, port: 80, filters: [{type: CORS, cors: {}}, "
		       "{type: CORS, cors: {}}]}]"),
		  AT ".backendRefs[0]: CORS filter cannot be repeated" },
		{ RULE("backendRefs: [{name: a, port: 80, filters: "
		       "[{type: RequestHeaderModifier}]}]"),
		  AT ".backendRefs[0].filters[0]: filter.requestHeaderModifier must be "
		     "specified for RequestHeaderModifier filter.type" },
		{ RULE("filters: [{type: URLRewrite, urlRewrite: {}}, {type: RequestRedirect, "
		       "requestRedirect: {}}]"),
		  AT ": May specify either RequestRedirect or URLRewrite, but not both" },
		{ RULE("filters: [{type: RequestRedirect, requestRedirect: {}}], backendRefs: "
		       "[{name: a, port: 80}]"),
		  AT ": RequestRedirect filter must not be used together with backendRefs" },
		{ RULE("matches: [{}, {}], " REWRITE_PREFIX),
		  AT ": When using URLRewrite filter with path.replacePrefixMatch, exactly one "
		     "PathPrefix match must be specified" },
		{ RULE("matches: [{path: {type: Exact, value: /a}}], " REWRITE_PREFIX),
		  AT ": When using URLRewrite filter with path.replacePrefixMatch, exactly one "
		     "PathPrefix match must be specified" },
	};

	(void)state;
	assert_wrong(rows, ARRAY_SIZE(rows));
}

/* n times what is asked for, put into the brackets of a format. */
static struct load load_many(const char *before, const char *each, size_t n, const char *after)
{
	struct str text = { 0 };
	struct load load;

	str_addf(&text, "%s", before);
	for (size_t i = 0; i < n; i++)
		str_addf(&text, "%s%s", i ? ", " : "", each);
	str_addf(&text, "%s", after);
	load = load_yaml(text.buf);
	str_fini(&text);
	return load;
}

#define EIGHT	   "{},{},{},{},{},{},{},{}"
#define SIXTY_FOUR EIGHT "," EIGHT "," EIGHT "," EIGHT "," EIGHT "," EIGHT "," EIGHT "," EIGHT

static void lists_are_as_long_as_the_api_lets_them(void **state)
{
	static const struct {
		const char *before, *each, *after;
		size_t max;
		const char *diag;
	} rows[] = {
		{ ROUTE "spec: {rules: [", "{}", "]}", 16,
		  ERROR "spec.rules: has 17 entries, at "
			"most 16 are allowed" },
		{ ROUTE "spec: {rules: [{matches: [", "{}", "]}]}", 64,
		  AT ".matches: has 65 entries, at most 64 are allowed" },
		{ ROUTE "spec: {rules: [{filters: [",
		  "{type: ExtensionRef, extensionRef: {name: a}}", "]}]}", 16,
		  AT ".filters: has 17 entries, at most 16 are allowed" },
		{ ROUTE "spec: {rules: [{backendRefs: [", "{name: a, port: 80}", "]}]}", 16,
		  AT ".backendRefs: has 17 entries, at most 16 are allowed" },
		{ ROUTE "spec: {rules: [{matches: [{headers: [", "{name: a, value: b}", "]}]}]}",
		  16, AT ".matches[0].headers: has 17 entries, at most 16 are allowed" },
		{ ROUTE "spec: {hostnames: [", "a", "]}", 16,
		  ERROR "spec.hostnames: has 17 entries, at most 16 are allowed" },
		{ ROUTE "spec: {rules: [{matches: [" EIGHT "]}, {matches: [", "{}",
		  "]}, {matches: [" SIXTY_FOUR "]}]}", 56,
		  ERROR "spec.rules[2]: the total number of matches across all rules in a route "
			"must not be more than 128" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct load load =
			load_many(rows[i].before, rows[i].each, rows[i].max, rows[i].after);

		assert_diags(&load, "");
		load_fini(&load);
		load = load_many(rows[i].before, rows[i].each, rows[i].max + 1, rows[i].after);
		assert_diags(&load, rows[i].diag);
		assert_int_equal(load.n_broken, 1);
		load_fini(&load);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_route_has_all_its_fields),
		cmocka_unit_test(an_empty_route_has_the_defaults),
		cmocka_unit_test(defaults_of_parts),
		cmocka_unit_test(route_fields_say_what_is_wrong),
		cmocka_unit_test(matches_say_what_is_wrong),
		cmocka_unit_test(filters_say_what_is_wrong),
		cmocka_unit_test(rules_say_what_does_not_go_together),
		cmocka_unit_test(lists_are_as_long_as_the_api_lets_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
