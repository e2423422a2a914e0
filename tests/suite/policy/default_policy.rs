//! Tests: what the policy that is built in promises.

use agentsh::policy::{OnAuditFailure, Policy, Variables};

use super::check::{check_policy, variables, verdict};

fn built_in() -> Policy {
    Policy::built_in(&variables()).unwrap_or_else(|error| panic!("{error}"))
}

#[track_caller]
fn check(cases: &[(&str, &str)]) {
    check_policy(&built_in(), cases);
}

/// Operations that change a file or its name, each on a path.
const CHANGES: [&str; 12] = [
    "write PATH",
    "overwrite PATH",
    "append PATH",
    "create PATH",
    "delete PATH",
    "truncate PATH",
    "chmod PATH",
    "chown PATH",
    "symlink PATH",
    "rename PATH -> /work/space/moved",
    "rename /work/space/new -> PATH",
    "link /work/space/new -> PATH",
];

/// Operations through which content could be seen.
const LOOKS: [&str; 5] = [
    "read PATH",
    "readwrite PATH",
    "rename PATH -> /work/space/moved",
    "link PATH -> /work/space/linked",
    "exchange /work/space/a <-> PATH",
];

#[track_caller]
fn all(operations: &[&str], paths: &[&str], expected: &str) {
    let policy = built_in();
    for path in paths {
        for operation in operations {
            let operation = operation.replace("PATH", path);
            assert_eq!(verdict(&policy, &operation), expected, "{operation}");
        }
    }
}

#[test]
fn it_is_named_and_fails_closed() {
    let policy = built_in();
    assert_eq!((policy.name(), policy.source()), ("default", "built-in"));
    assert_eq!(policy.on_audit_failure(), OnAuditFailure::Deny);
    assert_eq!(policy.text(), Policy::built_in_text());
    assert_eq!(policy.digest().len(), 64);
    assert_eq!(policy.rule_count(), policy.rule_counts().total());
}

#[test]
fn it_works_without_a_home_directory_but_not_without_a_workspace() {
    assert!(Policy::built_in(&Variables::new().with("WORKSPACE", "/w")).is_ok());
    assert!(Policy::built_in(&Variables::new().with("HOME", "/h")).is_err());
}

#[test]
fn the_workspace_is_read_and_written() {
    all(
        &CHANGES,
        &["/work/space/src/main.rs", "/work/space/.gitignore", "/work/space/a b/ü.txt", r"/work/space/\xff"],
        "allow workspace",
    );
    all(
        &LOOKS,
        &["/work/space/src/main.rs", "/work/space/Cargo.lock", "/work/space/.github/workflows/ci.yml"],
        "allow workspace",
    );
    check(&[
        ("mkdir /work/space/target", "allow workspace"),
        ("list /work/space", "allow workspace"),
        ("rmdir /work/space/target", "allow workspace"),
        ("rename /work/space/src -> /work/space/source", "allow workspace"),
        ("setxattr /work/space/x", "allow workspace"),
        ("read /usr/lib/os-release", "allow default"),
    ]);
}

#[test]
fn private_keys_are_refused_for_every_operation() {
    let keys = [
        "/home/u/.ssh/id_rsa",
        "/home/u/.ssh/id_ed25519",
        "/work/space/.ssh/id_rsa",
        "/work/space/.ssh/any_name_at_all",
        "/work/space/id_ed25519",
        "/work/space/deep/down/id_ecdsa_sk",
        "/work/space/putty.ppk",
        "/home/u/.gnupg/private-keys-v1.d/ABC.key",
        "/work/space/.gnupg/secring.gpg",
        "/etc/ssh/ssh_host_ed25519_key",
    ];
    all(&CHANGES, &keys, "deny private-keys");
    all(&LOOKS, &keys, "deny private-keys");
    all(&["getxattr PATH", "utimens PATH", "empty PATH", "mkdir PATH"], &keys, "deny private-keys");
}

