//! G-7, end to end: planted secrets are nowhere in the data directory.

use super::support::{Place, text};

/// Values that must not be in any file of the data directory, whatever the session does with them.
const SECRETS: [&str; 7] = [
    concat!("gh", "p_", "16C7e42F292c6912E7710c838347Ae178B4a"),
    concat!("AK", "IA", "IOSFODNN7EXAMPL3"),
    concat!("sk", "-ant-api03-", "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGH"),
    "correct-horse-battery-staple",
    "cookie-value-8f14e45f",
    "url-password-45c48cce",
    "query-secret-d3d94468",
];

#[test]
fn g7_no_secret_of_arguments_environment_headers_or_urls_enters_the_journal() {
    let place = Place::new();
    let [github, aws, anthropic, password, cookie, url_password, query] = SECRETS;
    let script = format!(
        "export GITHUB_TOKEN={github}\n\
         curl -s -o /dev/null -H 'Authorization: Bearer {anthropic}' -H 'Cookie: id={cookie}' \
             'http://user:{url_password}@127.0.0.1:9/path?token={query}&page=2'\n\
         env AWS_ACCESS_KEY_ID={aws} true --password={password}\n\
         true --password {password} {github} 'https://user:{url_password}@host/x'\n"
    );
    let output = place.command(&["sh", "-c", &script]).env("API_TOKEN", github).env("DB_PASSWORD", password).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    // Execs and requests are there, so that their absence would not make this test pass.
    let all = serde_json::to_string(&place.events()).unwrap();
    assert!(all.contains("page=2") && all.contains("--password") && all.contains("/path"), "{all}");
    let mut files = vec![place.data()];
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        let content = std::fs::read(&path).unwrap_or_default();
        for secret in SECRETS {
            let found = content.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{secret} is in {}", path.display());
        }
    }
}
