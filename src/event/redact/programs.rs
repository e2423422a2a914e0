//! Programs whose options take secrets, and programs that hand their arguments on to others.

/// What an option's value holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takes {
    /// A secret, whatever it looks like.
    Secret,
    /// `user:password`.
    UserPassword,
    /// `user%password`.
    UserPercent,
    /// A header field.
    Header,
    /// Cookies, or the name of a file.
    Cookies,
    /// A proxy's address, with or without scheme.
    Proxy,
    /// A certificate's file, then a colon and its password.
    Certificate,
}

/// A program, or several that take the same options.
pub(super) struct Program {
    names: &'static [&'static str],
    /// Single-letter options.
    pub(super) short: &'static [(u8, Takes)],
    /// Whether the value of such an option must be in the same argument (`-pSECRET`): on its own it asks for the password.
    pub(super) attached: bool,
    /// Other single letters that take a value, which ends a cluster such as `-sSo`.
    pub(super) valued: &'static [u8],
    /// Long options whose name does not say that they take a secret.
    pub(super) long: &'static [(&'static str, Takes)],
    /// The sub-command that the options belong to.
    pub(super) only_with: Option<&'static str>,
    /// Whether arguments are text for a shell.
    pub(super) shell: bool,
    /// Whether a later argument may be the program that is really run.
    pub(super) runs_others: bool,
}

const NONE: Program = Program {
    names: &[],
    short: &[],
    attached: false,
    valued: &[],
    long: &[],
    only_with: None,
    shell: false,
    runs_others: false,
};

/// A program of which nothing is known.
pub(super) static UNKNOWN: Program = NONE;

