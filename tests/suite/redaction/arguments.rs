//! Argument lists.

use agentsh::event::{OsText, redact};

use super::{argv, planted};

#[test]
fn g7_options_and_assignments_lose_their_secrets() {
    for (input, expected) in [
        ("prog ␣ --password=hunter2", "prog ␣ --password=[redacted]"),
        ("prog ␣ --password ␣ hunter2 ␣ next", "prog ␣ --password ␣ [redacted] ␣ next"),
        ("prog ␣ --db-password ␣ -x9y8z7", "prog ␣ --db-password ␣ [redacted]"),
        ("prog ␣ --token ␣ abc", "prog ␣ --token ␣ [redacted]"),
        ("prog ␣ -token=abc ␣ -api-key ␣ def", "prog ␣ -token=[redacted] ␣ -api-key ␣ [redacted]"),
        ("prog ␣ --password= a b c", "prog ␣ --password=[redacted]"),
        ("env ␣ API_KEY=a b;c&d ␣ prog", "env ␣ API_KEY=[redacted] ␣ prog"),
        (
            "docker ␣ run ␣ -e ␣ DB_PASSWORD=x ␣ -eTOKEN=y ␣ img",
            "docker ␣ run ␣ -e ␣ DB_PASSWORD=[redacted] ␣ -eTOKEN=[redacted] ␣ img",
        ),
        ("java ␣ -DdbPassword=x ␣ Main", "java ␣ -DdbPassword=[redacted] ␣ Main"),
        ("mysql ␣ -uroot ␣ -phunter2 ␣ db", "mysql ␣ -uroot ␣ -p[redacted] ␣ db"),
        ("/usr/bin/mariadb ␣ -p ␣ db", "/usr/bin/mariadb ␣ -p ␣ db"),
        ("sshpass ␣ -p ␣ hunter2 ␣ ssh ␣ host", "sshpass ␣ -p ␣ [redacted] ␣ ssh ␣ host"),
        ("sshpass ␣ -phunter2 ␣ ssh ␣ host", "sshpass ␣ -p[redacted] ␣ ssh ␣ host"),
        ("sudo ␣ -u ␣ root ␣ mysql ␣ -phunter2", "sudo ␣ -u ␣ root ␣ mysql ␣ -p[redacted]"),
        ("docker ␣ login ␣ -u ␣ bob ␣ -p ␣ hunter2", "docker ␣ login ␣ -u ␣ bob ␣ -p ␣ [redacted]"),
        ("redis-cli ␣ -a ␣ hunter2 ␣ ping", "redis-cli ␣ -a ␣ [redacted] ␣ ping"),
        ("ldapsearch ␣ -x ␣ -w ␣ hunter2", "ldapsearch ␣ -x ␣ -w ␣ [redacted]"),
        ("smbclient ␣ -U ␣ bob%hunter2 ␣ //h/s", "smbclient ␣ -U ␣ bob%[redacted] ␣ //h/s"),
        ("openssl ␣ rsa ␣ -passin ␣ pass:a b", "openssl ␣ rsa ␣ -passin ␣ pass:[redacted]"),
        ("aws ␣ configure ␣ set ␣ aws_secret_access_key ␣ abc", "aws ␣ configure ␣ set ␣ aws_secret_access_key ␣ [redacted]"),
        ("echo ␣ password: ␣ hunter2", "echo ␣ password: ␣ [redacted]"),
        ("prog ␣ --url ␣ https://u:p@h/ ␣ x", "prog ␣ --url ␣ https://u:[redacted]@h/ ␣ x"),
        ("prog ␣ --url=postgres://u:p@h/", "prog ␣ --url=postgres://u:[redacted]@h/"),
        (
            "git ␣ -c ␣ http.extraheader=AUTHORIZATION: basic abc ␣ fetch",
            "git ␣ -c ␣ http.extraheader=AUTHORIZATION: basic [redacted] ␣ fetch",
        ),
    ] {
        assert_eq!(argv(input), expected);
    }
}

