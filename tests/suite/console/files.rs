//! What is served at `/` and `/assets/…`.

use agentsh::serve::http::console::FILES;

use crate::sessions::rig::Server;

fn get(server: &Server, path: &str, more: &str) -> (String, String) {
    let (head, body) = server.raw(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{more}\r\n"));
    (head.to_lowercase(), body)
}

fn header<'h>(head: &'h str, name: &str) -> &'h str {
    head.lines().find_map(|line| line.strip_prefix(&format!("{name}: "))).unwrap_or_else(|| panic!("{name}: {head}"))
}

#[test]
fn every_file_is_served_under_a_strict_policy_and_only_once_to_who_has_it() {
    let server = Server::start();
    let paths = FILES.iter().map(|file| (format!("/assets/{}", file.name), file)).collect::<Vec<_>>();
    let page = FILES.iter().find(|file| file.name == "index.html").unwrap();
    for (path, file) in paths.iter().map(|(path, file)| (path.as_str(), *file)).chain([("/", page)]) {
        let (head, body) = get(&server, path, "");
        assert!(head.starts_with("http/1.1 200 "), "{path}: {head}");
        assert_eq!(header(&head, "content-type"), file.media, "{path}");
        assert_eq!(body.as_bytes(), file.bytes, "{path}");
        let policy = header(&head, "content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(header(&head, "x-content-type-options"), "nosniff");
        assert_eq!(header(&head, "referrer-policy"), "no-referrer");
        let tag = header(&head, "etag").to_owned();
        let (again, nothing) = get(&server, path, &format!("If-None-Match: {}\r\n", tag.replace("w/", "W/")));
        assert!(again.starts_with("http/1.1 304 "), "{path}: {again}");
        assert_eq!(nothing, "");
    }
}

#[test]
fn what_is_no_file_of_the_console_is_not_found() {
    let server = Server::start();
    for path in ["/assets/none.js", "/assets/", "/assets/..%2f..%2fCargo.toml", "/assets/style.css/x", "/index.html"] {
        let (head, _) = get(&server, path, "");
        assert!(head.starts_with("http/1.1 404 "), "{path}: {head}");
    }
}