static PROGRAMS: &[Program] = &[
    Program {
        names: &["curl"],
        short: &[
            (b'u', Takes::UserPassword),
            (b'U', Takes::UserPassword),
            (b'H', Takes::Header),
            (b'b', Takes::Cookies),
            (b'x', Takes::Proxy),
            (b'E', Takes::Certificate),
        ],
        valued: b"AcCdDeFhKmoPQrtTwXyYz",
        long: &[
            ("user", Takes::UserPassword),
            ("proxy-user", Takes::UserPassword),
            ("header", Takes::Header),
            ("proxy-header", Takes::Header),
            ("cookie", Takes::Cookies),
            ("proxy", Takes::Proxy),
            ("preproxy", Takes::Proxy),
            ("socks5", Takes::Proxy),
            ("socks5-hostname", Takes::Proxy),
            ("cert", Takes::Certificate),
            ("proxy-cert", Takes::Certificate),
        ],
        ..NONE
    },
    Program {
        names: &["wget", "wget2", "hey", "ab", "wrk", "grpcurl", "websocat"],
        short: HEADER,
        valued: b"OoPUtTQ",
        long: LONG_HEADER,
        ..NONE
    },
    Program {
        names: &["http", "https", "xh", "xhs"],
        short: &[(b'a', Takes::UserPassword)],
        long: &[("auth", Takes::UserPassword)],
        ..NONE
    },
    Program {
        names: &[
            "mysql",
            "mysqldump",
            "mysqladmin",
            "mysqlimport",
            "mysqlshow",
            "mysqlcheck",
            "mysqlsh",
            "mycli",
            "mariadb",
            "mariadb-dump",
            "mariadb-admin",
            "mariadb-import",
            "mariadb-show",
            "mariadb-check",
            "7z",
            "7za",
            "7zr",
            "unrar",
            "rar",
        ],
        short: &[(b'p', Takes::Secret)],
        attached: true,
        valued: b"uhPSDeRo",
        ..NONE
    },
    Program {
        names: &["sshpass", "mongo", "mongosh", "mongodump", "mongorestore", "mongoexport", "mongoimport", "clickhouse-client"],
        short: &[(b'p', Takes::Secret)],
        valued: b"fdPuh",
        runs_others: true,
        ..NONE
    },
    Program { names: &["redis-cli", "valkey-cli"], short: &[(b'a', Takes::Secret)], valued: b"hpsnrux", ..NONE },
    Program {
        names: &["ldapsearch", "ldapmodify", "ldapadd", "ldapdelete", "ldapwhoami", "ldappasswd"],
        short: &[(b'w', Takes::Secret), (b's', Takes::Secret)],
        valued: b"DHbhpfYU",
        ..NONE
    },
    Program { names: &["sqlcmd", "bcp", "unzip", "zip", "kinit"], short: &[(b'P', Takes::Secret)], valued: b"SUdQio", ..NONE },
    Program {
        names: &["smbclient", "smbget", "rpcclient", "net", "smbmap", "cifscreds"],
        short: &[(b'U', Takes::UserPercent)],
        long: &[("user", Takes::UserPercent)],
        valued: b"cIpWn",
        ..NONE
    },
    Program {
        names: &["docker", "podman", "nerdctl", "helm", "az", "buildah", "skopeo", "oc", "cf"],
        short: &[(b'p', Takes::Secret)],
        only_with: Some("login"),
        runs_others: true,
        shell: true,
        ..NONE
    },
    Program {
        names: &[
            "sh",
            "bash",
            "dash",
            "zsh",
            "ash",
            "ksh",
            "mksh",
            "fish",
            "su",
            "runuser",
            "script",
            "eval",
            "watch",
            "parallel",
            "ssh",
            "xargs",
            "busybox",
            "kubectl",
            "nsenter",
            "tmux",
            "screen",
            "flock",
            "entr",
            "cmd",
            "cmd.exe",
            "powershell",
            "pwsh",
        ],
        shell: true,
        runs_others: true,
        ..NONE
    },
    Program {
        names: &[
            "env",
            "sudo",
            "doas",
            "timeout",
            "nice",
            "ionice",
            "nohup",
            "stdbuf",
            "setsid",
            "time",
            "exec",
            "command",
            "builtin",
            "chroot",
            "unshare",
            "strace",
            "ltrace",
            "proxychains",
            "proxychains4",
            "torsocks",
            "firejail",
            "bwrap",
            "catchsegv",
            "setarch",
            "taskset",
            "chrt",
            "systemd-run",
            "agentsh",
            "unbuffer",
            "if",
            "then",
            "else",
            "elif",
            "do",
            "while",
            "until",
            "!",
            "{",
            "find",
        ],
        runs_others: true,
        ..NONE
    },
];

const HEADER: &[(u8, Takes)] = &[(b'H', Takes::Header)];
const LONG_HEADER: &[(&str, Takes)] = &[("header", Takes::Header)];

/// The program that a path or a name names.
pub(super) fn named(path: &[u8]) -> Option<&'static Program> {
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
    // A login shell has a dash before its name.
    let name = name.strip_prefix(b"-").unwrap_or(name);
    PROGRAMS.iter().find(|program| program.names.iter().any(|entry| entry.as_bytes() == name))
}

impl Program {
    /// The single-letter option of `argument` that takes something secret, and where its value starts in the argument (at its end, if
    /// the value is the next argument).
    pub(super) fn short_option(&self, argument: &[u8]) -> Option<(Takes, usize)> {
        let letters = argument.strip_prefix(b"-").filter(|letters| !letters.starts_with(b"-"))?;
        for (index, letter) in letters.iter().enumerate() {
            if let Some((_, takes)) = self.short.iter().find(|(short, _)| short == letter) {
                let value = index + 2;
                return (value < argument.len() || !self.attached).then_some((*takes, value));
            }
            if self.valued.contains(letter) || !letter.is_ascii_alphanumeric() {
                return None;
            }
        }
        None
    }

    /// What a long option takes, if its name alone does not say so.
    pub(super) fn long_option(&self, name: &[u8]) -> Option<Takes> {
        self.long.iter().find(|(long, _)| long.as_bytes() == name).map(|(_, takes)| *takes)
    }
}
