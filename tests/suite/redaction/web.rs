//! Header fields, URLs, queries and paths.

use std::borrow::Cow;

use agentsh::event::redact;

use super::planted;

fn header(name: &str, value: &str) -> String {
    let once = redact::header_value(name, value).into_owned();
    assert_eq!(once, redact::header_value(name, &once), "a second redaction of {name}: {value} changes something");
    once
}

fn query(value: &str) -> String {
    let once = redact::query(value).into_owned();
    assert_eq!(once, redact::query(&once), "a second redaction of {value} changes something");
    once
}

fn path(value: &str) -> String {
    let once = redact::path(value).into_owned();
    assert_eq!(once, redact::path(&once), "a second redaction of {value} changes something");
    once
}

#[test]
fn g7_credentials_keep_their_scheme_and_cookies_their_names() {
    for (name, value, expected) in [
        ("authorization", "Bearer abc", "Bearer [redacted]"),
        ("Authorization", "Basic dXNlcjpwYXNz", "Basic [redacted]"),
        ("PROXY-AUTHORIZATION", "Basic dXNlcjpwYXNz", "Basic [redacted]"),
        ("authorization", "Digest username=\"a\", response=\"b\"", "Digest [redacted]"),
        ("authorization", "AWS4-HMAC-SHA256 Credential=a, Signature=b", "AWS4-HMAC-SHA256 [redacted]"),
        ("authorization", "abcdef", "[redacted]"),
        ("authorization", "hunter2 Bearer abc", "[redacted]"),
        ("cookie", "sid=abc; theme=dark;x=\"a b\"", "sid=[redacted]; theme=[redacted];x=[redacted]"),
        ("cookie", "abc", "[redacted]"),
        (
            "set-cookie",
            "sid=abc=d; Path=/; HttpOnly; Max-Age=3; SameSite=Lax",
            "sid=[redacted]; Path=/; HttpOnly; Max-Age=3; SameSite=Lax",
        ),
        ("set-cookie", "sid=abc; Unknown=def", "sid=[redacted]; Unknown=[redacted]"),
        ("x-api-key", "abc", "[redacted]"),
        ("X-Api-Key", "Bearer abc", "[redacted]"),
        ("api-key", "abc", "[redacted]"),
        ("apikey", "abc", "[redacted]"),
        ("x-auth-token", "abc", "[redacted]"),
        ("x-amz-security-token", "abc", "[redacted]"),
        ("private-token", "abc", "[redacted]"),
        ("x-vault-token", "abc", "[redacted]"),
        ("x-goog-api-key", "abc", "[redacted]"),
        ("ocp-apim-subscription-key", "abc", "[redacted]"),
        ("x-functions-key", "abc", "[redacted]"),
        ("x-csrf-token", "abc", "[redacted]"),
        ("x-hub-signature-256", "sha256=abc", "[redacted]"),
        ("location", "https://u:p@h/cb?code=abc&n=1", "https://u:[redacted]@h/cb?code=[redacted]&n=1"),
        ("location", "/cb?code=abc&n=1", "/cb?code=[redacted]&n=1"),
        ("referer", "https://h/?token=abc", "https://h/?token=[redacted]"),
    ] {
        assert_eq!(header(name, value), expected, "{name}");
    }
}

#[test]
fn ordinary_headers_stay_and_are_borrowed() {
    for (name, value) in [
        ("host", "example.test:8080"),
        ("user-agent", "curl/7.88.1"),
        ("accept", "text/html, */*;q=0.8"),
        ("etag", "\"33a64df551425fcc55e4d42a148795d9f25f89d4\""),
        ("content-type", "multipart/form-data; boundary=----x"),
        ("www-authenticate", "Bearer realm=\"x\", error=\"invalid_token\""),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("idempotency-key", "550e8400-e29b-41d4-a716-446655440000"),
        ("x-token-count", "5"),
        ("cache-control", "max-age=0, no-cache"),
        ("authorization", ""),
        ("location", "/next?page=2"),
    ] {
        assert!(matches!(redact::header_value(name, value), Cow::Borrowed(same) if same == value), "{name}: {value}");
    }
}

#[test]
fn g7_tokens_are_found_in_headers_of_any_name() {
    for (kind, secret) in planted().into_iter().filter(|(_, secret)| !secret.contains(['\n', '\r'])) {
        assert_eq!(header("x-anything", &format!("v1 {secret}, b")), format!("v1 [redacted:{kind}], b"), "{secret}");
    }
}