#[test]
fn public_keys_and_ssh_settings_are_readable_and_not_changeable() {
    check(&[
        ("read /home/u/.ssh/id_rsa.pub", "allow ssh-settings"),
        ("read /home/u/.ssh/config", "allow ssh-settings"),
        ("read /home/u/.ssh/known_hosts", "allow ssh-settings"),
        ("write /home/u/.ssh/id_rsa.pub", "deny private-keys"),
        ("append /home/u/.ssh/authorized_keys", "deny private-keys"),
        ("readwrite /home/u/.ssh/config", "deny private-keys"),
        ("rename /home/u/.ssh/id_rsa -> /home/u/.ssh/x.pub", "deny private-keys"),
        ("link /home/u/.ssh/id_rsa -> /home/u/.ssh/x.pub", "deny private-keys"),
        ("list /home/u/.ssh", "allow default"),
        ("read /work/space/id_rsa.pub", "allow workspace"),
        ("read /work/space/src/id_rsa.rs", "allow workspace"),
    ]);
}

#[test]
fn key_files_cannot_be_read_or_moved_but_checkouts_may_make_them() {
    let keys =
        ["/work/space/certs/server.pem", "/work/space/tests/key.pem", "/work/space/config/master.key", "/work/space/store.p12"];
    all(&LOOKS, &keys, "deny key-files");
    all(&["create PATH", "delete PATH", "write PATH", "chmod PATH", "utimens PATH"], &keys, "allow workspace");
    check(&[
        ("rename /work/space/x -> /work/space/server.pem", "deny key-files"),
        ("rename /work/space/server.key -> /work/space/server-cert.pem", "deny key-files"),
        ("read /work/space/venv/lib/python3/site-packages/certifi/cacert.pem", "allow public-certificates"),
        ("read /etc/letsencrypt/live/x/fullchain.pem", "allow public-certificates"),
        ("read /work/space/tests/ca.pem", "allow public-certificates"),
        ("read /work/space/tests/server-cert.pem", "allow public-certificates"),
        ("read /work/space/tests/server-cert-key.pem", "deny key-files"),
        ("read /work/space/src/key.rs", "allow workspace"),
        ("read /work/space/pem", "allow workspace"),
    ]);
}

#[test]
fn credentials_are_refused_for_every_operation() {
    let credentials = [
        "/home/u/.aws/credentials",
        "/work/space/.aws/config",
        "/home/u/.aws/sso/cache/x.json",
        "/home/u/.config/gcloud/application_default_credentials.json",
        "/home/u/.azure/msal_token_cache.json",
        "/home/u/.kube/config",
        "/home/u/.docker/config.json",
        "/home/u/.npmrc",
        "/home/u/.pypirc",
        "/work/space/.netrc",
        "/home/u/.git-credentials",
        "/home/u/.terraform.d/credentials.tfrc.json",
        "/home/u/.config/gh/hosts.yml",
        "/home/u/.cargo/credentials.toml",
        "/home/u/.vault-token",
        "/home/u/.pgpass",
    ];
    all(&CHANGES, &credentials, "deny cloud-credentials");
    all(&LOOKS, &credentials, "deny cloud-credentials");
}

#[test]
fn what_only_looks_like_credentials_is_not_refused() {
    check(&[
        ("read /work/space/.npmrc", "allow workspace"),
        ("create /work/space/pkg/.npmrc", "allow workspace"),
        ("read /work/space/aws/credentials.rs", "allow workspace"),
        ("read /home/u/.config/gh/config.yml", "allow default"),
        ("read /home/u/.docker/buildx/x", "allow default"),
        ("read /home/u/.cargo/config.toml", "allow default"),
        ("read /home/u/.cargo/registry/src/x/lib.rs", "allow default"),
        ("write /home/u/.cargo/registry/cache/x.crate", "allow default"),
    ]);
}

