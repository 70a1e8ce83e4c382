// SPDX-License-Identifier: Apache-2.0
/*
 * Heads of requests and responses from bytes (RFC 9112, 3 to 6). Both sides of the proxy call it.
 * Invariant: what it returns has one framing, one host and one path, and nothing that another
 * reader could have taken for something else has passed.
 */
#include "http/h1.h"

#include <errno.h>
#include <string.h>

#include "base/chars.h"
#include "http/h1_framing.h"
#include "http/h1_head.h"
#include "http/target.h"

const struct h1_limits h1_default_limits = {
	.head_bytes = 16384,
	.fields = 100,
	.target_bytes = 8192,
};

/* A head under way through the steps below. */
struct parse {
	struct h1_input *input;
	struct http_text line;	    /* the first one, without its end */
	char *fields, *end;	    /* behind it */
	struct http_text authority; /* of an absolute target; at NULL: there is none */
	struct h1_head head;
	struct h1_error *error;
};

static int refuse(struct parse *p, unsigned status, const char *reason)
{
	return h1_head_refuse(p->error, status, reason);
}

/* Finds the head and its first line. */
static ssize_t begin(struct parse *p, bool request)
{
	size_t start;
	ssize_t len = h1_head_find(p->input, request, &start, p->error);
	char *at, *lf;

	if (len < 0)
		return len;
	at = p->input->buf + start;
	p->end = p->input->buf + len;
	lf = memchr(at, '\n', (size_t)(p->end - at));
	p->line = (struct http_text){ at, (size_t)(lf - 1 - at) };
	p->fields = lf + 1;
	return len;
}

/* Cuts what stands before a separator off a text, and the separator. */
static bool cut(struct http_text *rest, char separator, struct http_text *ret_part)
{
	const char *at = rest->len ? memchr(rest->at, separator, rest->len) : NULL;
	size_t len;

	if (!at)
		return false;
	len = (size_t)(at - rest->at);
	*ret_part = (struct http_text){ rest->at, len };
	*rest = (struct http_text){ at + 1, rest->len - len - 1 };
	return true;
}

/* HTTP/1.0 and 1.1; other versions are known by their form. */
static int parse_version(struct parse *p, struct http_text text, uint8_t *ret_minor)
{
	const char *at = text.at;

	if (text.len != 8 || memcmp(at, "HTTP/", 5) || !chars_is(at[5], CHARS_DIGIT) ||
	    at[6] != '.' || !chars_is(at[7], CHARS_DIGIT))
		return refuse(p, 400, "no HTTP version");
	if (at[5] != '1' || at[7] > '1')
		return refuse(p, 505, "an HTTP version that is not 1.0 or 1.1");
	*ret_minor = (uint8_t)(at[7] - '0');
	return 0;
}

/* ---- targets (RFC 9112, 3.2) ---- */

static int split_path(struct parse *p, struct http_text text, struct http_request *request)
{
	struct http_text path = text;

	if (cut(&text, '?', &path)) {
		if (!chars_all(text.at, text.len, CHARS_QUERY))
			return refuse(p, 400, "a character in the query that no URI has");
		request->query = text;
	}
	/* "http://host?query" */
	if (!path.len)
		path = HTTP_TEXT("/");
	if (target_normalise(path, p->input->arena, &request->path))
		return refuse(p, 400, "a path that has no one meaning");
	return 0;
}

/* "http://authority/path?query" */
static int parse_absolute(struct parse *p, struct http_text text, bool options,
			  struct http_request *request)
{
	struct http_text scheme;
	size_t len;

	if (!cut(&text, ':', &scheme) || text.len < 2 || memcmp(text.at, "//", 2))
		return refuse(p, 400, "a request target of no known form");
	if (!http_text_is(scheme, "http") && !http_text_is(scheme, "https"))
		return refuse(p, 400, "a scheme that is not http or https");
	text = (struct http_text){ text.at + 2, text.len - 2 };
	for (len = 0; len < text.len && text.at[len] != '/' && text.at[len] != '?'; len++)
		;
	if (!len)
		return refuse(p, 400, "a target without host");
	p->authority = (struct http_text){ text.at, len };
	text = (struct http_text){ text.at + len, text.len - len };
	if (text.len || !options)
		return split_path(p, text, request);
	request->path = HTTP_TEXT("*");
	return 0;
}

