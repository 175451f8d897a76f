//! Every step of `requests.json` that is answered, told or logged otherwise here, each with its reason.
//!
//! `start` is what the start says (an `error: ` ends it), `answer` the verdict; what a step prints and logs is empty
//! where it stays silent.

use super::super::deviations::Row;

pub const ROWS: &[Row] = &[
    Row {
        reason: "`127.0.0.1/` in the list: refused with a hint, the entry is skipped loudly",
        cases: &[
            (
                "wl-slash-only",
                &[0],
                "start",
                "warning: config.yaml: entry ignored: `127.0.0.1/` has nothing after the slash; did you mean `127.0.0.1` or `127.0.0.1/32`",
            ),
            ("wl-slash-only", &[0, 1], "answer", "403 whitelist"),
            (
                "wl-slash-only",
                &[0],
                "console",
                "Forbidden: Connection attempt from 127.0.0.1; User Agent: probe/1",
            ),
            ("wl-slash-only", &[0, 1], "access-log", ""),
            (
                "wl-slash-only",
                &[1],
                "console",
                "Forbidden: Connection attempt from 127.200.1.1; User Agent: probe/1",
            ),
        ],
    },
    Row {
        reason: "octal, hex, short forms: refused",
        cases: &[
            (
                "wl-prefix-hex",
                &[0],
                "start",
                "warning: config.yaml: entry ignored: `0x18` is not a length in bits or a mask; write 0 to 32 in plain digits, such as `127.0.3.0/32`",
            ),
            ("wl-prefix-hex", &[0], "answer", "403 whitelist"),
            (
                "wl-prefix-hex",
                &[0],
                "console",
                "Forbidden: Connection attempt from 127.0.3.9; User Agent: probe/1",
            ),
            ("wl-prefix-hex", &[0], "access-log", ""),
            (
                "wl-leading-zeros",
                &[0],
                "start",
                "warning: config.yaml: entry ignored: `127.0.0.012` has a field that begins with zero (octal or hexadecimal); did you mean `127.0.0.12`\nwarning: config.yaml: entry ignored: `127.000.00.05` has a field that begins with zero (octal or hexadecimal); did you mean `127.0.0.5`",
            ),
            ("wl-leading-zeros", &[0, 3], "answer", "403 whitelist"),
            (
                "wl-leading-zeros",
                &[0],
                "console",
                "Forbidden: Connection attempt from 127.0.0.5; User Agent: probe/1",
            ),
            ("wl-leading-zeros", &[0, 3], "access-log", ""),
            (
                "wl-leading-zeros",
                &[3],
                "console",
                "Forbidden: Connection attempt from 127.0.0.12; User Agent: probe/1",
            ),
            ("fwd-junk", &[6], "answer", "403 whitelist"),
        ],
    },
    Row {
        reason: "host bits set, `/0`, masks with holes: accepted with a warning that says what is covered",
        cases: &[
            (
                "wl-cidr-host-bits",
                &[0],
                "start",
                "warning: config.yaml: `127.0.9.77/24` covers all of `127.0.9.0/24`, 256 addresses; for that one address write `127.0.9.77`",
            ),
            (
                "wl-cidr-0",
                &[0],
                "start",
                "warning: `10.20.30.40/0` in the whitelist lets everybody in, and no password is asked for\nwarning: config.yaml: `0.0.0.0/0` lets in every IPv4 address\nwarning: config.yaml: `10.20.30.40/0` covers all of `0.0.0.0/0`, every IPv4 address; for that one address write `10.20.30.40`",
            ),
            (
                "wl-mask-odd",
                &[0],
                "start",
                "warning: config.yaml: the mask of `127.*.*.7` has holes: it covers 65,536 addresses that do not follow each other",
            ),
            (
                "wl-v6-not-listed",
                &[0],
                "start",
                "warning: config.yaml: `0.0.0.0/0` lets in every IPv4 address",
            ),
            (
                "log-keys",
                &[0],
                "start",
                "warning: `0.0.0.0/0` in the whitelist lets everybody in, and no password is asked for\nwarning: config.yaml: `0.0.0.0/0` lets in every IPv4 address",
            ),
        ],
    },
    Row {
        reason: "`::ffff:127.0.0.1` as entry or peer: canonical IPv4 on both sides",
        cases: &[
            ("wl-mapped", &[0], "answer", "passed"),
            ("wl-mapped", &[0], "console", "New connection from 127.0.0.1; User Agent: probe/1"),
            ("wl-mapped", &[0], "access-log", "<time> 127.0.0.1 probe/1"),
            ("fwd-junk", &[5], "answer", "passed"),
            ("fwd-junk", &[5], "console", ""),
        ],
    },
    Row {
        reason: "peer or header with a zone id, port or garbage: read, or refused (403) and logged",
        cases: &[
            ("fwd-junk", &[0, 8, 11], "answer", "403 whitelist"),
            (
                "fwd-junk",
                &[0],
                "console",
                "Forbidden: Connection attempt from 127.0.0.1 (forwarded from unknown). X-Forwarded-For holds no address; User Agent: probe/1",
            ),
            ("fwd-junk", &[1, 2], "answer", "passed"),
            (
                "fwd-junk",
                &[1],
                "console",
                "New connection from 127.0.0.1 (forwarded: 203.0.113.9); User Agent: probe/1",
            ),
            ("fwd-junk", &[1], "access-log", "<time> 127.0.0.1 (forwarded: 203.0.113.9) probe/1"),
            (
                "fwd-junk",
                &[2],
                "console",
                "New connection from 127.0.0.1 (forwarded: 2001:db8::5); User Agent: probe/1",
            ),
            ("fwd-junk", &[2], "access-log", "<time> 127.0.0.1 (forwarded: 2001:db8::5) probe/1"),
            ("fwd-junk", &[3, 7, 8, 10, 11, 12], "console", ""),
            ("fwd-junk", &[3, 6, 12], "access-log", ""),
            (
                "fwd-junk",
                &[6],
                "console",
                "Forbidden: Connection attempt from 127.0.0.1 (forwarded from 203.0.113.009). X-Real-IP holds no address; User Agent: probe/1",
            ),
            (
                "fwd-junk",
                &[9],
                "console",
                "Forbidden: Connection attempt from 127.0.0.2 (forwarded from unknown). X-Forwarded-For holds no address; User Agent: probe/1",
            ),
            (
                "fwd-junk-empty-list",
                &[0],
                "console",
                "Forbidden: Connection attempt from 127.0.0.1 (forwarded from unknown). X-Forwarded-For holds no address; User Agent: probe/1",
            ),
            ("order-auth-whitelist-host", &[7], "answer", "403 whitelist"),
            ("order-auth-whitelist-host", &[7], "console", ""),
        ],
    },
    Row {
        reason: "`whitelist.txt`: comments are allowed, host names are entries",
        cases: &[
            (
                "txt-junk",
                &[0],
                "start",
                "warning: whitelist.txt:5: `not-an-ip` stands for no address now; it is looked up again\nwarning: whitelist.txt:8: entry ignored: `8,127.0.0.6` is not a length in bits or a mask; write 0 to 32 in plain digits, such as `10.0.0.0/32`\nwhitelist.txt takes the place of the list",
            ),
            ("txt-junk", &[3], "answer", "passed"),
            ("txt-junk", &[3], "console", "New connection from 127.0.0.5; User Agent: probe/1"),
            ("txt-junk", &[3], "access-log", "<time> 127.0.0.5 probe/1"),
        ],
    },
    Row {
        reason: "`X-Forwarded-For` and its like from a peer that is no trusted proxy: they decide nothing, so not by whom failures are counted (`preferRealIpHeader` has no effect)",
        cases: &[("rate-real-ip", &[2, 4], "answer", "429 rate-limit")],
    },
    Row {
        reason: "Basic auth and whitelist: the address and the host come first",
        cases: &[
            ("order-auth-whitelist-host", &[0, 6], "answer", "403 whitelist"),
            (
                "order-auth-whitelist-host",
                &[0],
                "console",
                "Forbidden: Connection attempt from 127.0.0.9; User Agent: probe/1",
            ),
            ("order-auth-whitelist-host", &[4], "answer", "403 host"),
            (
                "order-auth-whitelist-host",
                &[6],
                "console",
                "Forbidden: Connection attempt from 127.0.0.1 (forwarded from junk). X-Real-IP holds no address; User Agent: probe/1",
            ),
        ],
    },
    Row {
        reason: "`authorization: basic` in lower case: accepted",
        cases: &[("auth-matrix", &[6, 7], "answer", "passed")],
    },
    Row {
        reason: "a body without credentials is never read",
        cases: &[("pre-body", &[0], "answer", "401 basic-auth"), ("pre-body", &[0], "console", "")],
    },
    Row {
        reason: "`OPTIONS` from anywhere: checked like any method",
        cases: &[
            ("pre-options", &[0, 1], "answer", "403 whitelist"),
            (
                "pre-options",
                &[0],
                "console",
                "Forbidden: Connection attempt from 127.0.0.9; User Agent: probe/1",
            ),
        ],
    },
    Row {
        reason: "text where a boolean or number is wanted, null, a scalar for a list: refused at start",
        cases: &[
            (
                "wl-invalid-entries",
                &[0],
                "start",
                "error: config.yaml: entry 10 of `whitelist` has to be an address, not a list\nerror: config.yaml: entry 4 of `whitelist` has to be an address, not nothing\nerror: config.yaml: entry 6 of `whitelist` has to be an address, not `true`",
            ),
            (
                "wl-text",
                &[0],
                "start",
                "error: config.yaml: `whitelist` takes a list of addresses, not `127.0.0.1`",
            ),
            (
                "wl-null",
                &[0],
                "start",
                "error: config.yaml: `whitelist` takes a list of addresses, not nothing",
            ),
            (
                "wl-mode-text-no",
                &[0],
                "start",
                "error: config.yaml: `whitelistMode` takes `true` or `false`, not `no`",
            ),
            (
                "auth-null",
                &[0],
                "start",
                "error: config.yaml: `basicAuthUser.password` takes text, not nothing\nerror: config.yaml: `basicAuthUser.username` takes text, not nothing",
            ),
            (
                "rate-text",
                &[0],
                "start",
                "error: config.yaml: `rateLimiting.basicAuthMaxAttempts` takes a whole number from -1 to 1000000, not `1 try`",
            ),
            ("host-enabled-text", &[0], "answer", "passed"),
            (
                "host-null-list",
                &[0],
                "start",
                "error: config.yaml: `hostWhitelist.hosts` takes a list of host names, not nothing",
            ),
            (
                "host-null-entry",
                &[0],
                "start",
                "error: config.yaml: entry 2 of `hostWhitelist.hosts` has to be a host name, not nothing",
            ),
        ],
    },
    Row {
        reason: "environment list that is not JSON: refused, naming the variable",
        cases: &[(
            "env-list-plain",
            &[0],
            "start",
            "error: `SILLYTAVERN_WHITELIST` is not a list in JSON: `127.0.0.2`",
        )],
    },
    Row {
        reason: "`perUserBasicAuth` without accounts: refused",
        cases: &[(
            "per-user-no-accounts",
            &[0],
            "start",
            "error: config.yaml: `perUserBasicAuth` needs `enableUserAccounts`, which is off",
        )],
    },
    Row {
        reason: "empty user and password in the file: nobody signs in with them",
        cases: &[
            ("auth-empty-both", &[1, 2, 3], "answer", "401 basic-auth"),
            ("auth-empty-both", &[1], "console", WRONG),
            ("auth-empty-both", &[1], "access-log", ""),
        ],
    },
    Row {
        reason: "numeric password: read as the text that was written",
        cases: &[
            ("auth-number", &[0], "answer", "passed"),
            ("auth-number", &[0], "console", "New connection from 127.0.0.1; User Agent: probe/1"),
            ("auth-number", &[0], "access-log", "<time> 127.0.0.1 probe/1"),
        ],
    },
    Row {
        reason: "host name case, trailing dot: case-insensitive, dot ignored",
        cases: &[("host-on", &[2, 3, 12], "answer", "passed"), ("host-on", &[2, 3, 12], "console", "")],
    },
    Row {
        reason: "`x-extension:80`, `file:`: odd forms are malformed",
        cases: &[("host-on", &[19, 20], "answer", "400 http-parser")],
    },
    Row {
        reason: "refused visits in the log: with verdict and reason",
        cases: &[
            ("auth-matrix", &[2], "console", WRONG),
            ("auth-matrix", &[8], "console", UNREADABLE),
            ("auth-defaults", &[1], "console", WRONG),
            ("auth-non-ascii", &[1], "console", WRONG),
            ("auth-non-ascii", &[5], "console", UNREADABLE),
            ("auth-empty-both", &[4], "console", UNREADABLE),
            ("auth-number-env", &[1], "console", WRONG),
            ("order-auth-whitelist-host", &[2], "console", STRANGE_HOST),
            ("order-auth-whitelist-host", &[5], "console", WRONG),
            ("rate-default", &[0], "console", WRONG),
            (
                "rate-default",
                &[10],
                "console",
                "Basic auth failed: Wrong user name or password from 127.0.0.2 GET /csrf-token",
            ),
            ("rate-reset", &[0], "console", WRONG),
            ("rate-two", &[4], "console", UNREADABLE),
            ("rate-two", &[5], "console", WRONG),
            ("rate-zero", &[0], "console", WRONG),
            (
                "rate-header-ignored",
                &[0],
                "console",
                "Basic auth failed: Wrong user name or password from 127.0.0.1 (forwarded: 203.0.113.1) GET /csrf-token",
            ),
            (
                "rate-real-ip",
                &[0],
                "console",
                "Basic auth failed: Wrong user name or password from 127.0.0.1 (forwarded: 203.0.113.1) GET /csrf-token",
            ),
            (
                "rate-real-ip",
                &[5],
                "console",
                "Basic auth failed: Wrong user name or password from 127.0.0.2 (forwarded: 203.0.113.1) GET /csrf-token",
            ),
            ("per-user", &[7], "console", WRONG),
            ("per-user-rate", &[0], "console", WRONG),
            ("per-user-off", &[0], "console", WRONG),
            ("host-on", &[4], "console", STRANGE_HOST),
            ("host-no-scan", &[0], "console", STRANGE_HOST),
            ("host-env", &[1], "console", STRANGE_HOST),
            (
                "host-not-logged",
                &[0],
                "console",
                "Forbidden: Connection attempt from 127.0.0.6. It asked for a host name that is not known here; User Agent: probe/1",
            ),
        ],
    },
    Row {
        reason: "`Host`: malformed is 400, and so are an empty one, a second one, and another one in the target",
        cases: &[
            ("auth-matrix", &[38], "answer", "400 http-parser"),
            ("host-on", &[17, 18], "answer", "400 http-parser"),
            ("host-on", &[17, 18], "console", ""),
            ("host-scan-only", &[6], "answer", "400 http-parser"),
            ("host-scan-only", &[6], "console", ""),
            ("host-missing", &[2, 3, 5, 6], "answer", "400 http-parser"),
            ("host-missing", &[2], "console", ""),
        ],
    },
    Row {
        reason: "a user name with a colon can never sign in: refused at start",
        cases: &[(
            "auth-colon-user",
            &[0],
            "start",
            "error: the user name `a:b` has a colon, so nobody can sign in with it",
        )],
    },
    Row {
        reason: "an address has one form, so one client is not two",
        cases: &[("fwd-junk", &[4], "console", ""), ("fwd-junk", &[4], "access-log", "")],
    },
    Row {
        reason: "what came from outside is escaped",
        cases: &[
            ("log-keys", &[9], "console", r"New connection from 127.0.0.6; User Agent: caf\xe9/1"),
            ("log-keys", &[9], "access-log", r"<time> 127.0.0.6 caf\xe9/1"),
        ],
    },
    Row {
        reason: "`preferRealIpHeader` lets the sender choose what is counted, so it changes nothing here, and that is said",
        cases: &[(
            "rate-real-ip",
            &[0],
            "start",
            "warning: `rateLimiting.preferRealIpHeader` changes nothing here: whoever sends a header could choose what is counted; name your proxy in `innkeeper.trustedProxies`, and its clients are counted one by one",
        )],
    },
    Row {
        reason: "a failed login is told with the address that the peer named",
        cases: &[(
            "rate-header-ignored",
            &[1],
            "console",
            "Basic auth failed: Rate limited from 127.0.0.1 (forwarded: 203.0.113.2) GET /csrf-token",
        )],
    },
    Row {
        reason: "a refusal is told once a minute for each address and reason, and then counted",
        cases: &[
            ("wl-default-local", &[3, 6, 7, 8], "console", ""),
            ("wl-default-listen", &[3], "console", ""),
            ("fwd-x-real-ip", &[3], "console", ""),
            ("fwd-xff", &[3], "console", ""),
            ("fwd-cf-on", &[4], "console", ""),
            ("fwd-order", &[2], "console", ""),
            ("order-auth-whitelist-host", &[1], "console", ""),
            ("rate-default", &[6, 7, 12], "console", ""),
            ("rate-header-ignored", &[2], "console", ""),
            ("rate-real-ip", &[3], "console", ""),
            ("per-user-rate", &[4], "console", ""),
            ("host-on", &[8, 9], "console", ""),
            ("methods", &[1, 2, 3, 4, 5, 6], "console", ""),
        ],
    },
];

const WRONG: &str = "Basic auth failed: Wrong user name or password from 127.0.0.1 GET /csrf-token";
const UNREADABLE: &str = "Basic auth failed: Unreadable credentials from 127.0.0.1 GET /csrf-token";
const STRANGE_HOST: &str = "Forbidden: Connection attempt from 127.0.0.1. It asked for a host name that is not known here; User Agent: probe/1";
