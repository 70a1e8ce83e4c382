// SPDX-License-Identifier: Apache-2.0
/*
 * Requests, by the statements F1 to F6 and F11: what is refused, with which status, and what stays
 * of what passes. The words in front of the rows are those of Http11Probe where it has the case.
 */
#include "base/str.h"
#include "rig.h"

#define ROW(name, status, raw)                                                                     \
	{                                                                                          \
		name, status, raw, sizeof(raw) - 1                                                 \
	}
#define POST	       "POST / HTTP/1.1\r\nHost: a\r\n"
#define GET	       "GET / HTTP/1.1\r\nHost: a\r\n"
#define TARGET(target) "GET " target " HTTP/1.1\r\nHost: a\r\n\r\n"
#define HOST(value)    "GET / HTTP/1.1\r\nHost: " value "\r\n\r\n"

struct row {
	const char *name;
	unsigned status; /* 0: it passes */
	const char *raw;
	size_t len;
};

static void check_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct rig rig;
		unsigned status;

		rig_request(&rig, rows[i].raw, rows[i].len);
		status = rig.len < 0 ? rig.error.status : 0;
		if (status != rows[i].status || (rig.len < 0 && rig.len != -EBADMSG))
			print_error("%s: %u (%s), not %u\n", rows[i].name, status, rig.error.reason,
				    rows[i].status);
		assert_int_equal(status, rows[i].status);
		if (status)
			assert_non_null(rig.error.reason);
		rig_fini(&rig);
	}
}

#define TEST_ROWS(test, ...)                                                                       \
	static void test(void **state)                                                             \
	{                                                                                          \
		static const struct row rows[] = { __VA_ARGS__ };                                  \
                                                                                                   \
		(void)state;                                                                       \
		check_rows(rows, ARRAY_SIZE(rows));                                                \
	}

#define TE "Transfer-Encoding: chunked\r\n"
#define CL "Content-Length: 5\r\n"

TEST_ROWS(f1_length_and_coding, ROW("SMUG-CL-TE-BOTH", 400, POST CL TE "\r\n"),
	  ROW("SMUG-TECL", 400, POST TE CL "\r\n0\r\n\r\n"),
	  ROW("SMUG-CLTE-CONN-CLOSE", 400, POST "Connection: close\r\n" CL TE "\r\n0\r\n\r\n"),
	  ROW("SMUG-CL0", 400, POST "Content-Length: 0\r\n" TE "\r\n0\r\n\r\n"),
	  ROW("SMUG-TE-CASE-MISMATCH", 400, POST CL "Transfer-Encoding: Chunked\r\n\r\n"),
	  ROW("SMUG-TE-XCHUNKED", 400, POST CL "Transfer-Encoding: xchunked\r\n\r\n"),
	  ROW("SMUG-TE-IDENTITY", 400, POST CL "Transfer-Encoding: identity\r\n\r\n"),
	  ROW("SMUG-TE-TRAILING-SPACE", 400, POST CL "Transfer-Encoding: chunked \r\n\r\n"),
	  ROW("SMUG-TE-LEADING-COMMA", 400, POST CL "Transfer-Encoding: , chunked\r\n\r\n"),
	  ROW("SMUG-TRANSFER_ENCODING", 400, POST CL "Transfer_Encoding: chunked\r\n\r\n"),
	  ROW("CONTENT_LENGTH", 400, POST TE "Content_Length: 5\r\n\r\n"),
	  ROW("SMUG-CL-PLUS", 400, POST "Content-Length: +5\r\n" TE "\r\n"), )

#define LENGTH(value) POST "Content-Length:" value "\r\n\r\nhello"