#[test]
fn start_up_files_are_readable_and_not_changeable() {
    let files = [
        "/home/u/.bashrc",
        "/work/space/.bashrc",
        "/home/u/.profile",
        "/home/u/.zshrc",
        "/home/u/.zshenv",
        "/home/u/.config/fish/config.fish",
        "/home/u/.config/autostart/x.desktop",
        "/home/u/.config/systemd/user/x.service",
        "/etc/profile",
        "/etc/profile.d/x.sh",
        "/etc/cron.d/x",
        "/var/spool/cron/crontabs/u",
    ];
    all(&CHANGES, &files, "deny start-up-files");
    all(&["read PATH", "getxattr PATH"], &files[2..], "allow default");
    check(&[
        ("read /work/space/.bashrc", "allow workspace"),
        ("readwrite /home/u/.bashrc", "deny start-up-files"),
        ("empty /home/u/.bashrc", "deny start-up-files"),
        ("write /work/space/bashrc", "allow workspace"),
        ("write /work/space/.bashrc.md", "allow workspace"),
    ]);
}

#[test]
fn git_hooks_are_readable_and_not_changeable() {
    let hooks = [
        "/work/space/.git/hooks/pre-commit",
        "/work/space/sub/.git/hooks/post-checkout",
        "/work/space/bare.git/hooks/update",
        "/work/space/.git/modules/a/b/hooks/pre-commit",
    ];
    all(&CHANGES, &hooks, "deny git-hooks");
    all(&["read PATH"], &hooks, "allow workspace");
    check(&[
        ("list /work/space/.git/hooks", "allow workspace"),
        ("rename /work/space/.git/hooks/pre-commit.sample -> /work/space/.git/hooks/pre-commit", "deny git-hooks"),
        ("link /work/space/.git/hooks/pre-commit.sample -> /work/space/.git/hooks/pre-commit", "deny git-hooks"),
        ("link /work/space/x -> /work/space/.git/hooks/x.sample", "deny git-hooks"),
        ("symlink /work/space/.git/hooks/x.sample", "deny git-hooks"),
        ("write /work/space/hooks/pre-commit", "allow workspace"),
        ("write /work/space/.git/hooks.md", "allow workspace"),
    ]);
}

/// What git 2.47 does, seen with strace, for `init`, `add`, `commit`, `clone`, `worktree add`, and `rm -rf` of a repository.
#[test]
fn git_itself_works() {
    let git = [
        "mkdir /work/space/r/.git",
        "mkdir /work/space/r/.git/hooks",
        "create /work/space/r/.git/hooks/pre-commit.sample",
        "write /work/space/r/.git/hooks/pre-commit.sample",
        "chmod /work/space/r/.git/hooks/pre-commit.sample",
        "create /work/space/r/.git/config.lock",
        "rename /work/space/r/.git/config.lock -> /work/space/r/.git/config",
        "chmod /work/space/r/.git/config",
        "create /work/space/r/.git/tKOw72i",
        "delete /work/space/r/.git/tKOw72i",
        "symlink /work/space/r/.git/tKOw72i",
        "rename /work/space/r/.git/HEAD.lock -> /work/space/r/.git/HEAD",
        "create /work/space/r/.git/objects/3b/tmp_obj_4Hf2aB",
        "link /work/space/r/.git/objects/3b/tmp_obj_4Hf2aB -> /work/space/r/.git/objects/3b/18e512dba79e4c8300dd08aeb37f8e728b8dad",
        "rename /work/space/r/.git/objects/pack/tmp_pack_x -> /work/space/r/.git/objects/pack/pack-1.pack",
        "rename /work/space/r/.git/index.lock -> /work/space/r/.git/index",
        "append /work/space/r/.git/logs/HEAD",
        "read /work/space/r/.git/hooks/pre-commit",
        "list /work/space/r/.git/hooks",
        "create /work/space/wt/.git",
        "mkdir /work/space/bare.git/hooks",
        "create /work/space/bare.git/hooks/update.sample",
        "delete /work/space/r/.git/hooks/pre-commit.sample",
        "rmdir /work/space/r/.git/hooks",
        "rmdir /work/space/r/.git",
        "rename /work/space/r -> /work/space/renamed",
    ];
    let policy = built_in();
    for operation in git {
        let found = verdict(&policy, operation);
        assert!(found.starts_with("allow "), "{operation}: {found}");
    }
}