static int parse_target(struct parse *p, struct http_text text, struct http_request *request)
{
	bool options = http_text_equal(request->method, HTTP_TEXT("OPTIONS"));

	if (text.len > p->input->limits->target_bytes)
		return refuse(p, 414, "the target is too long");
	if (http_text_equal(request->method, HTTP_TEXT("CONNECT")))
		return refuse(p, 405, "CONNECT");
	if (text.len && *text.at == '/')
		return split_path(p, text, request);
	if (!http_text_equal(text, HTTP_TEXT("*")))
		return parse_absolute(p, text, options, request);
	if (!options)
		return refuse(p, 400, "the target * is for OPTIONS");
	request->path = text;
	return 0;
}

static int parse_request_line(struct parse *p, struct http_request *request)
{
	struct http_text rest = p->line, target;

	if (!cut(&rest, ' ', &request->method) || !cut(&rest, ' ', &target))
		return refuse(p, 400, "no request line");
	if (!request->method.len ||
	    !chars_all(request->method.at, request->method.len, CHARS_TOKEN))
		return refuse(p, 400, "a method that is no token");
	if (request->method.len > H1_METHOD_MAX)
		return refuse(p, 501, "the method is too long");
	if (parse_version(p, rest, &request->minor))
		return -EBADMSG;
	request->head = http_text_equal(request->method, HTTP_TEXT("HEAD"));
	return parse_target(p, target, request);
}

/* ---- what the fields of a request say ---- */

/* The host of the target wins, but Host has to be right all the same (RFC 9112, 3.2). */
static int decide_host(struct parse *p, struct http_request *request)
{
	const struct http_text *host = &p->head.host;

	if (host->at) {
		if (target_parse_authority(*host, p->input->arena, request))
			return refuse(p, 400, "Host is no host");
	} else if (request->minor) {
		return refuse(p, 400, "no Host field");
	} else {
		request->authority = request->host = HTTP_TEXT("");
	}
	if (p->authority.at && target_parse_authority(p->authority, p->input->arena, request))
		return refuse(p, 400, "the target's host is none");
	return 0;
}

static int decide_framing(struct parse *p, struct http_request *request)
{
	const struct h1_head *head = &p->head;
	int r;

	if (head->coding.at && head->length.at)
		return refuse(p, 400, "Content-Length and Transfer-Encoding");
	if (head->length.at) {
		request->framing = HTTP_LENGTH;
		if (h1_framing_length(head->length, &request->length))
			return refuse(p, 400, "Content-Length is no number");
	}
	if (!head->coding.at)
		return 0;
	if (!request->minor)
		return refuse(p, 400, "Transfer-Encoding in HTTP/1.0");
	r = h1_framing_coding(head->coding);
	if (r == -ENOTSUP)
		return refuse(p, 501, "a transfer coding that is not chunked");
	if (r)
		return refuse(p, 400, "Transfer-Encoding is not chunked");
	request->framing = HTTP_CHUNKED;
	return 0;
}

/* HTTP/1.0 knows no expectations, and nobody waits where there is no body. */
static int decide_expect(struct parse *p, struct http_request *request)
{
	if (!p->head.expect.at)
		return 0;
	if (!http_text_is(p->head.expect, "100-continue"))
		return refuse(p, 417, "Expect is not 100-continue");
	request->expect_continue = request->minor && request->framing != HTTP_NO_BODY &&
				   !(request->framing == HTTP_LENGTH && !request->length);
	return 0;
}

static bool keeps_alive(const struct h1_head *head, uint8_t minor)
{
	return !head->close && (minor || head->keep_alive);
}

ssize_t h1_parse_request(struct h1_input *input, bool tls, struct http_request *ret_request,
			 struct h1_error *ret_error)
{
	struct parse p = { .input = input, .error = ret_error };
	struct http_request request = { .scheme = tls ? HTTP_TEXT("https") : HTTP_TEXT("http") };
	ssize_t len = begin(&p, true);