TEST_ROWS(f2_length, ROW("COMP-POST-CL-BODY", 0, LENGTH(" 5")),
	  ROW("SMUG-CL-TRAILING-SPACE", 0, LENGTH(" 5 \t")),
	  ROW("SMUG-CL-EXTRA-LEADING-SP", 0, LENGTH("  5")),
	  ROW("MAL-CL-TAB-BEFORE-VALUE", 0, LENGTH("\t5")), ROW("CL-NO-SPACE", 0, LENGTH("5")),
	  ROW("COMP-POST-CL-ZERO", 0, LENGTH(" 0")),
	  ROW("CL-LONGEST", 0, LENGTH(" 999999999999999999")),
	  ROW("SMUG-DUPLICATE-CL", 400, POST CL "Content-Length: 10\r\n\r\nhelloworld"),
	  ROW("DUPLICATE-CL-SAME", 400, POST CL CL "\r\nhello"),
	  ROW("DUPLICATE-CL-CASE", 400, POST CL "CONTENT-LENGTH: 5\r\n\r\nhello"),
	  ROW("DUPLICATE-CL-EMPTY", 400, POST CL "Content-Length:\r\n\r\nhello"),
	  ROW("DUPLICATE-CL-EMPTY-FIRST", 400, POST "Content-Length:\r\n" CL "\r\nhello"),
	  ROW("SMUG-CL-COMMA-DIFFERENT", 400, LENGTH(" 5, 10")),
	  ROW("SMUG-CL-COMMA-SAME", 400, LENGTH(" 5, 5")),
	  ROW("SMUG-CL-COMMA-TRIPLE", 400, LENGTH(" 5, 5, 5")),
	  ROW("CL-COMMA-END", 400, LENGTH(" 5,")), ROW("SMUG-CL-NEGATIVE", 400, LENGTH(" -1")),
	  ROW("SMUG-CL-NEGATIVE-ZERO", 400, LENGTH(" -0")),
	  ROW("RFC9112-6.1-CL-PLUS-SIGN", 400, LENGTH(" +5")),
	  ROW("SMUG-CL-INTERNAL-SPACE", 400, LENGTH(" 1 0")),
	  ROW("SMUG-CL-HEX-PREFIX", 400, LENGTH(" 0x5")), ROW("SMUG-CL-OCTAL", 400, LENGTH(" 0o5")),
	  ROW("SMUG-CL-LEADING-ZEROS", 400, LENGTH(" 005")),
	  ROW("SMUG-CL-LEADING-ZEROS-OCTAL", 400, LENGTH(" 0200")),
	  ROW("SMUG-CL-DOUBLE-ZERO", 400, LENGTH(" 00")),
	  ROW("SMUG-CL-UNDERSCORE", 400, LENGTH(" 1_0")),
	  ROW("RFC9112-6.1-CL-NON-NUMERIC", 400, LENGTH(" abc")),
	  ROW("CL-DIGIT-LETTER", 400, LENGTH(" 5x")), ROW("CL-POINT", 400, LENGTH(" 5.0")),
	  ROW("CL-EXPONENT", 400, LENGTH(" 5e0")), ROW("CL-QUOTED", 400, LENGTH(" \"5\"")),
	  ROW("CL-SEMICOLON", 400, LENGTH(" 5;a=b")), ROW("MAL-CL-EMPTY", 400, LENGTH(" ")),
	  ROW("CL-NOTHING", 400, LENGTH("")), ROW("CL-NUL", 400, LENGTH(" 5\0")),
	  ROW("CL-FULL-WIDTH", 400, LENGTH(" \xef\xbc\x95")), ROW("CL-NBSP", 400, LENGTH(" 5\xa0")),
	  ROW("CL-VT", 400,
	      LENGTH(" \x0b"
		     "5")),
	  ROW("CL-2^63", 400, LENGTH(" 9223372036854775808")),
	  ROW("CL-2^64", 400, LENGTH(" 18446744073709551616")),
	  ROW("CL-2^64+5", 400, LENGTH(" 18446744073709551621")),
	  ROW("MAL-CL-OVERFLOW", 400, LENGTH(" 99999999999999999999")), )

#define CODING(value) POST "Transfer-Encoding:" value "\r\n\r\n0\r\n\r\n"