#[test]
fn directories_that_protect_by_name_keep_their_names() {
    let directories = [
        "/home/u/.ssh",
        "/work/space/.ssh",
        "/work/space/.git",
        "/work/space/.git/hooks",
        "/work/space/bare.git/hooks",
        "/work/space/.git/modules",
        "/home/u/.aws",
        "/home/u/.gnupg",
        "/home/u/.config",
        "/home/u/.config/gcloud",
        "/home/u/.config/gh",
        "/home/u/.config/systemd",
        "/home/u/.kube",
        "/home/u/.docker",
        "/home/u/.cargo",
        "/home/u/.local/share/keyrings",
    ];
    let moves =
        ["rename PATH -> /work/space/x", "rename /work/space/x -> PATH", "exchange PATH <-> /work/space/x", "symlink PATH"];
    let policy = built_in();
    for directory in directories {
        for operation in moves {
            let operation = operation.replace("PATH", directory);
            let found = verdict(&policy, &operation);
            assert!(found.starts_with("deny "), "{operation}: {found}");
        }
        assert!(verdict(&policy, &format!("mkdir {directory}")).starts_with("allow "), "mkdir {directory}");
        assert!(verdict(&policy, &format!("list {directory}")).starts_with("allow "), "list {directory}");
    }
    check(&[
        ("rename /work/space/.github -> /work/space/x", "allow workspace"),
        ("symlink /work/space/config", "allow workspace"),
    ]);
}

#[test]
fn environment_files_are_flagged_and_let_through() {
    check(&[
        ("read /work/space/.env", "audit environment-files"),
        ("read /work/space/app/.env.local", "audit environment-files"),
        ("rename /work/space/.env -> /work/space/x", "audit environment-files"),
        ("write /work/space/.env", "allow workspace"),
        ("read /work/space/.env.example", "allow environment-examples"),
        ("read /work/space/env", "allow workspace"),
    ]);
}

#[test]
fn registries_git_hosts_and_loopback_are_reachable() {
    check(&[
        ("connect index.crates.io@151.101.2.137:443", "allow package-registries"),
        ("connect static.crates.io@151.101.2.137:443", "allow package-registries"),
        ("connect pypi.org@151.101.0.223:443", "allow package-registries"),
        ("connect files.pythonhosted.org@151.101.0.223:443", "allow package-registries"),
        ("connect registry.npmjs.org@104.16.0.35:443", "allow package-registries"),
        ("connect rubygems.org@151.101.1.227:443", "allow package-registries"),
        ("connect proxy.golang.org@142.250.1.141:443", "allow package-registries"),
        ("connect deb.debian.org@151.101.2.132:80", "allow distribution-archives"),
        ("connect de.archive.ubuntu.com@141.30.62.22:80", "allow distribution-archives"),
        ("connect github.com@140.82.121.3:443", "allow git-hosts"),
        ("connect github.com@140.82.121.3:22", "allow git-hosts"),
        ("connect codeload.github.com@140.82.121.9:443", "allow git-hosts"),
        ("connect raw.githubusercontent.com@185.199.108.133:443", "allow git-hosts"),
        ("http github.com:443", "allow git-hosts"),
        ("connect gitlab.com@172.65.251.78:443", "allow git-hosts"),
        ("connect localhost@127.0.0.1:8080", "allow loopback"),
        ("connect app.localhost@127.0.0.1:3000", "allow loopback"),
        ("connect @127.8.9.1:5432", "allow loopback"),
        ("connect [::1]@::1:5432", "allow loopback"),
        ("http 127.0.0.1:8000", "allow loopback"),
        ("http localhost:8000", "allow loopback"),
        ("connect api.anthropic.com@160.79.104.10:443", "audit model-apis"),
        ("connect api.openai.com@162.159.140.245:443", "audit model-apis"),
    ]);
}