	if (len < 0)
		return len;
	if (parse_request_line(&p, &request) ||
	    h1_head_fields(input, p.fields, p.end, true, &p.head, ret_error) ||
	    decide_host(&p, &request) || decide_framing(&p, &request) ||
	    decide_expect(&p, &request))
		return -EBADMSG;
	request.fields = p.head.fields;
	request.keep_alive = keeps_alive(&p.head, request.minor);
	*ret_request = request;
	return len;
}

/* ---- responses ---- */

static int broken(struct parse *p, const char *reason)
{
	return refuse(p, 502, reason);
}

/* "HTTP/1.1 200 OK"; many servers leave out the space when there is no phrase. */
static int parse_status_line(struct parse *p, struct http_response *response)
{
	struct http_text rest = p->line, version;
	const char *at;

	if (!cut(&rest, ' ', &version))
		return broken(p, "no status line");
	if (parse_version(p, version, &response->minor))
		return -EBADMSG;
	at = rest.at;
	if (rest.len < 3 || !chars_all(at, 3, CHARS_DIGIT) || (rest.len > 3 && at[3] != ' '))
		return broken(p, "no status of three digits");
	response->status = (uint16_t)((at[0] - '0') * 100 + (at[1] - '0') * 10 + at[2] - '0');
	if (response->status < 100 || response->status > 599)
		return broken(p, "a status beyond 100 to 599");
	if (rest.len > 3)
		response->reason = (struct http_text){ at + 4, rest.len - 4 };
	if (!chars_all(response->reason.at, response->reason.len, CHARS_VALUE))
		return broken(p, "a control character in the phrase");
	return 0;
}

/* Content-Length and Transfer-Encoding by themselves. */
static int read_framing(struct parse *p, struct http_response *response)
{
	const struct h1_head *head = &p->head;

	if (head->coding.at && head->length.at)
		return broken(p, "Content-Length and Transfer-Encoding");
	if (head->coding.at && (!response->minor || h1_framing_coding(head->coding)))
		return broken(p, "Transfer-Encoding is not chunked");
	if (head->length.at && h1_framing_length(head->length, &response->length))
		return broken(p, "Content-Length is no number");
	response->has_length = head->length.at != NULL;
	return 0;
}

/* RFC 9112, 6.3. */
static int decide_body(struct parse *p, bool to_head, struct http_response *response)
{
	if (response->status < 200 || response->status == 204) {
		/* That there is a length of nothing is said by many, and cannot be misread. */
		if (p->head.coding.at || response->length)
			return broken(p, "a body where none can be");
		response->has_length = false;
		return 0;
	}
	if (to_head || response->status == 304)
		return 0;
	if (p->head.coding.at)
		response->framing = HTTP_CHUNKED;
	else if (response->has_length)
		response->framing = HTTP_LENGTH;
	else
		response->framing = HTTP_UNTIL_CLOSE;
	return 0;
}

static ssize_t parse_response(struct parse *p, bool to_head, struct http_response *response)
{
	ssize_t len = begin(p, false);

	if (len < 0)
		return len;
	if (parse_status_line(p, response) ||
	    h1_head_fields(p->input, p->fields, p->end, false, &p->head, p->error) ||
	    read_framing(p, response) || decide_body(p, to_head, response))
		return -EBADMSG;
	response->fields = p->head.fields;
	response->keep_alive =
		keeps_alive(&p->head, response->minor) && response->framing != HTTP_UNTIL_CLOSE;
	return len;
}

ssize_t h1_parse_response(struct h1_input *input, bool to_head, struct http_response *ret_response,
			  struct h1_error *ret_error)
{
	struct parse p = { .input = input, .error = ret_error };
	struct http_response response = { 0 };
	ssize_t len = parse_response(&p, to_head, &response);

	/* Whatever is wrong with it, the client is told that a gateway met it. */
	if (len == -EBADMSG)
		ret_error->status = 502;
	if (len > 0)
		*ret_response = response;
	return len;
}