#[test]
fn g7_secret_fields_of_a_query_lose_their_values_in_every_spelling() {
    for name in [
        "token",
        "access_token",
        "id_token",
        "refresh_token",
        "key",
        "api_key",
        "apikey",
        "secret",
        "client_secret",
        "password",
        "passwd",
        "pwd",
        "sig",
        "signature",
        "X-Amz-Signature",
        "X-Amz-Credential",
        "X-Amz-Security-Token",
        "X-Goog-Signature",
        "auth",
        "session",
        "sessionid",
        "code",
        "jwt",
        "PASSWORD",
        "Access_Token",
        "%74oken",
        "to%6Ben",
        "%2574oken",
        "user%5Bpassword%5D",
        "clientSecret",
    ] {
        assert_eq!(query(&format!("a=1&{name}=hunter2&b=2")), format!("a=1&{name}=[redacted]&b=2"));
        assert_eq!(query(&format!("{name}=hunter2;b=2")), format!("{name}=[redacted];b=2"));
    }
    for (input, expected) in [
        ("redirect=https%3A%2F%2Fu%3Ahunter2%40h", "redirect=[redacted]"),
        ("redirect=https%253A%252F%252Fu%253Ahunter2%2540h", "redirect=[redacted]"),
        ("redirect=https://u:hunter2@h", "redirect=https://u:[redacted]@h"),
        ("u=https%3A%2F%2Fh%2F%3Faccess_token%3Dhunter2", "u=[redacted]"),
        ("token=", "token="),
        ("token", "token"),
        ("", ""),
    ] {
        assert_eq!(query(input), expected);
    }
}

#[test]
fn ordinary_queries_stay_and_are_borrowed() {
    for innocent in [
        "page=2&sort=name",
        "q=how+to+keep+a+secret",
        "token_count=5",
        "keyboard=us",
        "country_code=ch",
        "monkey=1",
        "a",
        "=x",
        "&&",
        "x=%20%21",
        "id=550e8400-e29b-41d4-a716-446655440000",
        "email=a%40b.test",
        "url=https%3A%2F%2Fexample.test%2Fa%3Fb%3Dc",
        "bad=%zz%1",
    ] {
        assert!(matches!(redact::query(innocent), Cow::Borrowed(_)), "{innocent} became {}", query(innocent));
    }
}

#[test]
fn g7_paths_lose_tokens_and_webhooks() {
    for (input, expected) in [
        ("/services/T0123ABCD/B0123ABCD/a1B2c3D4e5F6g7H8i9J0k1L2", "/services/T0123ABCD/B0123ABCD/[redacted]"),
        ("/bot123456789:AAa1B2c3D4e5a1B2c3D4e5a1B2c3D4e5a1B/getMe", "/bot123456789:[redacted:telegram-token]/getMe"),
        ("/a;jsessionid=0123ABCD/b", "/a;jsessionid=[redacted]/b"),
        ("/proxy/https://u:p@h/", "/proxy/https://u:[redacted]@h/"),
        ("/x/https%3A%2F%2Fu%3Ap%40h/y", "/x/[redacted]/y"),
    ] {
        assert_eq!(path(input), expected);
    }
    for (kind, secret) in planted().into_iter().filter(|(_, secret)| !secret.contains(char::is_whitespace)) {
        assert_eq!(path(&format!("/a/{secret}/b")), format!("/a/[redacted:{kind}]/b"));
        let encoded: String = secret.bytes().map(|byte| format!("%{byte:02X}")).collect();
        assert_eq!(path(&format!("/a/{encoded}/b")), "/a/[redacted]/b");
    }
    for innocent in
        ["/", "/services/list/x", "/a/b.c?", "/%7Euser/x%20y", "/repos/a/b/git/refs/heads/x", "/services/Tiny/Box/abcdefghijkl"]
    {
        assert!(matches!(redact::path(innocent), Cow::Borrowed(_)), "{innocent}");
    }
}

#[test]
fn g7_userinfo_alone_is_taken_out_by_its_own_function() {
    for (input, expected) in [
        ("https://u:p@h/?token=abc", "https://u:[redacted]@h/?token=abc"),
        ("https://abc@h/", "https://[redacted]@h/"),
        ("https://h/a@b", "https://h/a@b"),
    ] {
        assert_eq!(redact::url_userinfo(input), expected);
    }
}