#[test]
fn everything_else_on_the_network_is_refused_and_unknown_names_are_not_even_resolved() {
    check(&[
        ("connect evil.test@198.51.100.1:443", "deny default"),
        ("connect @198.51.100.1:443", "deny default"),
        ("http evil.test:80", "deny default"),
        ("name evil.test:443", "deny default"),
        ("name github.com.evil.test:443", "deny default"),
        ("name evilgithub.com:443", "deny default"),
        ("name github.com:443", "open"),
        ("name github.com:8443", "deny default"),
        ("connect index.crates.io@151.101.2.137:80", "deny default"),
        ("connect rebound.evil.test@127.0.0.1:80", "deny default"),
        ("connect @10.0.0.1:22", "deny default"),
    ]);
}

#[test]
fn cloud_metadata_is_refused_under_every_name() {
    check(&[
        ("connect @169.254.169.254:80", "deny cloud-metadata"),
        ("http 169.254.169.254:80", "deny cloud-metadata"),
        ("http [::ffff:169.254.169.254]:80", "deny cloud-metadata"),
        ("connect github.com@169.254.169.254:443", "deny cloud-metadata"),
        ("connect localhost@169.254.169.254:80", "deny cloud-metadata"),
        ("connect @fd00:ec2::254:80", "deny cloud-metadata"),
        ("connect @::ffff:169.254.169.254:80", "deny cloud-metadata"),
        ("connect @64:ff9b::a9fe:a9fe:80", "deny cloud-metadata"),
        ("connect metadata.google.internal@192.0.2.1:80", "deny cloud-metadata-names"),
        ("name metadata.google.internal:80", "deny cloud-metadata-names"),
        ("http METADATA.google.internal.:80", "deny cloud-metadata-names"),
    ]);
}

#[test]
fn commands_are_allowed_but_for_privileges_and_the_host() {
    check(&[
        ("exec /usr/bin/cargo | build", "allow default"),
        ("exec /bin/sh | -c | sudo id", "allow default"),
        ("exec /usr/bin/git | push", "allow default"),
        ("exec /usr/bin/sudo | id", "deny privilege-changes"),
        ("exec /bin/su", "deny privilege-changes"),
        ("exec /usr/bin/doas | id", "deny privilege-changes"),
        ("exec /usr/bin/pkexec | id", "deny privilege-changes"),
        ("exec ./harmless => /usr/bin/sudo | id", "deny privilege-changes"),
        ("exec /usr/bin/subversion", "allow default"),
        ("exec /sbin/mkfs.ext4 | /dev/sda1", "deny destroys-disks"),
        ("exec /sbin/mkfs | /dev/sda1", "deny destroys-disks"),
        ("exec /sbin/reboot => /bin/systemctl", "deny stops-the-machine"),
        ("exec /sbin/shutdown | now", "deny stops-the-machine"),
        ("exec /bin/systemctl | reboot", "deny stops-the-machine-by-systemctl"),
        ("exec /bin/systemctl | status | reboot-guard", "allow default"),
        ("exec /bin/dd | if=/dev/zero | of=/dev/sda", "deny writes-to-devices"),
        ("exec /bin/dd | if=/dev/zero | of=disk.img", "allow default"),
        ("exec /bin/dd | if=/dev/sda | of=/dev/null", "allow default"),
        ("exec /bin/rm | -rf | /", "deny deletes-the-root"),
        ("exec /bin/rm | -rf | /*", "deny deletes-the-root"),
        ("exec /bin/rm | -rf | target", "allow default"),
        ("exec /bin/rm | -rf | /tmp/x", "allow default"),
        ("exec /usr/bin/docker | run | --privileged | debian", "deny privileged-containers"),
        ("exec /usr/bin/docker | run | debian", "allow default"),
        ("exec /usr/bin/crontab | -", "deny scheduled-commands"),
        ("exec /usr/bin/nc => /bin/nc.openbsd | -l", "audit direct-network-tools"),
        ("exec /usr/bin/ssh | git@github.com", "audit direct-network-tools"),
        ("exec /usr/bin/openssl | s_client", "audit raw-tls"),
        ("exec /usr/bin/openssl | genrsa", "allow default"),
        ("exec /work/space/tool < /bin/nc", "audit direct-network-tools"),
    ]);
}
