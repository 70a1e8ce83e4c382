/* SPDX-License-Identifier: Apache-2.0 */
/* A certificate with its key and the key of another: made for the tests, used for nothing else. */
#pragma once

#define CERTS_CHAIN                                                                                \
	"-----BEGIN CERTIFICATE-----\n"                                                            \
	"MIIBjTCCATOgAwIBAgIUesmNnzL/mmkRVtQlBGZL4P9BqQAwCgYIKoZIzj0EAwIw\n"                       \
	"GzEZMBcGA1UEAwwQc2hvcC5leGFtcGxlLmNvbTAgFw0yNjExMjUxNDI5MTBaGA8y\n"                       \
	"MTI2MTEwMTE0MjkxMFowGzEZMBcGA1UEAwwQc2hvcC5leGFtcGxlLmNvbTBZMBMG\n"                       \
	"ByqGSM49AgEGCCqGSM49AwEHA0IABBPshP9Ipez/bDT0KLWz+cXyDOpiKZ+S1haz\n"                       \
	"9+TQsKxFEg5K0tjkaHKT8c2tYP0g8jPklW/4H2I5V8EBrGhU1OGjUzBRMB0GA1Ud\n"                       \
	"DgQWBBQOfu0zQVmRds5fFH7m09HFUu4HyDAfBgNVHSMEGDAWgBQOfu0zQVmRds5f\n"                       \
	"FH7m09HFUu4HyDAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0gAMEUCIBIb\n"                       \
	"/F3abo0LFx3QAIqEXs+fDhg3+8BEi8qXapF8dW0ZAiEA1liPzNCHn89UDd8aJg0T\n"                       \
	"nswPg1q3Zojp8LQ7B8ihzO0=\n"                                                               \
	"-----END CERTIFICATE-----\n"

#define CERTS_CHAIN_BASE64                                                                         \
	"LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUJqVENDQVRPZ0F3SUJBZ0lVZXNtTm56TC9t"             \
	"bWtSVnRRbEJHWkw0UDlCcVFBd0NnWUlLb1pJemowRUF3SXcKR3pFWk1CY0dBMVVFQXd3UWMyaHZj"             \
	"QzVsZUdGdGNHeGxMbU52YlRBZ0Z3MHlOakV4TWpVeE5ESTVNVEJhR0E4eQpNVEkyTVRFd01URTBN"             \
	"amt4TUZvd0d6RVpNQmNHQTFVRUF3d1FjMmh2Y0M1bGVHRnRjR3hsTG1OdmJUQlpNQk1HCkJ5cUdT"             \
	"TTQ5QWdFR0NDcUdTTTQ5QXdFSEEwSUFCQlBzaFA5SXBlei9iRFQwS0xXeitjWHlET3BpS1orUzFo"             \
	"YXoKOStUUXNLeEZFZzVLMHRqa2FIS1Q4YzJ0WVAwZzhqUGtsVy80SDJJNVY4RUJyR2hVMU9HalV6"             \
	"QlJNQjBHQTFVZApEZ1FXQkJRT2Z1MHpRVm1SZHM1ZkZIN20wOUhGVXU0SHlEQWZCZ05WSFNNRUdE"             \
	"QVdnQlFPZnUwelFWbVJkczVmCkZIN20wOUhGVXU0SHlEQVBCZ05WSFJNQkFmOEVCVEFEQVFIL01B"             \
	"b0dDQ3FHU000OUJBTUNBMGdBTUVVQ0lCSWIKL0YzYWJvMExGeDNRQUlxRVhzK2ZEaGczKzhCRWk4"             \
	"cVhhcEY4ZFcwWkFpRUExbGlQek5DSG44OVVEZDhhSmcwVApuc3dQZzFxM1pvanA4TFE3QjhpaHpP"             \
	"MD0KLS0tLS1FTkQgQ0VSVElGSUNBVEUtLS0tLQo="

#define CERTS_KEY                                                                                  \
	"-----BEGIN PRIVATE KEY-----\n"                                                            \
	"MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQggUvt0Dedjvyg7r8h\n"                       \
	"8lITIabMjuVtEufZs6nOE/iloJChRANCAAQT7IT/SKXs/2w09Ci1s/nF8gzqYimf\n"                       \
	"ktYWs/fk0LCsRRIOStLY5Ghyk/HNrWD9IPIz5JVv+B9iOVfBAaxoVNTh\n"                               \
	"-----END PRIVATE KEY-----\n"

#define CERTS_KEY_BASE64                                                                           \
	"LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0tCk1JR0hBZ0VBTUJNR0J5cUdTTTQ5QWdFR0NDcUdT"             \
	"TTQ5QXdFSEJHMHdhd0lCQVFRZ2dVdnQwRGVkanZ5ZzdyOGgKOGxJVElhYk1qdVZ0RXVmWnM2bk9F"             \
	"L2lsb0pDaFJBTkNBQVFUN0lUL1NLWHMvMncwOUNpMXMvbkY4Z3pxWWltZgprdFlXcy9mazBMQ3NS"             \
	"UklPU3RMWTVHaHlrL0hOcldEOUlQSXo1SlZ2K0I5aU9WZkJBYXhvVk5UaAotLS0tLUVORCBQUklW"             \
	"QVRFIEtFWS0tLS0tCg=="

#define CERTS_OTHER_KEY                                                                            \
	"-----BEGIN PRIVATE KEY-----\n"                                                            \
	"MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgSfKSvz31/vu/MFNO\n"                       \
	"kVxFeWzb8CTsNrCJG/xdGnqcSfGhRANCAAQuHwvuZ5iD7vKvBfZaBzj7c3yInrq1\n"                       \
	"ScpH9g69MliGyNhmxoaFpMRxOImFOa8hBfBjWA97hyOop1v2wBRcu1Pt\n"                               \
	"-----END PRIVATE KEY-----\n"

#define CERTS_OTHER_KEY_BASE64                                                                     \
	"LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0tCk1JR0hBZ0VBTUJNR0J5cUdTTTQ5QWdFR0NDcUdT"             \
	"TTQ5QXdFSEJHMHdhd0lCQVFRZ1NmS1N2ejMxL3Z1L01GTk8Ka1Z4RmVXemI4Q1RzTnJDSkcveGRH"             \
	"bnFjU2ZHaFJBTkNBQVF1SHd2dVo1aUQ3dkt2QmZaYUJ6ajdjM3lJbnJxMQpTY3BIOWc2OU1saUd5"             \
	"TmhteG9hRnBNUnhPSW1GT2E4aEJmQmpXQTk3aHlPb3AxdjJ3QlJjdTFQdAotLS0tLUVORCBQUklW"             \
	"QVRFIEtFWS0tLS0tCg=="
