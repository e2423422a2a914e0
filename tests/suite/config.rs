//! Tests: configuration: which file, environment over file, strictness, and errors that point.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use agentsh::config::{Config, ConfigError, Environment, Origin, PolicyChoice, Problem, load};
use serde::Deserialize;
use tempfile::TempDir;

const NOTHING: [(&str, &str); 0] = [];

/// A folder that stands for the machine: no file of the real one is read.
struct Machine {
    folder: TempDir,
}

impl Machine {
    fn new() -> Self {
        Self { folder: TempDir::new().unwrap() }
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The environment of a user whose home is `home` in the folder.
    fn environment(&self, uid: u32, variables: &[(&str, &str)]) -> Environment {
        let home = self.path("home").to_str().unwrap().to_owned();
        let home = [("HOME".to_owned(), home)].into_iter();
        let variables = home.chain(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        Environment::new(uid, variables).with_system_file(self.path("etc/config.yaml"))
    }
}

/// Loads a text and gives what it says, or its error in one line without the folder.
fn check(text: &str, variables: &[(&str, &str)]) -> Result<Config, String> {
    let machine = Machine::new();
    let file = machine.write("c.yaml", text);
    Config::load(Some(&file), &machine.environment(1000, variables)).map_err(|error| in_one_line(&error, &machine))
}

fn in_one_line(error: &ConfigError, machine: &Machine) -> String {
    let text = error.to_string();
    assert!(!text.contains('\n'), "{text}");
    text.replace(&format!("{}/", machine.folder.path().display()), "")
}

#[test]
fn what_is_left_out_has_its_default() {
    for text in ["", "# only a comment\n", "server:\npolicies:\n", "server: {}", "server:\n  http:\n"] {
        let config = check(text, &[]).unwrap();
        assert_eq!(config.server.http.addr, SocketAddr::from(([127, 0, 0, 1], 8080)), "{text:?}");
        assert_eq!(config.policies.choice(), PolicyChoice::BuiltIn, "{text:?}");
    }
}

#[test]
fn a_value_in_the_file_holds_and_a_variable_wins_over_it() {
    let text = "data_dir: /srv/journal\nserver:\n  http:\n    addr: 127.0.0.1:1\n";
    let config = check(text, &[]).unwrap();
    assert_eq!((config.data_dir.as_path(), config.server.http.addr.port()), (Path::new("/srv/journal"), 1));
    let config = check(text, &[("AGENTSH_SERVER__HTTP__ADDR", "[::1]:2"), ("AGENTSH_DATA_DIR", "/srv/other")]).unwrap();
    assert_eq!((config.data_dir.as_path(), config.server.http.addr.to_string()), (Path::new("/srv/other"), "[::1]:2".to_owned()));
    let config = check(text, &[("AGENTSH_SERVER__HTTP__ADDR", "")]).unwrap();
    assert_eq!(config.server.http.addr.port(), 1, "an empty variable counts as not set");
}

#[test]
fn the_first_file_in_the_documented_order_is_read() {
    let machine = Machine::new();
    let at = |name: &str, port: u16| machine.write(name, &format!("server: {{http: {{addr: '127.0.0.1:{port}'}}}}"));
    let port = |explicit: Option<&Path>, variables: &[(&str, &str)]| {
        let config = Config::load(explicit, &machine.environment(1000, variables)).unwrap();
        (config.server.http.addr.port(), config.file)
    };
    assert_eq!(port(None, &[]), (8080, None));
    let home = at("home/.config/agentsh/config.yaml", 4);
    assert_eq!(port(None, &[]), (4, Some(home)));
    let system = at("etc/config.yaml", 3);
    assert_eq!(port(None, &[]), (3, Some(system)));
    let named = at("named.yaml", 2);
    let variables = [("AGENTSH_CONFIG", named.to_str().unwrap())];
    assert_eq!(port(None, &variables), (2, Some(named.clone())));
    let explicit = at("explicit.yaml", 1);
    assert_eq!(port(Some(&explicit), &variables), (1, Some(explicit.clone())));
}

#[test]
fn a_file_that_somebody_named_must_be_there() {
    let machine = Machine::new();
    machine.write("etc/config.yaml", "");
    let missing = machine.path("missing.yaml");
    let by_flag = Config::load(Some(&missing), &machine.environment(0, &[])).unwrap_err();
    let by_variable = Config::load(None, &machine.environment(0, &[("AGENTSH_CONFIG", missing.to_str().unwrap())])).unwrap_err();
    for error in [by_flag, by_variable] {
        assert!(matches!(error.problem(), Problem::Unreadable { .. }), "{error}");
        assert!(error.to_string().contains("missing.yaml: the file cannot be read"), "{error}");
    }
    let folder = Config::load(Some(machine.folder.path()), &machine.environment(0, &[])).unwrap_err();
    assert!(folder.to_string().contains("not a regular file"), "{folder}");
}

#[test]
fn an_unknown_key_is_refused_with_its_place_and_the_nearest_key() {
    let error = check("data_dir: /srv\nserver:\n  htpp:\n    addr: 127.0.0.1:1\n", &[]).unwrap_err();
    assert_eq!(
        error,
        "c.yaml:3:3: unknown key `htpp` in `server`; did you mean `http`? Here can stand: http, grpc, shutdown_timeout"
    );
    let error = check("polices: {}\n", &[]).unwrap_err();
    assert_eq!(
        error,
        "c.yaml:1:1: unknown key `polices`; did you mean `policies`? Here can stand: data_dir, server, client, auth, sessions, policies, journal, sandbox, audit, detect, query, sinks, telemetry"
    );
    let error = check("policies:\n  colour: red\n", &[]).unwrap_err();
    assert_eq!(error, "c.yaml:2:3: unknown key `colour` in `policies`; here can stand: dir, default");
}

#[test]
fn a_number_that_does_harm_is_refused_with_its_range() {
    let error = check("journal:\n  intake_bytes: 4096\n", &[]).unwrap_err();
    assert_eq!(error, "c.yaml:2:17: `journal.intake_bytes` is 4096; it takes 65536 to 1073741824");
    let error = check("", &[("AGENTSH_SANDBOX__FUSE__THREADS", "100000")]).unwrap_err();
    assert_eq!(error, "AGENTSH_SANDBOX__FUSE__THREADS: `sandbox.fuse.threads` is 100000; it takes 1 to 256");
    assert!(check("journal:\n  intake_bytes: 65536\n", &[]).is_ok());
}

#[test]
fn an_unknown_variable_is_refused_by_its_name() {
    let error = check("", &[("AGENTSH_SERVER__HTPP__ADDR", "127.0.0.1:1")]).unwrap_err();
    assert_eq!(
        error,
        "AGENTSH_SERVER__HTPP__ADDR: unknown key `htpp` in `server`; did you mean `http`? Here can stand: http, grpc, shutdown_timeout"
    );
    let error = check("", &[("AGENTSH_DATADIR", "/srv")]).unwrap_err();
    assert!(error.starts_with("AGENTSH_DATADIR: unknown key `datadir`; did you mean `data_dir`?"), "{error}");
    assert!(check("", &[("AGENTSH_TRANSPORT", "grpc"), ("AGENT", "x"), ("agentsh_data_dir", "x")]).is_ok());
}

#[test]
fn a_value_of_another_type_is_refused_with_its_place() {
    for (text, expected) in [
        ("server: 8080\n", "c.yaml:1:9: `server` takes a section with keys, and this is the number 8080"),
        ("server: [a]\n", "c.yaml:1:9: `server` takes a section with keys, and this is a list"),
        (
            "server:\n  http:\n    addr: 8080\n",
            "c.yaml:3:11: `server.http.addr` takes an address with a port, such as 127.0.0.1:8080, and this is the number 8080",
        ),
        (
            "server:\n  http:\n    addr: here\n",
            "c.yaml:3:11: `server.http.addr` takes an address with a port, such as 127.0.0.1:8080, and this is the text `here`",
        ),
        (
            "server:\n  http:\n    addr:\n",
            "c.yaml:3:9: `server.http.addr` takes an address with a port, such as 127.0.0.1:8080, and this is left empty",
        ),
        ("policies:\n  default: true\n", "c.yaml:2:12: `policies.default` takes a text, and this is `true`"),
    ] {
        assert_eq!(check(text, &[]).unwrap_err(), expected);
    }
    let error = check("", &[("AGENTSH_SERVER__HTTP__ADDR", "here")]).unwrap_err();
    assert!(error.starts_with("AGENTSH_SERVER__HTTP__ADDR: `server.http.addr` takes an address"), "{error}");
}

#[test]
fn numbers_of_the_grpc_service_have_ranges() {
    let error = check("server:\n  grpc:\n    max_message_bytes: 10\n", &[]).unwrap_err();
    assert!(error.contains("`server.grpc.max_message_bytes` is 10; it takes 65536 to 1073741824"), "{error}");
    let error = check("server: {grpc: {keepalive_interval: 1ms}}", &[]).unwrap_err();
    assert!(error.contains("`server.grpc.keepalive_interval` is 1; it takes 1000 to 86400000"), "{error}");
    let error = check("server: {grpc: {tls: {cert: here.pem}}}", &[]).unwrap_err();
    assert!(error.contains("`here.pem` is a relative path"), "{error}");
    let error = check("auth: {key_file: /x}", &[]).unwrap_err();
    assert!(error.contains("did you mean `keys_file`?"), "{error}");
}

#[test]
fn a_section_and_a_value_do_not_stand_for_each_other() {
    let error = check("", &[("AGENTSH_SERVER", "x")]).unwrap_err();
    assert_eq!(error, "AGENTSH_SERVER: `server` is a section; set its keys, such as AGENTSH_SERVER__KEY");
    let error = check("server: x\n", &[("AGENTSH_SERVER__HTTP__ADDR", "127.0.0.1:1")]).unwrap_err();
    assert_eq!(error, "AGENTSH_SERVER__HTTP__ADDR: `server` is not a section in the file, so a variable cannot set a key in it");
}

#[test]
fn text_that_is_no_yaml_is_refused_with_its_place() {
    let error = check("server:\n  http: [\n", &[]).unwrap_err();
    assert!(error.starts_with("c.yaml:3:1: ") || error.starts_with("c.yaml:2:"), "{error}");
    let error = check("data_dir: /a\ndata_dir: /b\n", &[]).unwrap_err();
    assert!(error.starts_with("c.yaml:2:1: ") && error.contains("data_dir"), "{error}");
    assert!(check("data_dir: /a\n---\ndata_dir: /b\n", &[]).is_err(), "a second document would be ignored");
    assert!(check("- a\n- b\n", &[]).is_err());
    let bomb = "a: &a [x, x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a]\nc: &c [*b, *b, *b, *b, *b, *b, *b]\n\
                d: &d [*c, *c, *c, *c, *c, *c, *c]\ne: [*d, *d, *d, *d, *d, *d, *d]\n";
    assert!(check(bomb, &[]).is_err());
    assert!(check(&"#".repeat((1 << 20) + 1), &[]).unwrap_err().contains("more than 1048576 bytes"));
}

#[test]
fn the_data_directory_is_the_users_own() {
    let dir = |uid, variables: &[(&str, &str)]| {
        Config::load(None, &Machine::new().environment(uid, variables)).map(|config| config.data_dir)
    };
    assert_eq!(dir(0, &[("XDG_DATA_HOME", "/x")]).unwrap(), Path::new("/var/lib/agentsh"));
    assert_eq!(dir(1000, &[("XDG_DATA_HOME", "/x")]).unwrap(), Path::new("/x/agentsh"));
    assert_eq!(dir(1000, &[("HOME", "/h")]).unwrap(), Path::new("/h/.local/share/agentsh"));
    assert_eq!(dir(1000, &[("HOME", "/h"), ("XDG_DATA_HOME", "relative")]).unwrap(), Path::new("/h/.local/share/agentsh"));
    assert_eq!(dir(1000, &[("HOME", "/h"), ("AGENTSH_DATA_DIR", "~/j")]).unwrap(), Path::new("/h/j"));
    let homeless = dir(1000, &[("HOME", "")]).unwrap_err();
    assert!(homeless.to_string().contains("HOME is not set; set `data_dir`"), "{homeless}");
}

#[test]
fn a_relative_path_is_refused_since_nobody_knows_from_where() {
    let error = check("policies:\n  dir: etc/policies\n", &[]).unwrap_err();
    assert_eq!(
        error,
        "c.yaml:2:8: `etc/policies` is a relative path; write it from the root, or from the home directory with `~/`"
    );
    assert!(check("", &[("AGENTSH_DATA_DIR", "x")]).unwrap_err().starts_with("AGENTSH_DATA_DIR: `x` is a relative path"));
    assert!(check("data_dir: ~user/x\n", &[]).is_err());
}

#[test]
fn a_policy_is_chosen_by_its_name_in_the_folder() {
    let choice = |text: &str| check(text, &[]).map(|config| config.policies.choice());
    assert_eq!(choice("policies: {dir: /p, default: ci}"), Ok(PolicyChoice::File("/p/ci.yaml".into())));
    assert_eq!(choice("policies: {dir: /p}"), Ok(PolicyChoice::BuiltIn));
    assert!(
        choice("policies: {default: ci}")
            .unwrap_err()
            .starts_with("c.yaml:1:21: the policy `ci` is looked for in `policies.dir`")
    );
    for name in ["../x", "a/b", ".hidden", "ci.yaml", "''"] {
        let error = choice(&format!("policies: {{dir: /p, default: {name}}}")).unwrap_err();
        assert!(error.contains("no name of a policy"), "{error}");
    }
}

/// A stage's section with a field of each sort that a stage may want.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Everything {
    flag: bool,
    number: u16,
    offset: i32,
    share: f64,
    text: String,
    maybe: Option<u64>,
    list: Vec<String>,
    ports: Vec<u16>,
    word: Option<Word>,
    by_name: BTreeMap<String, u8>,
    inner: Inner,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Word {
    OneWord,
    Other,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Inner {
    deep: Option<bool>,
}

fn everything(text: &str, variables: &[(&str, &str)]) -> Result<Everything, String> {
    let machine = Machine::new();
    let file = machine.write("c.yaml", text);
    load(Some(&file), &machine.environment(0, variables))
        .map(|loaded| loaded.value)
        .map_err(|error| in_one_line(&error, &machine))
}

#[test]
fn a_variable_takes_the_type_that_its_key_asks_for() {
    let from_variables = everything(
        "flag: false\nlist: [z]\n",
        &[
            ("AGENTSH_FLAG", "true"),
            ("AGENTSH_NUMBER", "7"),
            ("AGENTSH_OFFSET", "-7"),
            ("AGENTSH_SHARE", "0.5"),
            ("AGENTSH_TEXT", "12"),
            ("AGENTSH_MAYBE", "9"),
            ("AGENTSH_LIST", "a, b"),
            ("AGENTSH_PORTS", "1,2"),
            ("AGENTSH_WORD", "one_word"),
            ("AGENTSH_BY_NAME__X", "3"),
            ("AGENTSH_INNER__DEEP", "false"),
        ],
    );
    let from_file = everything(
        "{flag: true, number: 7, offset: -7, share: 0.5, text: '12', maybe: 9, list: [a, b], ports: [1, 2], word: one_word,
          by_name: {x: 3}, inner: {deep: false}}",
        &[],
    );
    assert_eq!(from_variables, from_file);
    assert_eq!(from_file.unwrap().inner.deep, Some(false));
}

#[test]
fn each_sort_of_value_is_refused_in_words() {
    for (text, expected) in [
        ("flag: 1", "`flag` takes `true` or `false`, and this is the number 1"),
        ("number: -1", "`number` takes a whole number, and this is the number -1"),
        ("number: 65536", "`number` takes a whole number, and this is the number 65536"),
        ("number: much", "`number` takes a whole number, and this is the text `much`"),
        ("text: 5", "`text` takes a text, and this is the number 5"),
        ("list: a", "`list` takes a list, and this is the text `a`"),
        ("ports: [1, x]", "`ports` takes a whole number, and this is the text `x`"),
        ("word: one_wrod", "unknown word `one_wrod` for `word`; did you mean `one_word`? Here can stand: one_word, other"),
        ("word: [other]", "`word` takes one of one_word, other, and this is a list"),
        ("inner: {deep: {}}", "`inner.deep` takes `true` or `false`, and this is a section"),
        ("by_name: {x: 300}", "`by_name.x` takes a whole number, and this is the number 300"),
    ] {
        let error = everything(text, &[]).unwrap_err();
        assert_eq!(error.split_once(": ").unwrap().1, expected, "{text}");
    }
    assert_eq!(
        everything("", &[("AGENTSH_FLAG", "yes")]).unwrap_err(),
        "AGENTSH_FLAG: `flag` takes `true` or `false`, and this is the text `yes`"
    );
    assert_eq!(
        everything("", &[("AGENTSH_PORTS", "1,x")]).unwrap_err(),
        "AGENTSH_PORTS: `ports` takes a whole number, and this is the text `x`"
    );
}

#[test]
fn a_variable_that_is_no_text_is_refused() {
    use std::os::unix::ffi::OsStrExt as _;
    let value = std::ffi::OsStr::from_bytes(b"/srv/\xff");
    let environment = Environment::new(0, [("AGENTSH_DATA_DIR", value)]).with_system_file("/nonexistent/config.yaml");
    let error = Config::load(None, &environment).unwrap_err();
    assert_eq!(error.to_string(), "AGENTSH_DATA_DIR: the value is not UTF-8");
    assert_eq!(error.origin(), Some(&Origin::Variable("AGENTSH_DATA_DIR".into())));
}

#[test]
fn an_error_shows_its_place_in_the_file() {
    let machine = Machine::new();
    let file = machine.write("c.yaml", "# ünïcode\nserver:\n  htpp: {}\n");
    let error = Config::load(Some(&file), &machine.environment(0, &[])).unwrap_err();
    let label = miette::Diagnostic::labels(&error).unwrap().next().unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    assert_eq!(&text[label.offset()..label.offset() + 4], "htpp");
}

/// Every example is right, and would not be with one key more, at the top or in any of its sections.
#[test]
fn every_example_is_accepted_and_refused_with_one_key_more() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut seen = 0;
    for entry in std::fs::read_dir(examples).unwrap() {
        let path = entry.unwrap().path();
        // Other examples are policies, which the policy's tests read.
        if !path.file_name().unwrap().to_str().unwrap().starts_with("config") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        seen += 1;
        check(&text, &[]).unwrap();
        check(&format!("{text}\nunknown_key: 1\n"), &[]).unwrap_err();
        let sections: Vec<_> = text.lines().filter(|line| !line.trim_start().starts_with('#') && line.ends_with(':')).collect();
        assert!(sections.len() > 2, "{sections:?}");
        for section in sections {
            let indent = " ".repeat(section.len() - section.trim_start().len() + 2);
            let with_more = text.replacen(section, &format!("{section}\n{indent}unknown_key: 1"), 1);
            let error = check(&with_more, &[]).unwrap_err();
            assert!(error.contains("unknown key `unknown_key`"), "{section}: {error}");
        }
    }
    assert!(seen > 0);
}

fn example() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/config.yaml")).unwrap()
}