#[test]
fn g7_curl_loses_users_headers_and_cookies() {
    for (input, expected) in [
        ("curl ␣ -u ␣ bob:hunter2 ␣ http://h/", "curl ␣ -u ␣ bob:[redacted] ␣ http://h/"),
        ("curl ␣ -u ␣ : ␣ --ntlm ␣ h", "curl ␣ -u ␣ : ␣ --ntlm ␣ h"),
        ("curl ␣ -ubob:hunter2", "curl ␣ -ubob:[redacted]"),
        ("curl ␣ -sSLu ␣ bob:hunter2", "curl ␣ -sSLu ␣ bob:[redacted]"),
        ("curl ␣ --user ␣ bob:hunter2", "curl ␣ --user ␣ bob:[redacted]"),
        ("curl ␣ --user=bob:hunter2", "curl ␣ --user=bob:[redacted]"),
        ("curl ␣ --proxy-user ␣ bob:hunter2", "curl ␣ --proxy-user ␣ bob:[redacted]"),
        ("curl ␣ -x ␣ bob:hunter2@proxy:3128", "curl ␣ -x ␣ bob:[redacted]@proxy:3128"),
        ("curl ␣ -u ␣ a1b2c3d4e5f6a7b8c9d0: ␣ h", "curl ␣ -u ␣ [redacted] ␣ h"),
        ("curl ␣ -H ␣ Authorization: Bearer abc", "curl ␣ -H ␣ Authorization: Bearer [redacted]"),
        ("curl ␣ -HX-Api-Key: a b c", "curl ␣ -HX-Api-Key: [redacted]"),
        ("curl ␣ --header=PRIVATE-TOKEN: abc", "curl ␣ --header=PRIVATE-TOKEN: [redacted]"),
        ("curl ␣ --header ␣ Cookie: a=b; c=d", "curl ␣ --header ␣ Cookie: a=[redacted]; c=[redacted]"),
        ("curl ␣ -b ␣ sid=abc; t=def", "curl ␣ -b ␣ sid=[redacted]; t=[redacted]"),
        ("curl ␣ --oauth2-bearer ␣ abc", "curl ␣ --oauth2-bearer ␣ [redacted]"),
        ("curl ␣ --cert ␣ c.pem:hunter2", "curl ␣ --cert ␣ c.pem:[redacted]"),
        ("curl ␣ -d ␣ user=a&password=b", "curl ␣ -d ␣ user=a&password=[redacted]"),
        ("curl ␣ -d ␣ {\"password\":\"b\"}", "curl ␣ -d ␣ {\"password\":\"[redacted]\"}"),
        ("curl ␣ h/x?sig=abc&n=1", "curl ␣ h/x?sig=[redacted]&n=1"),
        ("wget ␣ --header ␣ Authorization: token x", "wget ␣ --header ␣ Authorization: token [redacted]"),
        ("http ␣ -a ␣ bob:hunter2 ␣ h", "http ␣ -a ␣ bob:[redacted] ␣ h"),
    ] {
        assert_eq!(argv(input), expected);
    }
}

#[test]
fn g7_shell_text_is_read_as_arguments() {
    for (input, expected) in [
        ("sh ␣ -c ␣ curl -u bob:hunter2 http://h/ | jq .", "sh ␣ -c ␣ curl -u bob:[redacted] http://h/ | jq ."),
        ("bash ␣ -lc ␣ mysql -phunter2 db < x", "bash ␣ -lc ␣ mysql -p[redacted] db < x"),
        ("sh ␣ -c ␣ TOKEN=abc ./run --password 'a b' x", "sh ␣ -c ␣ TOKEN=[redacted] ./run --password '[redacted]' x"),
        ("sh ␣ -c ␣ cd /x && X=1 sudo mysql -p\"a b\" y", "sh ␣ -c ␣ cd /x && X=1 sudo mysql -p\"[redacted]\" y"),
        ("sh ␣ -c ␣ curl -H \"Authorization: Bearer abc\" h; ls", "sh ␣ -c ␣ curl -H \"Authorization: Bearer [redacted]\" h; ls"),
        ("sh ␣ -c ␣ bash -c 'curl -u a:b h'", "sh ␣ -c ␣ bash -c 'curl -u a:[redacted] h'"),
        ("sh ␣ -c ␣ x=\"$(curl -u a:b h)\"", "sh ␣ -c ␣ x=\"$(curl -u a:[redacted] h)\""),
        ("sudo ␣ bash ␣ -c ␣ curl -u a:b h", "sudo ␣ bash ␣ -c ␣ curl -u a:[redacted] h"),
        ("ssh ␣ host ␣ mysql -phunter2", "ssh ␣ host ␣ mysql -p[redacted]"),
        ("sh ␣ -c ␣ if curl -u a:b h; then true; fi", "sh ␣ -c ␣ if curl -u a:[redacted] h; then true; fi"),
        ("sh ␣ -c ␣ it's unbalanced --token abc", "sh ␣ -c ␣ it's unbalanced --token abc"),
        ("sh ␣ -c ␣ PASSWORD= ./run", "sh ␣ -c ␣ PASSWORD= ./run"),
    ] {
        assert_eq!(argv(input), expected);
    }
}

