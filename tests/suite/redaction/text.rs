//! Names that say that their value is a secret, in text of all kinds.

use super::text;

#[test]
fn g7_the_value_after_a_secret_name_goes_and_the_rest_stays() {
    for (input, expected) in [
        ("PASSWORD=hunter2", "PASSWORD=[redacted]"),
        ("export DB_PASSWORD=hunter2; psql", "export DB_PASSWORD=[redacted]; psql"),
        ("export DB_PASSWORD='hunter 2' X=1", "export DB_PASSWORD='[redacted]' X=1"),
        ("MYSQL_ROOT_PASSWORD=a&b", "MYSQL_ROOT_PASSWORD=[redacted]&b"),
        (
            "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\nregion = x",
            "aws_secret_access_key = [redacted]\nregion = x",
        ),
        (r#"{"password": "hun\"ter2", "user": "bob"}"#, r#"{"password": "[redacted]", "user": "bob"}"#),
        (r#"{"apiKey":"abc","n":1}"#, r#"{"apiKey":"[redacted]","n":1}"#),
        (r#"{\"clientSecret\":\"abc\",\"n\":1}"#, r#"{\"clientSecret\":\"[redacted]\",\"n\":1}"#),
        ("{'access_token': 'abc'}", "{'access_token': '[redacted]'}"),
        ("password: hunter2", "password: [redacted]"),
        ("spring.datasource.password=x y", "spring.datasource.password=[redacted] y"),
        ("$password = \"x\";", "$password = \"[redacted]\";"),
        ("password := `x`", "password := `x`"),
        ("token := \"abc\"", "token := \"[redacted]\""),
        ("'secret' => 'abc'", "'secret' => '[redacted]'"),
        ("headers[\"X-Api-Key\"] = \"abc\"", "headers[\"X-Api-Key\"] = \"[redacted]\""),
        ("Server=db;User Id=sa;Password=hunter2;Encrypt=yes", "Server=db;User Id=sa;Password=[redacted];Encrypt=yes"),
        ("AccountName=a;AccountKey=abc==;EndpointSuffix=b", "AccountName=a;AccountKey=[redacted];EndpointSuffix=b"),
        ("//registry.test/:_authToken=abc", "//registry.test/:_authToken=[redacted]"),
        ("TOKEN_2=abc password1=def", "TOKEN_2=[redacted] password1=[redacted]"),
        ("user=bob&password=hunter2&x=1", "user=bob&password=[redacted]&x=1"),
        ("user[password]=hunter2", "user[password]=[redacted]"),
        ("a?key=abc&code=def&n=1", "a?key=[redacted]&code=[redacted]&n=1"),
        ("password=\"never closed", "password=\"[redacted] closed"),
        ("passin pass:hunter2", "passin pass:[redacted]"),
        ("token: a1b2c3", "token: [redacted]"),
    ] {
        assert_eq!(text(input), expected);
    }
}

#[test]
fn g7_http_heads_in_text_lose_credentials_and_cookies() {
    for (input, expected) in [
        ("> Authorization: Bearer abc.def\n> Host: x", "> Authorization: Bearer [redacted]\n> Host: x"),
        ("Authorization: Basic dXNlcjpwYXNz\r\n", "Authorization: Basic [redacted]\r\n"),
        ("Authorization: something", "Authorization: [redacted]"),
        ("curl -H 'Authorization: Custom a b' x", "curl -H 'Authorization: [redacted]' x"),
        ("{\"Authorization\": \"token abc\"}", "{\"Authorization\": \"token [redacted]\"}"),
        ("Cookie: sid=abc; theme=dark\nHost: x", "Cookie: sid=[redacted]; theme=[redacted]\nHost: x"),
        ("-H 'Cookie: sid=abc' x", "-H 'Cookie: sid=[redacted]' x"),
        ("X-Api-Key: abc", "X-Api-Key: [redacted]"),
        ("use Bearer abcdefgh1 please", "use Bearer [redacted:bearer-token] please"),
    ] {
        assert_eq!(text(input), expected);
    }
}

#[test]
fn g7_urls_lose_userinfo_and_secret_parameters() {
    for (input, expected) in [
        ("postgres://app:hunter2@db.test:5432/x", "postgres://app:[redacted]@db.test:5432/x"),
        ("DATABASE_URL=mysql://root:p%40ss@db/x?ssl=1", "DATABASE_URL=mysql://root:[redacted]@db/x?ssl=1"),
        ("redis://:hunter2@cache:6379/0", "redis://:[redacted]@cache:6379/0"),
        ("mongodb+srv://u:p@a,b.test/x", "mongodb+srv://u:[redacted]@a,b.test/x"),
        ("https://u:p/a#ss@host/x", "https://u:[redacted]@host/x"),
        ("git clone https://abcdef@git.test/x.git", "git clone https://[redacted]@git.test/x.git"),
        ("https://0123456789abcdef0123456789abcdef:x-oauth-basic@git.test", "https://[redacted]@git.test"),
        (
            "https://a.test/b?token=abc&page=2#access_token=def&x=y",
            "https://a.test/b?token=[redacted]&page=2#access_token=[redacted]&x=y",
        ),
        ("see <https://a.test/?sig=abc> now", "see <https://a.test/?sig=[redacted]> now"),
        ("https://proxy.test/https://u:p@host/", "https://proxy.test/https://u:[redacted]@host/"),
        ("https://a.test/?to=https%3A%2F%2Fu%3Ap%40host", "https://a.test/?to=[redacted]"),
        ("https://a.test/?to=https://u:p@host/?key=abc", "https://a.test/?to=https://u:[redacted]@host/?key=[redacted]"),
    ] {
        assert_eq!(text(input), expected);
    }
}

#[test]
fn ordinary_text_stays() {
    for innocent in [
        "keyboard=us",
        "monkey=1 keys=2 turkey: yes",
        "PWD=/home/user OLDPWD=/tmp",
        "token_count=5 max_tokens=100 --max-token=3",
        "password_file=/run/secrets/x PASSWORD_STORE_DIR=/x",
        "NO_PASSWORD=1",
        "GITHUB_TOKEN=$GITHUB_TOKEN SECRET=${MY_SECRET} t=%TOKEN%",
        "GOOGLE_APPLICATION_CREDENTIALS=/home/u/key.json",
        "password: true, secret: null, \"token\": \"\"",
        "auth=basic auth: none \"auth\": \"required\"",
        "error: unexpected token: eof",
        "if token == expected && secret != other",
        "std::token::Secret",
        "match token => next",
        "ssh://git@github.com/a/b.git",
        "git@github.com:a/b.git",
        "https://example.test:8080/a@b/c?email=a@b.test&q=1",
        "http://[::1]:8080/x@y",
        "http://$HOST:$PORT/pkg@1.2.3",
        "docker pull registry.test/team/secret:latest",
        "http://secret:8080/x",
        "npm:lodash@4.17.21",
        "public_key=abc foreign_key: id primaryKey=1",
        "Content-Type: application/json",
        "12:30:45",
        "C:\\Users\\x",
        "\"credentials\": {\"a\": 1}",
        "RUST_LOG=info",
        "LS_COLORS=rs=0:di=01;34:ln=01;36",
    ] {
        assert_eq!(text(innocent), innocent);
    }
}