/// The example shows defaults, so nothing changes when it is left out.
#[test]
fn the_example_is_what_holds_without_it() {
    let machine = Machine::new();
    let file = machine.write("c.yaml", &example());
    let with = Config::load(Some(&file), &machine.environment(1000, &[])).unwrap();
    let without = Config::load(None, &machine.environment(1000, &[])).unwrap();
    assert_eq!(Config { file: None, ..with }, without);
}

/// The keys of a section, as the refusal of an unknown one names them; `None` for what is no section.
fn keys_of(section: &[&str]) -> Option<Vec<&'static str>> {
    let machine = Machine::new();
    let open: String = section.iter().map(|key| format!("{{{key}: ")).collect();
    let file = machine.write("c.yaml", &format!("{open}{{unknown_key: 1}}{}", "}".repeat(section.len())));
    match Config::load(Some(&file), &machine.environment(0, &[])).unwrap_err().problem() {
        Problem::UnknownKey { keys, .. } => Some(keys.clone()),
        _ => None,
    }
}

/// Keys, from the root, that a text does not name, not even in a comment.
fn unnamed(text: &str, section: &[&str]) -> Vec<String> {
    let mut unnamed = Vec::new();
    for key in keys_of(section).unwrap_or_default() {
        let path = [section, &[key]].concat();
        let names = |line: &str| line.split([' ', '{', '#']).any(|word| word == format!("{key}:"));
        if !text.lines().any(names) {
            unnamed.push(path.join("."));
        }
        unnamed.extend(self::unnamed(text, &path));
    }
    unnamed
}

#[test]
fn the_example_names_every_key_there_is() {
    assert!(
        keys_of(&[]).unwrap().len() > 3 && keys_of(&["server", "http"]).unwrap() == ["addr"] && keys_of(&["data_dir"]).is_none()
    );
    assert_eq!(unnamed(&example(), &[]), Vec::<String>::new());
    assert_eq!(unnamed(&example().replace("commit_interval:", "commit_interval"), &[]), ["journal.commit_interval"]);
}

#[test]
fn the_environment_of_the_process_is_read() {
    let environment = Environment::of_process();
    assert_eq!(environment.get("PATH"), std::env::var_os("PATH").as_deref());
    assert_eq!(environment.get("AGENTSH_NO_SUCH_VARIABLE"), None);
    let empty = Environment::new(0, NOTHING);
    assert!(empty.is_root() && empty.home().is_none());
}