#[test]
fn ordinary_arguments_stay() {
    for innocent in [
        "ls ␣ -la ␣ /tmp",
        "prog ␣ --token-count ␣ 5",
        "prog ␣ --max-tokens ␣ 100 ␣ --no-password ␣ file",
        "setxkbmap ␣ keyboard=us",
        "mkdir ␣ -p/tmp/x ␣ -p ␣ y",
        "cp ␣ -pr ␣ a ␣ b",
        "docker ␣ run ␣ -p ␣ 80:80 ␣ --user ␣ 1000:1000 ␣ nginx:latest",
        "git ␣ checkout ␣ efd9998c0ffee0123456789abcdef0123456789a",
        "git ␣ commit ␣ -m ␣ fix token: handle eof",
        "git ␣ clone ␣ git@github.com:a/b.git",
        "curl ␣ -u ␣ bob ␣ -o ␣ out ␣ https://h/x",
        "curl ␣ -ofile_u ␣ -H ␣ Accept: text/html",
        "curl ␣ -b ␣ cookies.txt",
        "ssh ␣ -i ␣ ~/.ssh/id_ed25519 ␣ user@host",
        "prog ␣ --private-key ␣ /etc/ssl/key.pem ␣ --credentials=~/c.json",
        "prog ␣ --password ␣ --host ␣ h",
        "prog ␣ --password ␣ -h ␣ localhost",
        "prog ␣ --password-stdin ␣ x",
        "prog ␣ --auth ␣ basic",
        "sh ␣ -c ␣ echo $TOKEN > /dev/null && [ \"$SECRET_NAME\" = x ]",
        "sh ␣ -c ␣ GITHUB_TOKEN=$GITHUB_TOKEN gh pr list",
        "python3 ␣ -c ␣ print('a' == 'b')",
        "echo ␣ base64 ␣ SGVsbG8sIHdvcmxkIQ==",
        "dd ␣ if=/dev/zero ␣ of=x ␣ bs=1M",
        "cargo ␣ test ␣ --key-order=asc",
        "openssl ␣ x509 ␣ -in ␣ c.pem ␣ -pubkey",
        "find ␣ . ␣ -name ␣ *.key",
        "awk ␣ -F: ␣ {print $1}",
    ] {
        assert_eq!(argv(innocent), innocent);
    }
}

#[test]
fn g7_planted_tokens_survive_in_no_argument() {
    for (_, secret) in planted() {
        for list in [
            format!("prog ␣ {secret}"),
            format!("prog ␣ --name={secret}"),
            format!("prog ␣ -x{secret}"),
            format!("sh ␣ -c ␣ echo \"{secret}\" | cat"),
            format!("sh ␣ -c ␣ bash -c \"echo '{secret}'\""),
            format!("curl ␣ -u ␣ {secret}:x-oauth-basic"),
            format!("curl ␣ https://{secret}@host/"),
            format!("curl ␣ -H ␣ X-Custom: {secret}"),
        ] {
            assert!(!argv(&list).contains(&secret), "{list}");
        }
    }
}

#[test]
fn arguments_that_are_not_utf8_keep_their_other_bytes() {
    let list =
        [OsText::from("curl"), OsText::from("-u"), OsText::from_bytes(*b"b\xf6b:h\xfcnter2"), OsText::from_bytes(*b"\xff\xfe")];
    let redacted = redact::argv(&list);
    assert_eq!(redacted[2].as_bytes(), b"b\xf6b:[redacted]");
    assert_eq!(redacted[3].as_bytes(), b"\xff\xfe");
}