TEST_ROWS(f3_coding, ROW("COMP-CHUNKED-BODY", 0, CODING(" chunked")),
	  ROW("TE-UPPER", 0, CODING(" CHUNKED")), ROW("TE-MIXED", 0, CODING("cHuNkEd")),
	  ROW("SMUG-TE-TAB-BEFORE-VALUE", 0, CODING("\tchunked")),
	  ROW("TE-OWS-AFTER", 0, CODING(" chunked\t ")),
	  ROW("COMP-UNKNOWN-TE-501", 501, CODING(" gzip")),
	  ROW("TE-GZIP-CHUNKED", 501, CODING(" gzip, chunked")),
	  ROW("TE-IDENTITY", 501, CODING(" identity")),
	  ROW("TE-XCHUNKED", 501, CODING(" xchunked")),
	  ROW("TE-CHUNKED-X", 501, CODING(" chunkedx")), ROW("TE-COW", 501, CODING(" cow")),
	  ROW("TE-IDENTITY-CHUNKED", 501, CODING(" identity, chunked")),
	  ROW("SMUG-TE-DOUBLE-CHUNKED", 400, CODING(" chunked, chunked")),
	  ROW("SMUG-TE-NOT-FINAL-CHUNKED", 400, CODING(" chunked, gzip")),
	  ROW("TE-CHUNKED-IDENTITY", 400, CODING(" chunked, identity")),
	  ROW("SMUG-TE-LEADING-COMMA", 400, CODING(" , chunked")),
	  ROW("SMUG-TE-TRAILING-COMMA", 400, CODING(" chunked,")),
	  ROW("SMUG-TE-EMPTY-VALUE", 400, CODING(" ")), ROW("TE-NOTHING", 400, CODING("")),
	  ROW("TE-COMMA", 400, CODING(" ,")),
	  ROW("SMUG-CHUNKED-WITH-PARAMS", 400, CODING(" chunked;ext=val")),
	  ROW("TE-QUOTED", 400, CODING(" \"chunked\"")),
	  ROW("TE-APOSTROPHES", 501, CODING(" 'chunked'")),
	  ROW("TE-TWO-WORDS", 400, CODING(" chunked identity")),
	  ROW("TE-COLON", 400, CODING(": chunked")),
	  ROW("SMUG-TE-VTAB", 400,
	      CODING(" \x0b"
		     "chunked")),
	  ROW("SMUG-TE-FORMFEED", 400,
	      CODING(" \x0c"
		     "chunked")),
	  ROW("SMUG-TE-NULL", 400, CODING(" chunked\0")),
	  ROW("TE-BACKSPACE", 400, CODING(" chunked\x08")), ROW("TE-CR", 400, CODING(" \rchunked")),
	  ROW("TE-NBSP", 400,
	      CODING("\xa0"
		     "chunked")),
	  ROW("TE-0xFF", 400, CODING(" chunked\xff")),
	  ROW("SMUG-TE-OBS-FOLD", 400, CODING("\r\n chunked")),
	  ROW("TE-OBS-FOLD-TAB", 400, CODING("\r\n\tchunked")),
	  ROW("SMUG-TE-SP-BEFORE-COLON", 400, POST "Transfer-Encoding : chunked\r\n\r\n"),
	  ROW("TE-TAB-BEFORE-COLON", 400, POST "Transfer-Encoding\t: chunked\r\n\r\n"),
	  ROW("TE-NUL-IN-NAME", 400, POST "Transfer-Encoding\0: chunked\r\n\r\n"),
	  ROW("TE-SP-IN-FRONT", 400, POST " Transfer-Encoding: chunked\r\n\r\n"),
	  ROW("SMUG-TE-DUPLICATE-HEADERS", 400,
	      POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n"),
	  ROW("TE-DUPLICATE-SAME", 400, POST TE TE "\r\n0\r\n\r\n"),
	  ROW("TE-DUPLICATE-EMPTY", 400, POST "Transfer-Encoding:\r\n" TE "\r\n0\r\n\r\n"),
	  ROW("SMUG-TE-HTTP10", 400, "POST / HTTP/1.0\r\nHost: a\r\n" TE "\r\n0\r\n\r\n"), )

TEST_ROWS(f5_fields, ROW("COMP-BASELINE", 0, GET "\r\n"),
	  ROW("OBS-TEXT", 0, GET "X: \x80\xff\r\n\r\n"),
	  ROW("TAB-IN-VALUE", 0, GET "X: a\tb\r\n\r\n"), ROW("EMPTY-VALUE", 0, GET "X:\r\n\r\n"),
	  ROW("TOKEN", 0, GET "!#$%&'*+-.^_`|~09azAZ: a\r\n\r\n"),
	  ROW("UNDERSCORE", 0, GET "my_field: a\r\n\r\n"),
	  ROW("RFC9112-2.2-BARE-LF-REQUEST-LINE", 400, "GET / HTTP/1.1\nHost: a\r\n\r\n"),
	  ROW("RFC9112-2.2-BARE-LF-HEADER", 400, "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n"),
	  ROW("BARE-LF-END", 400, GET "\n"), ROW("BARE-LF-LF", 400, "GET / HTTP/1.1\nHost: a\n\n"),
	  ROW("BARE-LF-EMPTY-LINE", 400, GET "X: a\n\r\n"),
	  ROW("LF-CR", 400, "GET / HTTP/1.1\n\rHost: a\n\r\n\r"),
	  ROW("RFC9112-3-CR-ONLY-LINE-ENDING", 400, "GET / HTTP/1.1\rHost: a\r\n\r\n"),
	  ROW("SMUG-BARE-CR-HEADER-VALUE", 400, GET "X: val\rue\r\n\r\n"),
	  ROW("CR-CR-LF", 400, GET "X: a\r\r\n\r\n"), ROW("CR-IN-NAME", 400, GET "X\rY: a\r\n\r\n"),
	  ROW("CR-BEFORE-COLON", 400, GET "X\r: a\r\n\r\n"),
	  ROW("CR-FIRST-IN-LINE", 400, GET "\rX: a\r\n\r\n"),
	  ROW("MAL-NUL-IN-HEADER-VALUE", 400, GET "X: val\0ue\r\n\r\n"),
	  ROW("MAL-CONTROL-CHARS-HEADER", 400,
	      GET "X: abc\x07\x08\x0b"
		  "def\r\n\r\n"),
	  ROW("DEL-IN-VALUE", 400, GET "X: a\x7f\r\n\r\n"),
	  ROW("CONTROL-BEHIND-EIGHT", 400, GET "X: abcdefghijklmnop\x01qrstuvwxyz\r\n\r\n"),
	  ROW("RFC9112-5.1-OBS-FOLD", 400, GET "X: value\r\n continued\r\n\r\n"),
	  ROW("OBS-FOLD-TAB", 400, GET "X: value\r\n\tcontinued\r\n\r\n"),
	  ROW("OBS-FOLD-EMPTY", 400, GET "X: value\r\n \r\n\r\n"),
	  ROW("COMP-WHITESPACE-BEFORE-HEADERS", 400, "GET / HTTP/1.1\r\n \r\nHost: a\r\n\r\n"),
	  ROW("SP-BEFORE-FIRST-FIELD", 400, "GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
	  ROW("RFC9110-5.6.2-SP-BEFORE-COLON", 400, GET "X-Test : value\r\n\r\n"),
	  ROW("TAB-BEFORE-COLON", 400, GET "X-Test\t: value\r\n\r\n"),
	  ROW("RFC9112-5-EMPTY-HEADER-NAME", 400, GET ": empty-name\r\n\r\n"),
	  ROW("RFC9112-5-INVALID-HEADER-NAME", 400, GET "Bad[Name: value\r\n\r\n"),
	  ROW("RFC9112-5-HEADER-NO-COLON", 400, GET "NoColonHere\r\n\r\n"),
	  ROW("MAL-NON-ASCII-HEADER-NAME", 400, GET "X-T\xc3\xa9st: value\r\n\r\n"),
	  ROW("NAME-SPACE", 400, GET "X Y: value\r\n\r\n"),
	  ROW("NAME-QUOTE", 400, GET "\"X\": value\r\n\r\n"),
	  ROW("SECOND-REQUEST-LINE", 400, GET "GET / HTTP/1.1\r\n\r\n"),
	  ROW("CONNECTION-LIST", 0, GET "Connection: close , x-a,,\tkeep-alive\r\n\r\n"),
	  ROW("CONNECTION-EMPTY", 0, GET "Connection:\r\n\r\n"),
	  ROW("CONNECTION-NO-TOKEN", 400, GET "Connection: clo se\r\n\r\n"),
	  ROW("CONNECTION-QUOTED", 400, GET "Connection: \"close\"\r\n\r\n"), )

/* The policy: CGI and its heirs take "_" for "-", so names that mean something are refused. */
TEST_ROWS(f5_underscores, ROW("HOST", 0, GET "ho_st: b\r\n\r\n"),
	  ROW("APP", 0, GET "X_My_App: b\r\n\r\n"),
	  ROW("XFF", 400, GET "X_Forwarded_For: b\r\n\r\n"),
	  ROW("XFF-HALF", 400, GET "X-Forwarded_For: b\r\n\r\n"),
	  ROW("XF-OTHER", 400, GET "x_forwarded_client_cert: b\r\n\r\n"),
	  ROW("REAL-IP", 400, GET "X_Real_IP: b\r\n\r\n"),
	  ROW("REQUEST-ID", 400, GET "X_Request_Id: b\r\n\r\n"),
	  ROW("LENGTH", 400, GET "content_length: 5\r\n\r\n"),
	  ROW("PROXY-AUTH", 400, GET "Proxy_Authorization: b\r\n\r\n"),
	  ROW("LONG", 0,
	      GET "a_name_that_is_longer_than_any_name_that_somebody_knows: b\r\n\r\n"), )

TEST_ROWS(f5_request_lines, ROW("UNKNOWN-METHOD", 0, "FOOBAR / HTTP/1.1\r\nHost: a\r\n\r\n"),
	  ROW("COMP-METHOD-CASE", 0, "get / HTTP/1.1\r\nHost: a\r\n\r\n"),
	  ROW("LEADING-CRLF", 0, "\r\n" GET "\r\n"),
	  ROW("COMP-LEADING-CRLF", 400, "\r\n\r\n" GET "\r\n"),
	  ROW("LEADING-LF", 400, "\n" GET "\r\n"), ROW("LEADING-SP", 400, " " GET "\r\n"),
	  ROW("RFC9112-3-MULTI-SP-REQUEST-LINE", 400, "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
	  ROW("TWO-SP-BEFORE-VERSION", 400, "GET /  HTTP/1.1\r\nHost: a\r\n\r\n"),
	  ROW("SP-AFTER-VERSION", 400, "GET / HTTP/1.1 \r\nHost: a\r\n\r\n"),
	  ROW("COMP-REQUEST-LINE-TAB", 400, "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"),
	  ROW("COMP-SPACE-IN-TARGET", 400, TARGET("/pa th")),
	  ROW("RFC9112-3-MISSING-TARGET", 400, "GET HTTP/1.1\r\nHost: a\r\n\r\n"),
	  ROW("EMPTY-TARGET", 400, TARGET("")), ROW("MAL-WHITESPACE-ONLY-LINE", 400, "   \r\n\r\n"),
	  ROW("METHOD-NO-TOKEN", 400, "G(T / HTTP/1.1\r\nHost: a\r\n\r\n"),
	  ROW("METHOD-QUOTED", 400, "\"GET\" / HTTP/1.1\r\nHost: a\r\n\r\n"),
	  ROW("METHOD-NUL", 400, "GE\0T / HTTP/1.1\r\nHost: a\r\n\r\n"),
	  ROW("METHOD-32", 0, "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEF / HTTP/1.1\r\nHost: a\r\n\r\n"),
	  ROW("MAL-LONG-METHOD", 501,
	      "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG / HTTP/1.1\r\nHost: a\r\n\r\n"),
	  ROW("RFC9112-2.3-INVALID-VERSION", 505, "GET / HTTP/9.9\r\nHost: a\r\n\r\n"),
	  ROW("COMP-HTTP12-VERSION", 505, "GET / HTTP/1.2\r\nHost: a\r\n\r\n"),
	  ROW("HTTP-2.0", 505, "GET / HTTP/2.0\r\nHost: a\r\n\r\n"),
	  ROW("MAL-H2-PREFACE", 505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
	  ROW("RFC9112-2.3-HTTP09-REQUEST", 400, "GET /\r\n\r\n"),
	  ROW("COMP-VERSION-CASE", 400, "GET / http/1.1\r\nHost: a\r\n\r\n"),
	  ROW("COMP-VERSION-MISSING-MINOR", 400, "GET / HTTP/1\r\nHost: a\r\n\r\n"),
	  ROW("COMP-VERSION-LEADING-ZEROS", 400, "GET / HTTP/01.01\r\nHost: a\r\n\r\n"),
	  ROW("COMP-VERSION-WHITESPACE", 400, "GET / HTTP/ 1.1\r\nHost: a\r\n\r\n"),
	  ROW("VERSION-LONG", 400, "GET / HTTP/1.10\r\nHost: a\r\n\r\n"),
	  ROW("VERSION-POINT", 400, "GET / HTTP/1,1\r\nHost: a\r\n\r\n"),
	  ROW("VERSION-X", 400, "GET / HTTP/1.x\r\nHost: a\r\n\r\n"),
	  ROW("TLS", 400, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
	  ROW("NUL-EARLY", 400, "GET / HTTP/1.1\r\nX: \0"),
	  ROW("CR-EARLY", 400, "GET / HTTP/1.1\rHost"), ROW("LF-EARLY", 400, "GET / HTTP/1.1\n"), )

TEST_ROWS(f6_targets, ROW("ORIGIN", 0, TARGET("/a/b?c=d")), ROW("EMPTY-QUERY", 0, TARGET("/?")),
	  ROW("QUERY-AS-BROWSERS-SEND-IT", 0, TARGET("/?a[]=|{}^`\\\"<>'")),
	  ROW("COMP-ABSOLUTE-FORM", 0, TARGET("http://a/")),
	  ROW("SMUG-ABSOLUTE-URI-HOST-MISMATCH", 0, TARGET("http://other.example/")),
	  ROW("ABSOLUTE-HTTPS", 0, TARGET("https://other.example/")),
	  ROW("ABSOLUTE-CASE", 0, TARGET("HTTP://other.example/")),
	  ROW("ABSOLUTE-NO-PATH", 0, TARGET("http://other.example")),
	  ROW("ABSOLUTE-QUERY", 0, TARGET("http://other.example?a=b")),
	  ROW("ABSOLUTE-FTP", 400, TARGET("ftp://other.example/")),
	  ROW("ABSOLUTE-FILE", 400, TARGET("file:///etc/passwd")),
	  ROW("ABSOLUTE-ONE-SLASH", 400, TARGET("http:/other.example/")),
	  ROW("ABSOLUTE-NO-HOST", 400, TARGET("http:///a")),
	  ROW("ABSOLUTE-USERINFO", 400, TARGET("http://u@other.example/")),
	  ROW("ABSOLUTE-PASSWORD", 400, TARGET("http://u:p@other.example/")),
	  ROW("ABSOLUTE-BAD-PORT", 400, TARGET("http://other.example:x/")),
	  ROW("ABSOLUTE-FRAGMENT", 400, TARGET("http://other.example#f")),
	  ROW("ABSOLUTE-BACKSLASH", 400, TARGET("http://other.example\\a")),
	  ROW("ABSOLUTE-BAD-HOST-FIELD", 400, "GET http://a/ HTTP/1.1\r\nHost: a b\r\n\r\n"),
	  ROW("ABSOLUTE-TWO-HOST-FIELDS", 400,
	      "GET http://a/ HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
	  ROW("ABSOLUTE-NO-HOST-FIELD", 400, "GET http://a/ HTTP/1.1\r\n\r\n"),
	  ROW("ABSOLUTE-1.0", 0, "GET http://a/ HTTP/1.0\r\n\r\n"),
	  ROW("RFC9112-3.2-FRAGMENT-IN-TARGET", 400, TARGET("/path#frag")),
	  ROW("FRAGMENT-IN-QUERY", 400, TARGET("/?a#frag")), ROW("RELATIVE", 400, TARGET("a/b")),
	  ROW("AUTHORITY-FORM", 400, TARGET("a:443")), ROW("AUTHORITY", 400, TARGET("a")),
	  ROW("COMP-OPTIONS-STAR", 0, "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"),
	  ROW("COMP-ASTERISK-WITH-GET", 400, TARGET("*")), ROW("STAR-PATH", 400, TARGET("*/a")),
	  ROW("COMP-METHOD-CONNECT", 405, "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n"),
	  ROW("CONNECT-ORIGIN", 405, "CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n"),
	  ROW("MAL-NUL-IN-URL", 400, TARGET("/\0test")),
	  ROW("MAL-NON-ASCII-URL", 400, TARGET("/caf\xc3\xa9")),
	  ROW("MAL-URL-OVERLONG-UTF8", 400, TARGET("/\xc0\xaf")),
	  ROW("NON-ASCII-QUERY", 400, TARGET("/?caf\xc3\xa9")),
	  ROW("MAL-URL-BACKSLASH", 400, TARGET("/path\\file")),
	  ROW("MAL-URL-PERCENT-NULL", 400, TARGET("/path%00.html")),
	  ROW("MAL-URL-PERCENT-CRLF", 400, TARGET("/path%0d%0aX-Injected:%20true")),
	  ROW("CONTROL-IN-QUERY", 400, TARGET("/?a=\x01")),
	  ROW("TAB-IN-PATH", 400, TARGET("/a\tb")),
	  ROW("ABOVE-ROOT", 400, TARGET("/../etc/passwd")), )

TEST_ROWS(f6_hosts, ROW("NAME", 0, HOST("a.example.com")),
	  ROW("PORT", 0, HOST("a.example.com:8080")), ROW("IPV4", 0, HOST("192.0.2.1:80")),
	  ROW("IPV6", 0, HOST("[2001:db8::1]:80")),
	  ROW("COMP-HTTP10-NO-HOST", 0, "GET / HTTP/1.0\r\n\r\n"),
	  ROW("RFC9112-7.1-MISSING-HOST", 400, "GET / HTTP/1.1\r\n\r\n"),
	  ROW("COMP-HOST-EMPTY-VALUE", 400, HOST("")),
	  ROW("HOST-EMPTY-1.0", 400, "GET / HTTP/1.0\r\nHost:\r\n\r\n"),
	  ROW("RFC9110-5.4-DUPLICATE-HOST", 400, GET "Host: other.example\r\n\r\n"),
	  ROW("COMP-DUPLICATE-HOST-SAME", 400, GET "Host: a\r\n\r\n"),
	  ROW("DUPLICATE-HOST-CASE", 400, GET "hOST: a\r\n\r\n"),
	  ROW("DUPLICATE-HOST-EMPTY", 400, "GET / HTTP/1.1\r\nHost:\r\nHost: a\r\n\r\n"),
	  ROW("SMUG-MULTIPLE-HOST-COMMA", 400, HOST("a, other.example.com")),
	  ROW("COMP-HOST-WITH-USERINFO", 400, HOST("user@a")),
	  ROW("COMP-HOST-WITH-PATH", 400, HOST("a/path")), ROW("HOST-SPACE", 400, HOST("a b")),
	  ROW("HOST-SCHEME", 400, HOST("http://a")), ROW("HOST-QUERY", 400, HOST("a?b")),
	  ROW("HOST-FRAGMENT", 400, HOST("a#b")), ROW("HOST-ESCAPE", 400, HOST("a%2eb")),
	  ROW("HOST-NUL", 400, HOST("a\0b")), ROW("HOST-NON-ASCII", 400, HOST("caf\xc3\xa9")),
	  ROW("HOST-SP-BEFORE-COLON", 400, "GET / HTTP/1.1\r\nHost : a\r\n\r\n"), )

TEST_ROWS(f11_expectations, ROW("100-CONTINUE", 0, POST CL "Expect: 100-continue\r\n\r\n"),
	  ROW("CASE", 0, POST CL "eXPECT: 100-CONTINUE\r\n\r\n"),
	  ROW("COMP-EXPECT-UNKNOWN", 417, GET "Expect: 200-ok\r\n\r\n"),
	  ROW("EMPTY", 417, GET "Expect:\r\n\r\n"),
	  ROW("LIST", 417, POST CL "Expect: 100-continue, x\r\n\r\n"),
	  ROW("PARAMETER", 417, POST CL "Expect: 100-continue;a\r\n\r\n"),
	  ROW("TWO", 417, POST CL "Expect: 100-continue\r\nExpect: 100-continue\r\n\r\n"), )

/* Everything that is kept of a good request. */
static void test_whole(void **state)
{
	static const char raw[] = "POST /a/./%62?x=1&y HTTP/1.1\r\nUser-Agent:  naru/1 \t\r\n"
				  "hOST: A.Example.COM:8080\r\nX-Empty:\r\nX-Empty: 2\r\n"
				  "Content-Length: 12\r\nConnection: Keep-Alive\r\n"
				  "Expect: 100-continue\r\n\r\nhello, world";
	struct rig rig;

	(void)state;
	rig_request(&rig, raw, sizeof(raw) - 1);
	assert_int_equal(rig.len, sizeof(raw) - 1 - 12);
	rig_assert_text(rig.request.method, "POST");
	rig_assert_text(rig.request.scheme, "http");
	rig_assert_text(rig.request.authority, "a.example.com:8080");
	rig_assert_text(rig.request.host, "a.example.com");
	assert_int_equal(rig.request.port, 8080);
	rig_assert_text(rig.request.path, "/a/b");
	rig_assert_text(rig.request.query, "x=1&y");
	assert_int_equal(rig.request.minor, 1);
	assert_int_equal(rig.request.framing, HTTP_LENGTH);
	assert_int_equal(rig.request.length, 12);
	assert_true(rig.request.keep_alive && rig.request.expect_continue && !rig.request.head);
	assert_int_equal(rig.request.fields.n, 5);
	rig_assert_text(rig.request.fields.items[0].name, "user-agent");
	rig_assert_text(rig.request.fields.items[0].value, "naru/1");
	assert_int_equal(rig.request.fields.items[0].id, HTTP_USER_AGENT);
	rig_assert_text(rig.request.fields.items[1].name, "x-empty");
	rig_assert_text(rig.request.fields.items[1].value, "");
	rig_assert_text(rig.request.fields.items[2].value, "2");
	rig_assert_text(rig_field(&rig.request.fields, "connection"), "Keep-Alive");
	rig_assert_text(rig_field(&rig.request.fields, "expect"), "100-continue");
	rig_fini(&rig);
}

/* F6: the host of the target wins; a target without one, or with *. */
static void f6_which_host(void **state)
{
	static const struct {
		const char *raw, *authority, *path;
		bool query;
	} rows[] = {
		{ "GET http://B.example:81/x?y HTTP/1.1\r\nHost: a\r\n\r\n", "b.example:81", "/x",
		  1 },
		{ "GET http://b.example HTTP/1.1\r\nHost: a\r\n\r\n", "b.example", "/", 0 },
		{ "GET http://b.example?y HTTP/1.1\r\nHost: a\r\n\r\n", "b.example", "/", 1 },
		{ "OPTIONS http://b.example HTTP/1.1\r\nHost: a\r\n\r\n", "b.example", "*", 0 },
		{ "OPTIONS http://b.example/ HTTP/1.1\r\nHost: a\r\n\r\n", "b.example", "/", 0 },
		{ "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "a", "*", 0 },
		{ "GET /? HTTP/1.1\r\nHost: a.:80\r\n\r\n", "a:80", "/", 1 },
		{ "GET / HTTP/1.0\r\n\r\n", "", "/", 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct rig rig;

		rig_request(&rig, rows[i].raw, strlen(rows[i].raw));
		assert_int_equal(rig.len, strlen(rows[i].raw));
		rig_assert_text(rig.request.authority, rows[i].authority);
		rig_assert_text(rig.request.path, rows[i].path);
		assert_int_equal(rig.request.query.at != NULL, rows[i].query);
		rig_fini(&rig);
	}
}

static void f11_who_waits(void **state)
{
	static const struct {
		const char *raw;
		bool waits;
	} rows[] = {
		{ POST "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n", true },
		{ POST "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n", true },
		{ POST "Expect: 100-continue\r\nContent-Length: 0\r\n\r\n", false },
		{ POST "Expect: 100-continue\r\n\r\n", false },
		{ "POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n", false },
		{ POST "Content-Length: 5\r\n\r\n", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct rig rig;

		rig_request(&rig, rows[i].raw, strlen(rows[i].raw));
		assert_true(rig.len > 0);
		assert_int_equal(rig.request.expect_continue, rows[i].waits);
		rig_fini(&rig);
	}
}

static void test_keep_alive(void **state)
{
	static const struct {
		const char *raw;
		bool keep;
	} rows[] = {
		{ "GET / HTTP/1.1\r\nHost: a\r\n\r\n", true },
		{ "GET / HTTP/1.1\r\nHost: a\r\nConnection: Close\r\n\r\n", false },
		{ "GET / HTTP/1.1\r\nHost: a\r\nConnection: x, close\r\n\r\n", false },
		{ "GET / HTTP/1.1\r\nHost: a\r\nConnection: x\r\nConnection: close\r\n\r\n",
		  false },
		{ "GET / HTTP/1.1\r\nHost: a\r\nConnection: closed\r\n\r\n", true },
		{ "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, close\r\n\r\n", false },
		{ "GET / HTTP/1.0\r\n\r\n", false },
		{ "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true },
		{ "GET / HTTP/1.0\r\nConnection: KEEP-ALIVE, te\r\n\r\n", true },
		{ "GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct rig rig;

		rig_request(&rig, rows[i].raw, strlen(rows[i].raw));
		assert_true(rig.len > 0);
		assert_int_equal(rig.request.keep_alive, rows[i].keep);
		rig_fini(&rig);
	}
}

static void test_scheme_and_method(void **state)
{
	static const char raw[] = "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n";
	struct rig rig;

	(void)state;
	rig_init(&rig, raw, sizeof(raw) - 1);
	rig.len = h1_parse_request(&rig.input, true, &rig.request, &rig.error);
	assert_int_equal(rig.len, sizeof(raw) - 1);
	rig_assert_text(rig.request.scheme, "https");
	assert_true(rig.request.head);
	assert_int_equal(rig.request.framing, HTTP_NO_BODY);
	rig_fini(&rig);
}

/* Bytes as they come, one more each time, in memory of just that size: nothing but to wait, then
 * the same result; and what follows the head is left alone. */
static void test_every_cut(void **state)
{
	static const char raw[] = "\r\nPUT /a?b HTTP/1.1\r\nHost: a\r\nX: b\r\n"
				  "Transfer-Encoding: chunked\r\n\r\n\n\0\r\r";
	const size_t head = sizeof(raw) - 1 - 4;
	size_t scanned = 0;

	(void)state;
	for (size_t len = 0; len < sizeof(raw); len++) {
		struct rig rig;

		rig_init(&rig, raw, len);
		rig.input.scanned = scanned;
		rig.len = h1_parse_request(&rig.input, false, &rig.request, &rig.error);
		assert_int_equal(rig.len, len < head ? -EAGAIN : (ssize_t)head);
		scanned = rig.len < 0 ? rig.input.scanned : 0;
		if (rig.len > 0)
			rig_assert_text(rig.request.path, "/a");
		rig_fini(&rig);
	}
}

/* A broken head is refused at the latest when it is whole, however it came. */
static void test_every_cut_of_bad_ones(void **state)
{
	static const char *const raws[] = {
		"GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n",
		"GET / HTTP/1.1\nHost: a\n\n",
		"GET / HTTP/1.1\r\nHost: a\r\n\n",
		"GET / HTTP/1.1\r\nHost: a\n\r\n",
		"\r\n\r\n",
		"\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(raws); i++) {
		size_t scanned = 0, len;
		ssize_t r = -EAGAIN;

		for (len = 1; len <= strlen(raws[i]) && r == -EAGAIN; len++) {
			struct rig rig;

			rig_init(&rig, raws[i], len);
			rig.input.scanned = scanned;
			r = h1_parse_request(&rig.input, false, &rig.request, &rig.error);
			scanned = rig.input.scanned;
			rig_fini(&rig);
		}
		assert_int_equal(r, -EBADMSG);
	}
}

/* Parses text with one part repeated; returns the status, 0: passes, -EAGAIN. */
static int repeated(const char *before, const char *part, size_t times, const char *after)
{
	struct str s = { 0 };
	struct rig rig;
	int r;

	str_add(&s, before, strlen(before));
	for (size_t i = 0; i < times; i++)
		str_add(&s, part, strlen(part));
	str_add(&s, after, strlen(after));
	rig_request(&rig, s.buf, s.len);
	r = rig.len == -EBADMSG ? rig.error.status : (int)rig.len;
	rig_fini(&rig);
	str_fini(&s);
	return r > 0 && rig.len > 0 ? 0 : r;
}

static void test_limits(void **state)
{
	static const char line[] = " HTTP/1.1\r\nHost: a\r\n\r\n";
	const struct h1_limits *limits = &h1_default_limits;

	(void)state;
	/* MAL-LONG-URL, COMP-LONG-URL-OK */
	assert_int_equal(repeated("GET /", "a", limits->target_bytes - 1, line), 0);
	assert_int_equal(repeated("GET /", "a", limits->target_bytes, line), 414);
	assert_int_equal(repeated("GET /", "a", limits->target_bytes - 1, ""), -EAGAIN);
	assert_int_equal(repeated("GET /", "a", limits->target_bytes + 100, ""), 414);
	assert_int_equal(repeated("", "a", limits->head_bytes, ""), 414);
	/* MAL-MANY-HEADERS: Host is one of them */
	assert_int_equal(repeated(GET, "X: y\r\n", limits->fields - 1, "\r\n"), 0);
	assert_int_equal(repeated(GET, "X: y\r\n", limits->fields, "\r\n"), 431);
	/* MAL-LONG-HEADER-VALUE, MAL-LONG-HEADER-NAME */
	assert_int_equal(repeated(GET "X: ", "y", limits->head_bytes - 100, "\r\n\r\n"), 0);
	assert_int_equal(repeated(GET "X: ", "y", limits->head_bytes, "\r\n\r\n"), 431);
	assert_int_equal(repeated(GET "X: ", "y", limits->head_bytes, ""), 431);
	assert_int_equal(repeated(GET, "y", limits->head_bytes, ": x\r\n\r\n"), 431);
	assert_int_equal(repeated(GET "X: ", "y", limits->head_bytes - 100, ""), -EAGAIN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(f1_length_and_coding),
		cmocka_unit_test(f2_length),
		cmocka_unit_test(f3_coding),
		cmocka_unit_test(f5_fields),
		cmocka_unit_test(f5_underscores),
		cmocka_unit_test(f5_request_lines),
		cmocka_unit_test(f6_targets),
		cmocka_unit_test(f6_hosts),
		cmocka_unit_test(f6_which_host),
		cmocka_unit_test(f11_expectations),
		cmocka_unit_test(f11_who_waits),
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_keep_alive),
		cmocka_unit_test(test_scheme_and_method),
		cmocka_unit_test(test_every_cut),
		cmocka_unit_test(test_every_cut_of_bad_ones),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
